package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

var pool = storage.ID([]byte("00000000000000000001"))

func hashOf(t testing.TB, kind storage.Type, data []byte) git.Hash {
	t.Helper()
	h, err := git.Sum(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A counter counts what is read, and may change it.
type counter struct {
	storage.Backend
	mu      sync.Mutex
	objects int
	change  func(*storage.Object)
}

func (c *counter) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	c.mu.Lock()
	c.objects++
	c.mu.Unlock()
	o, err := c.Backend.Object(ctx, pool, h)
	if err == nil && c.change != nil {
		c.change(&o)
	}
	return o, err
}

func newBackend(t testing.TB, objects ...storage.Object) *counter {
	t.Helper()
	b := &counter{Backend: memory.New()}
	t.Cleanup(func() { b.Close() })
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		for _, o := range objects {
			if _, err := tx.PutObject(pool, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// chain returns versions of a blob, each a delta from the one before.
func chain(t testing.TB, n int) (objects []storage.Object, contents [][]byte) {
	t.Helper()
	for i := range n {
		data := []byte(strings.Repeat("a line that stays\n", 50) + fmt.Sprint("version ", i))
		o := storage.Object{Hash: hashOf(t, storage.Blob, data), Type: storage.Blob, Size: int64(len(data)), Data: data}
		if i > 0 {
			o.Delta = &storage.Delta{Base: objects[i-1].Hash, Depth: i, Ops: git.Difference(contents[i-1], data)}
		}
		objects, contents = append(objects, o), append(contents, data)
	}
	return objects, contents
}

func TestDeltas(t *testing.T) {
	objects, contents := chain(t, 30)
	b := newBackend(t, objects...)
	s := New(b, 1<<20)
	for _, i := range []int{29, 0, 15, 16, 29} {
		item, err := s.Item(t.Context(), pool, objects[i].Hash)
		if err != nil || !bytes.Equal(item.Data, contents[i]) || item.Depth != i {
			t.Errorf("Item(%d) = %+v, %v", i, item, err)
		}
	}
	before := b.objects
	if _, err := s.Item(t.Context(), pool, objects[29].Hash); err != nil || b.objects != before {
		t.Errorf("Item() reads %d objects of what is in memory", b.objects-before)
	}
	if _, err := s.Item(t.Context(), pool, objects[17].Hash); err != nil || b.objects != before+1 {
		t.Errorf("Item() reads %d objects for a delta whose base is in memory, want 1", b.objects-before)
	}
	if kind, data, err := s.Pass(t.Context(), pool, objects[20].Hash); err != nil || kind != storage.Blob ||
		!bytes.Equal(data, contents[20]) || s.Cached(pool, objects[20].Hash) != nil {
		t.Errorf("Pass() = %v, %d bytes, %v; cached: %v", kind, len(data), err, s.Cached(pool, objects[20].Hash))
	}
}

// TestDamage reads objects whose deltas are damaged. Wrong bytes are never returned.
func TestDamage(t *testing.T) {
	objects, _ := chain(t, 3)
	for name, change := range map[string]func(o *storage.Object){
		"a missing base":     func(o *storage.Object) { o.Delta.Base = storage.Hash{1} },
		"its own base":       func(o *storage.Object) { o.Delta.Base = o.Hash },
		"other instructions": func(o *storage.Object) { o.Delta.Ops[len(o.Delta.Ops)-1]++ },
		"no instructions":    func(o *storage.Object) { o.Delta.Ops = nil },
		"a smaller size":     func(o *storage.Object) { o.Size-- },
		"no commit":          func(o *storage.Object) { o.Type, o.Data, o.Delta = storage.Commit, []byte("x"), nil },
		"no tree":            func(o *storage.Object) { o.Type, o.Data, o.Delta = storage.Tree, []byte("x"), nil },
	} {
		b := newBackend(t, objects...)
		b.change = func(o *storage.Object) {
			if o.Hash == objects[2].Hash {
				d := *o.Delta
				d.Ops = bytes.Clone(d.Ops)
				o.Delta = &d
				change(o)
			}
		}
		if item, err := New(b, 1<<20).Item(t.Context(), pool, objects[2].Hash); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("Item() with %s = %+v, %v, want %v", name, item, err, storage.ErrCorrupt)
		}
	}
	s := New(newBackend(t, objects...), 1<<20)
	if _, err := s.Item(t.Context(), pool, storage.Hash{9}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Item() of nothing = %v, want %v", err, storage.ErrNotFound)
	}
	if _, err := s.Tree(t.Context(), pool, objects[0].Hash); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Tree() of a blob = %v, want %v", err, storage.ErrNotFound)
	}
	if _, err := s.Commit(t.Context(), pool, objects[0].Hash); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Commit() of a blob = %v, want %v", err, storage.ErrNotFound)
	}
	other := storage.ID([]byte("00000000000000000002"))
	if _, err := s.Item(t.Context(), pool, objects[0].Hash); err != nil {
		t.Error(err)
	}
	if _, err := s.Item(t.Context(), other, objects[0].Hash); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Item() of another pool = %v, want %v", err, storage.ErrNotFound)
	}
}

