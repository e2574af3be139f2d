package reposittest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/memory"
)

// Epoch is the time at which stores of New are, always: the first second of 2026.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// New returns an empty store in memory, which is closed when the test and its subtests have ended. Where opts, which
// may be nil, say nothing else, its clock stands still at Epoch and its IDs are those of IDs, so that the same calls
// make the same hashes. Each call makes a store of its own: parallel tests share nothing.
func New(tb testing.TB, opts *reposit.Options) *reposit.Store {
	tb.Helper()
	return open(tb, memory.New(), opts)
}

func open(tb testing.TB, b storage.Backend, opts *reposit.Options) *reposit.Store {
	tb.Helper()
	var o reposit.Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = Clock(Epoch, 0)
	}
	if o.IDs == nil {
		o.IDs = IDs()
	}
	s, err := reposit.Open(tb.Context(), b, &o)
	if err != nil {
		tb.Fatalf("reposittest: opening a store: %v", errors.Join(err, b.Close()))
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, reposit.ErrClosed) {
			tb.Errorf("reposittest: closing the store: %v", err)
		}
	})
	return s
}

// Backends runs fn as a subtest on a store of each backend: memory, badger, and billyfs, the latter two in directories
// that go with the test. The stores are otherwise as New makes them: what fn does has the same hashes and IDs on each.
func Backends(t *testing.T, fn func(t *testing.T, s *reposit.Store)) {
	t.Helper()
	for name, make := range map[string]func(dir string) (storage.Backend, error){
		"memory": func(string) (storage.Backend, error) { return memory.New(), nil },
		"badger": func(dir string) (storage.Backend, error) {
			return badger.Open(dir, &badger.Options{Durability: storage.NoSync})
		},
		"billyfs": func(dir string) (storage.Backend, error) {
			return billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := make(t.TempDir())
			if err != nil {
				t.Fatalf("reposittest: opening the backend: %v", err)
			}
			fn(t, open(t, b, nil))
		})
	}
}

// Clock returns a clock for Options.Now that says start at first, and step more each time that it is asked, in
// whichever goroutine. How often a store asks is not fixed: a commit asks once or twice. With a step of 0 it stands
// still.
func Clock(start time.Time, step time.Duration) func() time.Time {
	var asked atomic.Int64
	return func() time.Time { return start.Add(time.Duration(asked.Add(1)-1) * step) }
}

// IDs returns a source for Options.IDs that counts: rp_00000000000000000001, rp_00000000000000000002, and so
// on, in base 36.
func IDs() func() reposit.ID {
	var last atomic.Uint64
	return func() reposit.ID {
		const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
		var id storage.ID
		n := last.Add(1)
		for i := len(id) - 1; i >= 0; i-- {
			id[i], n = digits[n%36], n/36
		}
		return reposit.ID("rp_" + id.String())
	}
}

// ErrInjected is what an Update fails with that FailAfter fails.
var ErrInjected = errors.New("reposittest: injected failure")

// FailAfter returns b with a fault: the nth unit of work (storage.Backend.Update) from now on fails with ErrInjected,
// after all that it does, and nothing of it is kept. Those before and after it succeed, as they would on b. To open a
// store takes some, too, so a test of all paths goes through n from 1 on until it arrives at one that fails nothing:
//
//	for n := 1; ; n++ {
//		store, err := reposit.Open(ctx, reposittest.FailAfter(memory.New(), n), nil)
//		…
//	}
func FailAfter(b storage.Backend, n int) storage.Backend {
	return &failing{Backend: b, left: n}
}

type failing struct {
	storage.Backend

	mu   sync.Mutex
	left int // until the one that fails
}

// Exclusive implements what storage.Exclusive asks.
func (f *failing) Exclusive() bool { return storage.Exclusive(f.Backend) }

// Update implements storage.Backend.
func (f *failing) Update(ctx context.Context, fn func(storage.Tx) error) error {
	f.mu.Lock()
	f.left--
	fails := f.left == 0
	f.mu.Unlock()
	if !fails {
		return f.Backend.Update(ctx, fn)
	}
	return f.Backend.Update(ctx, func(tx storage.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return ErrInjected
	})
}
