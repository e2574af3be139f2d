package reposit_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"go.uber.org/goleak"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/memory"
	"github.com/reposit/reposit/storage/storagetest"
)

var (
	seed     = flag.Uint64("seed", 1, "of the random histories")
	networks = flag.Uint64("networks", 1, "how many random networks of forks TestDoors goes through, on each backend")
	alike    = flag.Bool("alike", false, "have long tests run on backends, too, that go the ways of another")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A store is an open store with what tests look at behind its back.
type store struct {
	*reposit.Store
	backend storage.Backend
	dir     string // where billyfs keeps it on disk; else ""
}

// An opener opens a new, empty store, which is closed at the end of the test.
type opener func(*reposit.Options) *store

var noSync = &badger.Options{Durability: storage.NoSync}

// backends are all that reposit runs on. Syncing is theirs to test.
var backends = []struct {
	name  string
	alike bool // goes the ways of another, so that long tests and -short do without
	open  func(t testing.TB) (b storage.Backend, dir string, err error)
}{
	{"memory", false, func(testing.TB) (storage.Backend, string, error) { return memory.New(), "", nil }},
	{"badger-memory", true, func(testing.TB) (storage.Backend, string, error) {
		b, err := badger.Open("", &badger.Options{InMemory: true})
		return b, "", err
	}},
	{"badger", false, func(t testing.TB) (storage.Backend, string, error) {
		b, err := badger.Open(storagetest.TempDir(t), noSync)
		return b, "", err
	}},
	{"billyfs-memfs", true, func(testing.TB) (storage.Backend, string, error) {
		b, err := billyfs.Open(memfs.New(), nil)
		return b, "", err
	}},
	{"billyfs-osfs", false, func(t testing.TB) (storage.Backend, string, error) {
		dir := storagetest.TempDir(t)
		b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		return b, dir, err
	}},
}

// eachBackend runs a test on every backend; with -short, on one of each kind.
func eachBackend(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	onBackends(t, testing.Short(), test)
}

// eachKind is eachBackend for tests that take seconds: it runs a test on one backend of each kind; with -alike, on all.
func eachKind(t *testing.T, test func(t *testing.T, open opener)) {
	t.Helper()
	onBackends(t, testing.Short() || !*alike, test)
}

func onBackends(t *testing.T, kinds bool, test func(t *testing.T, open opener)) {
	t.Helper()
	for _, b := range backends {
		if b.alike && kinds {
			continue
		}
		t.Run(b.name, func(t *testing.T) {
			test(t, func(opts *reposit.Options) *store {
				t.Helper()
				backend, dir, err := b.open(t)
				if err != nil {
					t.Fatal(err)
				}
				return openStore(t, backend, dir, opts)
			})
		})
	}
}

// rawBackend opens the backend of a name.
func rawBackend(t testing.TB, name string) storage.Backend {
	t.Helper()
	for _, b := range backends {
		if b.name == name {
			backend, _, err := b.open(t)
			if err != nil {
				t.Fatal(err)
			}
			return backend
		}
	}
	t.Fatalf("no backend %q", name)
	return nil
}

// openStore opens a store that does nothing by itself, unless opts say when it does.
func openStore(t testing.TB, b storage.Backend, dir string, opts *reposit.Options) *store {
	t.Helper()
	if opts == nil || opts.Upkeep == (reposit.Upkeep{}) {
		opts = quiet(opts)
	}
	s, err := reposit.Open(t.Context(), b, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &store{s, b, dir}
}

// quiet returns options with which a store does nothing by itself, as tests need that count or compare what it does.
func quiet(opts *reposit.Options) *reposit.Options {
	var o reposit.Options
	if opts != nil {
		o = *opts
	}
	o.Upkeep.Off = true
	return &o
}

// openMemory opens a store in memory, for tests of what does not depend on the backend.
func openMemory(t testing.TB, opts *reposit.Options) *store {
	t.Helper()
	return openStore(t, memory.New(), "", opts)
}

// A clock stands still until it is told to go on.
type clock struct{ nanos atomic.Int64 }

var newYear = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(newYear.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanos.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// fixed returns options by which two runs are equal, and their clock.
func fixed() (*reposit.Options, *clock) {
	c := newClock()
	var last atomic.Int64
	ids := func() reposit.ID { return reposit.ID(fmt.Sprintf("rp_%020d", last.Add(1))) }
	return &reposit.Options{Now: c.now, IDs: ids}, c
}

// create makes a repository that must be possible.
func create(t testing.TB, s *store, name string, opts *reposit.CreateOptions) *reposit.Repo {
	t.Helper()
	r, err := s.Create(t.Context(), name, opts)
	if err != nil {
		t.Fatalf("Create(%q) = %v", name, err)
	}
	return r
}

// commit makes a commit that must be possible.
func commit(t testing.TB, r *reposit.Repo, opts *reposit.CommitOptions, changes ...reposit.Change) *reposit.Commit {
	t.Helper()
	c, err := r.Commit(t.Context(), opts, changes...)
	if err != nil {
		t.Fatalf("Commit() = %v", err)
	}
	return c
}

// write makes a commit of one file on the default branch.
func write(t testing.TB, r *reposit.Repo, path, content string) *reposit.Commit {
	t.Helper()
	c, err := r.Write(t.Context(), path, []byte(content), "write "+path)
	if err != nil {
		t.Fatalf("Write(%q) = %v", path, err)
	}
	return c
}

// ref returns a pointer to a copy of v.
func ref[T any](v T) *T { return &v }

func storageID(r *reposit.Repo) storage.ID { return storage.ID([]byte(string(r.ID())[len("rp_"):])) }

var lastHash = func() (h storage.Hash) {
	for i := range h {
		h[i] = 0xff
	}
	return h
}()

// digest returns a hash of all that a store holds: records, refs, logs and names of objects. Two stores on different
// backends that hold the same have the same digest.
func (s *store) digest(t testing.TB) string {
	t.Helper()
	return s.sum(t, true)
}

// digestOfNames is digest without objects, some of which may be left over from what was given up.
func (s *store) digestOfNames(t testing.TB) string {
	t.Helper()
	return s.sum(t, false)
}

func (s *store) sum(t testing.TB, objects bool) string {
	t.Helper()
	d := digester{t: t, ctx: context.WithoutCancel(t.Context()), h: sha256.New()}
	var ids []storage.ID
	err := s.backend.View(d.ctx, func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			if rec.Key[0] == 'M' { // internal/catalog: the secret, which is random
				continue
			}
			d.add("record", rec.Key, rec.Value)
			if rec.Key[0] == 'i' { // internal/catalog: a repository
				ids = append(ids, storage.ID(rec.Key[1:]))
			}
		}
		for _, id := range ids {
			if err := d.refs(v, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !objects {
			break
		}
		for h, err := range s.backend.Objects(d.ctx, id, storage.Hash{}, lastHash) {
			if err != nil {
				t.Fatal(err)
			}
			d.add("object", h)
		}
	}
	return hex.EncodeToString(d.h.Sum(nil))
}

type digester struct {
	t   testing.TB
	ctx context.Context
	h   hash.Hash
}

func (d *digester) add(what ...any) { fmt.Fprintf(d.h, "%q\n", what) }

func (d *digester) refs(v storage.View, id storage.ID) error {
	for r, err := range v.Refs(id, "", "") {
		if err != nil {
			return err
		}
		d.add(id.String(), r.Name, r.Hash.String(), r.Target)
		for e, err := range v.Log(id, r.Name) {
			if err != nil {
				return err
			}
			d.add(e.Old.String(), e.New.String(), e.Name, e.Email, e.When.Unix(), e.When.Format("-0700"), e.Message)
		}
	}
	return nil
}

// objects returns how many objects a repository's pool holds.
func (s *store) objects(t testing.TB, id storage.ID) int {
	t.Helper()
	n := 0
	for _, err := range s.backend.Objects(t.Context(), id, storage.Hash{}, lastHash) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
