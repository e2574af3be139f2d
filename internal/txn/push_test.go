package txn

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

var repo = &catalog.Repo{ID: storage.ID([]byte("00000000000000000001")),
	Pool: storage.ID([]byte("00000000000000000002")), Owner: "a", Slug: "b"}

func newBackend(t *testing.T) storage.Backend {
	t.Helper()
	b := memory.New()
	t.Cleanup(func() { b.Close() })
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		return errors.Join(catalog.Init(tx), catalog.Create(tx, repo), tx.CreateRepo(repo.ID, repo.Pool))
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newEngine(b storage.Backend, objects *object.Store) *Engine {
	return New(b, objects, event.NewLog(event.Keep{Units: 100}), time.Now)
}

func blob(t *testing.T, content string, base *storage.Object) storage.Object {
	t.Helper()
	h, err := git.Sum(storage.Blob, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	o := storage.Object{Hash: h, Type: storage.Blob, Size: int64(len(content)), Data: []byte(content)}
	if base != nil {
		o.Delta = &storage.Delta{Base: base.Hash, Depth: 1, Ops: git.Difference(base.Data, o.Data)}
	}
	return o
}

// TestChains lands deltas. One whose base was there before is stored whole: nobody knows how long its chain is.
func TestChains(t *testing.T) {
	b := newBackend(t)
	objects := object.New(b, 1<<20)
	long := strings.Repeat("a line\n", 100)
	first := blob(t, long, nil)
	second, third := blob(t, long+"2", &first), blob(t, long+"3", &first)
	land := func(list ...storage.Object) {
		t.Helper()
		l := &Push{Objects: list, Items: make([]*object.Item, len(list)), Now: time.Unix(1, 0)}
		for i, o := range list {
			l.Items[i] = &object.Item{Type: o.Type, Size: o.Size, Data: o.Data}
		}
		if err := newEngine(b, objects).Push(t.Context(), repo.ID, l); err != nil {
			t.Fatal(err)
		}
	}
	land(first, second)
	land(first, third)
	for o, wantDelta := range map[*storage.Object]bool{&first: false, &second: true, &third: false} {
		got, err := b.Object(t.Context(), repo.Pool, o.Hash)
		if err != nil || (got.Delta != nil) != wantDelta {
			t.Errorf("Object(%s) = %+v, %v, want a delta: %v", o.Hash, got.Delta, err, wantDelta)
		}
	}
}

// TestSize counts each new byte once, whether it comes now or was stored ahead.
func TestSize(t *testing.T) {
	b := newBackend(t)
	objects := object.New(b, 1<<20)
	one, two, three := blob(t, "1", nil), blob(t, "22", nil), blob(t, "333", nil)
	size := func() (n int64) {
		t.Helper()
		err := b.View(t.Context(), func(v storage.View) error {
			state, err := catalog.LoadState(v, repo)
			n = state.Size
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, step := range []struct {
		name  string
		l     Push
		fails bool
		want  int64
	}{
		{"new", Push{Objects: []storage.Object{one, two}}, false, 3},
		{"again", Push{Objects: []storage.Object{one, two}}, false, 3},
		{"ahead of it", Push{Ahead: map[storage.Hash]int64{{2}: 10}}, false, 13},
		{"ahead", Push{Ahead: map[storage.Hash]int64{{1}: 5}}, false, 18},
		{"ahead, and there", Push{Objects: []storage.Object{one}, Ahead: map[storage.Hash]int64{one.Hash: 1}}, false, 19},
		{"ahead, and new after all", Push{Objects: []storage.Object{three}, Ahead: map[storage.Hash]int64{three.Hash: 3}},
			false, 22},
		{"over the quota", Push{Ahead: map[storage.Hash]int64{{3}: 1}, Quota: 22}, true, 22},
		{"nothing new, at the quota", Push{Objects: []storage.Object{one}, Quota: 22}, false, 22},
		{"up to the quota", Push{Ahead: map[storage.Hash]int64{{3}: 1}, Quota: 23}, false, 23},
	} {
		step.l.Now = time.Unix(1, 0)
		err := newEngine(b, objects).Push(t.Context(), repo.ID, &step.l)
		if errors.Is(err, ErrQuota) != step.fails || !step.fails && err != nil {
			t.Errorf("%s: Push() = %v, fails: %v", step.name, err, step.fails)
		}
		if got := size(); got != step.want {
			t.Errorf("%s: size is %d, want %d", step.name, got, step.want)
		}
	}
	if err := newEngine(b, objects).Push(t.Context(), storage.ID{1}, &Push{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Push() in no repository = %v, want %v", err, storage.ErrNotFound)
	}
}
