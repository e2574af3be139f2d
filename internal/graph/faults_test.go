package graph

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage/storagetest"
)

// TestFaults has Advance fail at each call that it makes of a backend, or some of them with -short. What is stored then
// is true, and the next Advance does the rest.
func TestFaults(t *testing.T) {
	stride, least := 1, 20
	if testing.Short() {
		stride, least = 7, 8
	}
	updates := 0
	for _, call := range []storagetest.Call{storagetest.CallUpdate, ""} {
		modes := []storagetest.Mode{storagetest.Before, storagetest.Within, storagetest.After, storagetest.Again}
		step := 1
		if call == "" {
			modes, step = modes[:3], 97*stride
		}
		if testing.Short() {
			modes = modes[1:3]
		}
		for _, mode := range modes {
			for n := 1; ; n += step {
				plan := storagetest.NewPlan(storagetest.Fault{Call: call, N: n, Mode: mode})
				// A call that fails by itself, as for a tree that is not there, fails as it would have.
				testFault(t, plan, mode == storagetest.Again || call == "" && mode == storagetest.After)
				if plan.Fired() == 0 {
					break
				}
				if call != "" {
					updates++
				}
			}
		}
	}
	if updates < least {
		t.Errorf("%d transactions failed, want more", updates)
	}
}

func testFault(t *testing.T, plan *storagetest.Plan, harmless bool) {
	t.Helper()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 9))
	for range 3 {
		w.grow(r, 520, func() bool { return true })
		w.advance()
	}
	w.grow(r, 600, func() bool { return len(w.commits)%3 > 0 })
	b := storagetest.Inject(w.b, plan)
	objects := object.New(b, 1<<20)
	k := &Keeper{Store: NewStore(b, objects, 0), Update: b.Update}
	var tips []git.Hash
	for _, n := range last(w.hashes, 30) {
		tips = append(tips, w.hashes[n])
	}
	err := k.Advance(t.Context(), w.pool, tips)
	if err != nil && !errors.Is(err, storagetest.ErrInjected) || (err == nil) != (plan.Fired() == 0) && !harmless {
		t.Fatalf("Advance() = %v with %d faults", err, plan.Fired())
	}
	w.checkStored()
	a, c := w.hashes[len(w.hashes)-1], w.hashes[len(w.hashes)-40]
	want := w.mergeBases(len(w.hashes)-1, len(w.hashes)-40)
	for range 2 { // as it is, and when the rest was done
		g, err := k.Open(t.Context(), w.pool, nil)
		if err != nil {
			t.Fatal(err)
		}
		bases, err := g.MergeBases(t.Context(), a, c)
		if sortHashes(bases); err != nil || !slices.Equal(bases, want) {
			t.Fatalf("MergeBases() = %v, %v, want %v", bases, err, want)
		}
		if err := k.Advance(t.Context(), w.pool, tips); err != nil {
			t.Fatal(err)
		}
		w.checkStored()
	}
	h, err := k.Store.head(t.Context(), w.pool)
	if err != nil || h.chunks != 4 || len(h.runs) != 1 || h.made != nil || len(h.dropped) > 0 {
		t.Fatalf("head = %+v, %v, want 4 chunks in one run", h, err)
	}
}