// TestCacheBounds fills caches of all sizes. They hold no more than they may, and something of it.
func TestCacheBounds(t *testing.T) {
	for _, limit := range []int64{1, 1 << 10, 1 << 16, 1 << 20} {
		c := newCache(limit)
		for i := range 20_000 {
			h := hashOf(t, storage.Blob, fmt.Append(nil, i))
			c.add(pool, h, &Item{Type: storage.Blob, Size: 100, Data: make([]byte, i%1000)})
			if i%3 == 0 {
				c.get(pool, h)
			}
		}
		held, items := int64(0), 0
		for i := range c.shards {
			s := &c.shards[i]
			bytes := int64(0)
			for _, slot := range s.ring {
				bytes += slot.cost
				if s.items[slot.name] != slot {
					t.Errorf("limit %d: a slot is not found by its name", limit)
				}
			}
			if bytes != s.bytes || len(s.ring) != len(s.items) {
				t.Errorf("limit %d: %d bytes in %d slots, counted %d in %d", limit, bytes, len(s.ring), s.bytes, len(s.items))
			}
			held += bytes
			items += len(s.items)
		}
		if held > limit || limit >= 1<<16 && items < 16 {
			t.Errorf("limit %d: holds %d bytes in %d items", limit, held, items)
		}
	}
}

// TestCacheUpgrade asks for sizes and contents of the same objects at once.
func TestCacheUpgrade(t *testing.T) {
	objects, contents := chain(t, 10)
	b := newBackend(t, objects...)
	for range 200 {
		s := New(b, 1<<20)
		var group sync.WaitGroup
		for g := range 4 {
			group.Go(func() {
				for i, o := range objects {
					if g%2 == 0 {
						if _, size, err := s.Stat(t.Context(), pool, o.Hash); err != nil || size != o.Size {
							t.Errorf("Stat() = %d, %v", size, err)
						}
					}
					if data, err := s.Blob(t.Context(), pool, o.Hash); err != nil || !bytes.Equal(data, contents[i]) {
						t.Errorf("Blob() = %d bytes, %v", len(data), err)
					}
				}
			})
		}
		group.Wait()
	}
}

func TestOpenAndMatching(t *testing.T) {
	objects, contents := chain(t, 50)
	s := New(newBackend(t, objects...), 1<<20)
	size, content, err := s.Open(t.Context(), pool, objects[40].Hash)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if data, err := io.ReadAll(content); err != nil || size != objects[40].Size || !bytes.Equal(data, contents[40]) {
		t.Errorf("Open() = %d bytes of %d, %v", len(data), size, err)
	}
	for _, digits := range []string{"", "0", "a", "F", "00", objects[7].Hash.String()[:5], objects[7].Hash.String()} {
		var got, want []string
		for h, err := range s.Matching(t.Context(), pool, digits) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.String())
		}
		for _, o := range objects {
			if strings.HasPrefix(o.Hash.String(), strings.ToLower(digits)) {
				want = append(want, o.Hash.String())
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("Matching(%q) = %v, want %v", digits, got, want)
		}
	}
}

func TestHead(t *testing.T) {
	objects, contents := chain(t, 3)
	tree := storage.Object{Hash: git.EmptyTree, Type: storage.Tree, Data: []byte{}}
	b := newBackend(t, append(objects, tree)...)
	s := New(b, 1<<20)
	large := bytes.Repeat([]byte("large"), storage.LargeObject)
	stage, err := b.Stage(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	w, err := stage.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(large); err != nil {
		t.Fatal(err)
	}
	name := hashOf(t, storage.Blob, large)
	if err := errors.Join(w.Commit(t.Context(), name, storage.Blob), stage.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	check := func(h git.Hash, content []byte, n int64) {
		t.Helper()
		size, head, err := s.Head(t.Context(), pool, h, n)
		if want := content[:min(n, int64(len(content)))]; err != nil || size != int64(len(content)) ||
			!bytes.Equal(head, want) {
			t.Errorf("Head(%d) = %d, %.20q, %v; want %d, %.20q", n, size, head, err, len(content), want)
		}
	}
	for _, n := range []int64{0, 10, 1 << 20, int64(len(large)), 1 << 40} {
		check(name, large, n)
		for i, o := range objects {
			check(o.Hash, contents[i], n)
		}
	}
	if s.Cached(pool, objects[2].Hash) != nil {
		t.Error("Head put a blob into the cache")
	}
	if _, err := s.Item(t.Context(), pool, objects[2].Hash); err != nil {
		t.Fatal(err)
	}
	check(objects[2].Hash, contents[2], 10)
	for _, h := range []git.Hash{git.EmptyTree, {1}} {
		if _, _, err := s.Head(t.Context(), pool, h, 10); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Head(%v) = %v, want ErrNotFound", h, err)
		}
	}
}
