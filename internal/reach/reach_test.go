package reach

import (
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/reposit/reposit/storage"
)

var (
	seed   = flag.Uint64("seed", 0, "of one random history; 0: some")
	longer = flag.Uint64("longer", 2, "how many times as many histories TestHistories goes through as with -short")
)

// TestHistories changes repositories of one pool at random, and asks each of them for every object of the pool.
func TestHistories(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			from, to := uint64(1), uint64(2)
			if b.name == "memory" {
				to = 10
			}
			if !testing.Short() {
				to *= *longer
			}
			if *seed != 0 {
				from, to = *seed, *seed
			}
			for s := from; s <= to; s++ {
				backend, err := b.open(t)
				if err != nil {
					t.Fatal(err)
				}
				w := newWorld(t, s, backend, 1+int(s)%4)
				w.runHistory(s)
			}
		})
	}
}

func (w *world) runHistory(seed uint64) {
	big := w.index(Options{Budget: 1 << 30})
	slow := w.index(Options{Budget: 1 << 30})
	slow.quantum = quantum{reads: 1, steps: 2, trees: 1}
	tiny := w.index(Options{Budget: 1})
	for step := range 60 {
		w.step()
		if step%10 == 9 {
			w.checkAll(seed, step, big, slow, tiny)
		}
		for range 8 {
			w.checkOne(seed, step, []*Index{big, slow, tiny}[w.rand.IntN(3)])
		}
	}
}

func (w *world) checkAll(seed uint64, step int, indexes ...*Index) {
	w.Helper()
	w.must(w.backend.View(w.ctx, func(v storage.View) error {
		for _, repo := range w.repos {
			for _, d := range depths {
				want := w.truth(v, repo, d)
				for i, x := range indexes {
					if d == shown && i > 0 {
						break // they go the same ways
					}
					for _, n := range w.rand.Perm(len(w.all)) {
						w.check(seed, step, i, x, w.repo(v, repo, d), w.all[n], want)
					}
				}
			}
		}
		return nil
	}))
}

func (w *world) checkOne(seed uint64, step int, x *Index) {
	w.Helper()
	if len(w.all) == 0 {
		return
	}
	w.must(w.backend.View(w.ctx, func(v storage.View) error {
		repo, d := w.repos[w.rand.IntN(len(w.repos))], depths[w.rand.IntN(len(depths))]
		of := w.all[w.rand.IntN(len(w.all))]
		w.check(seed, step, -1, x, w.repo(v, repo, d), of, w.truth(v, repo, d))
		return nil
	}))
}

func (w *world) check(seed uint64, step, index int, x *Index, r *Repo, of named, want map[storage.Hash]bool) {
	w.Helper()
	if w.rand.IntN(4) == 0 { // a question that is given up must not spoil the next one
		ctx := &countdown{Context: w.ctx, left: w.rand.IntN(4)}
		if got, err := x.Has(ctx, r, of.hash); err == nil && got != want[of.hash] || err != nil &&
			!errors.Is(err, context.Canceled) {
			w.Fatalf("seed %d, step %d, index %d: Has(%s, %s %s) = %v, %v, want %v", seed, step, index, r.ID, of.typ, of.hash,
				got, err, want[of.hash])
		}
	}
	if got, err := x.Has(w.ctx, r, of.hash); err != nil || got != want[of.hash] {
		w.Fatalf("seed %d, step %d, index %d: Has(%s, %s %s) with logs %v, old %v = %v, %v, want %v", seed, step, index, r.ID,
			of.typ, of.hash, r.Logs, r.OldLogs, got, err, want[of.hash])
	}
}

// A countdown is a context that ends after it was asked a number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
