package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A shelf has objects in memory, as a backend has them.
type shelf map[git.Hash]storage.Object

// add adds a blob, as a delta if there is a base, and returns its name.
func (s shelf) add(t testing.TB, data []byte, base git.Hash) git.Hash {
	t.Helper()
	h, err := git.Sum(storage.Blob, data)
	if err != nil {
		t.Fatal(err)
	}
	o := storage.Object{Hash: h, Type: storage.Blob, Size: int64(len(data)), Data: data}
	if !base.IsZero() {
		o.Delta = &storage.Delta{Base: base, Depth: 1, Ops: git.Difference(s[base].Data, data)}
	}
	s[h] = o
	return h
}

func (s shelf) Stat(_ context.Context, h git.Hash) (storage.Type, int64, error) {
	o, ok := s[h]
	if !ok {
		return 0, 0, storage.ErrNotFound
	}
	return o.Type, o.Size, nil
}

func (s shelf) Object(_ context.Context, h git.Hash) (storage.Object, error) {
	o, ok := s[h]
	if !ok {
		return o, storage.ErrNotFound
	}
	if o.Delta != nil {
		o.Data = nil
	}
	return o, nil
}

func (s shelf) Whole(_ context.Context, h git.Hash) (storage.Type, []byte, error) {
	return s[h].Type, s[h].Data, nil
}

func (s shelf) Open(_ context.Context, h git.Hash) (storage.Type, int64, io.ReadCloser, error) {
	o := s[h]
	if o.Delta != nil {
		return 0, 0, nil, storage.ErrDelta
	}
	return o.Type, o.Size, io.NopCloser(bytes.NewReader(o.Data)), nil
}

// listOf returns a list of objects in order.
func listOf(hashes ...git.Hash) List {
	l := List{Set: &Set{}}
	for _, h := range hashes {
		place, _ := l.Add(h)
		l.Order = append(l.Order, uint32(place))
	}
	return l
}

// TestWrite writes objects whose bases come before and after them, are not in the pack, go round in a circle, and are
// too large to be held, and reads the pack.
func TestWrite(t *testing.T) {
	s := shelf{}
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		return []byte(fmt.Sprintf("%d %d\n%s", n, random.Uint64(), bytes.Repeat([]byte("line\n"), 100)))
	}
	large := make([]byte, storage.LargeObject+3)
	var order, chain []git.Hash
	order = append(order, s.add(t, large, git.Hash{}), s.add(t, []byte{}, git.Hash{}))
	last := git.Hash{}
	for i := range 3 * aheadObjects {
		if i%40 == 0 {
			last = git.Hash{}
		}
		last = s.add(t, text(i), last)
		chain = append(chain, last)
	}
	for i := range chain { // newest first, as in histories, so that bases are ahead, some of them far
		order = append(order, chain[len(chain)-1-i])
	}
	order[500], order[len(order)-1] = order[len(order)-1], order[500]
	outside := s.add(t, text(-1), git.Hash{})
	thin := s.add(t, text(-2), outside)
	a := s.add(t, text(-3), git.Hash{})
	b := s.add(t, text(-4), a)
	o := s[a]
	o.Delta = &storage.Delta{Base: b, Depth: 1, Ops: git.Difference(s[b].Data, o.Data)}
	s[a] = o
	order = append(order, thin, a, b)

	for _, isThin := range []bool{false, true} {
		list := listOf(order...)
		if isThin {
			list.Outside = func(h git.Hash) bool { return h == outside }
		}
		var first, again bytes.Buffer
		told := 0
		written, err := Write(t.Context(), &first, s, list, func(done int, _ int64) error { told = done; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Write(t.Context(), &again, s, list, nil); err != nil || !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Errorf("a second pack is another one, %v", err)
		}
		if told != len(order) || len(written.Entries) != len(order) || written.Size != int64(first.Len()) {
			t.Errorf("Write() = %d entries, %d bytes, told of %d, want %d and %d", len(written.Entries), written.Size, told,
				len(order), first.Len())
		}
		var mu sync.Mutex
		based, seen, deltas := false, map[git.Hash]bool{}, 0
		p, err := Read(t.Context(), bytes.NewReader(first.Bytes()), int64(first.Len()), Options{
			Blob: 1 << 30, Total: 1 << 30, Objects: 1 << 20,
			Base: func(_ context.Context, h git.Hash) (storage.Type, []byte, error) {
				based = based || h == outside
				return s.Whole(t.Context(), h)
			},
			Check: func(o *Object) error {
				mu.Lock()
				defer mu.Unlock()
				seen[o.Hash] = true
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.entries {
			if p.entries[i].isDelta() {
				deltas++
			}
		}
		want := len(chain) - (len(chain)+39)/40 + 1 // all but the first of each chain, and one of the circle
		if isThin {
			want++
		}
		if len(seen) != len(order) || based != isThin || deltas != want {
			t.Errorf("the pack has %d objects, %d of them deltas, based on others: %v, want %d, %d and %v", len(seen), deltas,
				based, len(order), want, isThin)
		}
		for _, h := range order {
			if !seen[h] {
				t.Fatalf("the pack lacks %s", h)
			}
		}
	}
}

// TestWriteFails has reading, telling and writing fail, and the context end.
func TestWriteFails(t *testing.T) {
	s := shelf{}
	var order []git.Hash
	for i := range 100 {
		order = append(order, s.add(t, fmt.Append(nil, i), git.Hash{}))
	}
	errTold := errors.New("told")
	_, err := Write(t.Context(), io.Discard, s, listOf(order...), func(done int, _ int64) error {
		if done == 50 {
			return errTold
		}
		return nil
	})
	if err != errTold {
		t.Errorf("Write() whose progress fails = %v, want %v", err, errTold)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Write(ctx, io.Discard, s, listOf(order...), func(done int, _ int64) error {
		if done == 50 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Write() that is cancelled = %v, want %v", err, context.Canceled)
	}
	delete(s, order[70])
	if _, err = Write(t.Context(), io.Discard, s, listOf(order...), nil); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Write() of what is missing = %v, want %v", err, storage.ErrNotFound)
	}
}

// TestSet compares a Set with a map.
func TestSet(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var s Set
	places := map[git.Hash]int{}
	for range 5000 {
		h := git.Hash{byte(random.IntN(20)), byte(random.IntN(200))}
		_, known := places[h]
		if at, ok := s.Find(h); ok != known || ok && at != places[h] {
			t.Fatalf("Find(%s) = %d, %v, want %d, %v", h, at, ok, places[h], known)
		}
		at, fresh := s.Add(h)
		if fresh == known || known && at != places[h] || s.At(at) != h {
			t.Fatalf("Add(%s) = %d, %v, want %d, %v", h, at, fresh, places[h], !known)
		}
		places[h] = at
	}
	if s.Len() != len(places) {
		t.Errorf("Len() = %d, want %d", s.Len(), len(places))
	}
}
