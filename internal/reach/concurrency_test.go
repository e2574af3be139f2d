package reach

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestSnapshots asks in Views that are older than others.
func TestSnapshots(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			backend, err := b.open(t)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, 5, backend, 2)
			x := w.index(Options{Budget: 1 << 30})
			for range 20 {
				w.step()
			}
			for range 10 {
				w.nest(x, nil, 4)
			}
		})
	}
}

// nest changes something in a View, and so on in one that is newer, and asks in each after the other.
func (w *world) nest(x *Index, views []storage.View, depth int) {
	w.Helper()
	if depth == 0 {
		for range 6 {
			for i, v := range views {
				repo, of := w.repos[w.rand.IntN(len(w.repos))], w.all[w.rand.IntN(len(w.all))]
				w.check(0, i, -1, x, w.repo(v, repo, wholeLogs), of, w.truth(v, repo, wholeLogs))
			}
		}
		return
	}
	w.must(w.backend.View(w.ctx, func(v storage.View) error {
		w.step()
		w.nest(x, append(views, v), depth-1)
		return nil
	}))
}

var errGivenUp = errors.New("given up")

// TestInUpdate asks within a transaction that moves refs and fails: nothing of it may be remembered.
func TestInUpdate(t *testing.T) {
	w := newWorld(t, 6, memory.New(), 1)
	x := w.index(Options{Budget: 1 << 30})
	var made []storage.Object
	for range 5 {
		made = w.grow()
		w.land(w.repos[0], made, ref.Change{Name: "refs/heads/main", New: made[len(made)-1].Hash})
		w.note(made)
	}
	repo := w.repos[0]
	err := w.backend.Update(w.ctx, func(tx storage.Tx) error {
		w.must(tx.DeleteRef(repo, "refs/heads/main", nil))
		e, err := catalog.LoadEntry(tx, repo)
		w.must(err)
		e.Moved()
		w.must(e.Store(tx))
		for _, of := range w.all {
			w.check(0, 0, 0, x, &Repo{View: tx, ID: repo, Pool: w.pool}, of, nil)
		}
		return errGivenUp
	})
	if err != errGivenUp {
		t.Fatal(err)
	}
	w.land(repo, nil, ref.Change{Name: "refs/heads/other", New: made[len(made)-1].Hash})
	w.checkAll(0, 0, x)
}

// TestConcurrency moves refs and asks at once. Whoever moves the refs of a repository finds it so right after.
func TestConcurrency(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			backend, err := b.open(t)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, 9, backend, 4)
			for range 40 {
				w.step()
			}
			indexes := []*Index{w.index(Options{Budget: 1 << 30}), w.index(Options{Budget: 20000}),
				w.index(Options{Budget: 1 << 30})}
			indexes[2].quantum = quantum{reads: 1, steps: 2, trees: 1}
			var group sync.WaitGroup
			for i, repo := range w.repos {
				for j := range 3 {
					own := *w
					own.rand = rand.New(rand.NewPCG(uint64(i), uint64(j)))
					group.Go(func() {
						for n := range 30 {
							if j == 0 {
								own.move(repo)
							}
							own.ask(repo, indexes[n%len(indexes)])
						}
					})
				}
			}
			group.Wait()
		})
	}
}

// move makes a ref hold any of the objects, or removes it. Unlike land it may be called by many.
func (w *world) move(repo storage.ID) {
	c := ref.Change{Name: refNames[w.rand.IntN(len(refNames))], By: access.Host(),
		Log: storage.LogEntry{Name: "A", When: time.Unix(1, 0)}}
	if w.rand.IntN(3) > 0 || !w.exists(repo, c.Name) {
		c.New = w.all[w.rand.IntN(len(w.all))].hash
	}
	if err := w.engine.Push(w.ctx, repo, &txn.Push{Refs: []ref.Change{c}, Now: time.Unix(1, 0)}); err != nil {
		w.Error(err)
	}
}

// ask compares some answers with the truth of the same View.
func (w *world) ask(repo storage.ID, x *Index) {
	err := w.backend.View(w.ctx, func(v storage.View) error {
		for _, d := range depths {
			want := w.truth(v, repo, d)
			for range 6 {
				h := w.all[w.rand.IntN(len(w.all))].hash
				got, err := x.Has(w.ctx, w.repo(v, repo, d), h)
				if err != nil || got != want[h] {
					w.Errorf("Has(%s) with logs %v = %v, %v, want %v", h, d, got, err, want[h])
				}
			}
		}
		return nil
	})
	if err != nil {
		w.Error(err)
	}
}
