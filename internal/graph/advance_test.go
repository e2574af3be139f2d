package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// TestBringIn has a long history that no door has told of be stored, interrupted again and again.
func TestBringIn(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	tip, commits := w.put(false, 0, "a"), 30_000
	if testing.Short() {
		commits = 22_000
	}
	for i := range commits {
		tip = w.put(false, int64(i), "a", tip)
		if i%100 == 0 {
			tip = w.put(false, int64(i), "b", tip, w.put(false, int64(i), "c", tip))
		}
		if i == 20_000 {
			w.above = make([]bitmap, len(w.above)) // they take too much
		}
	}
	errStop := errors.New("stop")
	stops := 0
	for {
		left := 2 + r.IntN(3)
		update := w.b.Update
		w.keeper.Update = func(ctx context.Context, fn func(storage.Tx) error) error {
			if left--; left == 0 {
				return errStop
			}
			return update(ctx, fn)
		}
		err := w.keeper.Advance(t.Context(), w.pool, []git.Hash{w.hashes[tip]})
		if err == nil {
			break
		}
		if !errors.Is(err, errStop) {
			t.Fatal(err)
		}
		if stops++; stops%5 == 0 {
			w.open()
			w.checkStored()
		}
	}
	if stops < 10 {
		t.Errorf("it was done after %d steps", stops)
	}
	g := w.graph()
	if want := uint32(len(w.hashes)) / chunkSize * chunkSize; g.stored != want {
		t.Errorf("%d commits are stored, want %d", g.stored, want)
	}
	h, err := w.store.head(t.Context(), w.pool)
	if err != nil || len(h.runs) > 12 || len(h.dropped) > 0 || h.made != nil {
		t.Errorf("head = %+v, %v, want few runs", h, err)
	}
	w.open()
	read := 0
	g, err = w.store.Open(t.Context(), w.pool, func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		read++
		return w.objects.Commit(ctx, w.pool, h)
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		n := r.IntN(len(w.hashes))
		if is, err := g.IsAncestor(t.Context(), w.hashes[n], w.hashes[tip]); !is || err != nil {
			t.Fatalf("IsAncestor(%d, tip) = %v, %v", n, is, err)
		}
	}
	if s, err := g.Reach(t.Context(), w.hashes[tip]); err != nil || s.Len() != len(w.hashes) {
		t.Errorf("the tip reaches %d of %d, %v", s.Len(), len(w.hashes), err)
	}
	if read > singly {
		t.Errorf("%d objects were read", read)
	}
}

// TestLacking has a history that lacks a commit.
func TestLacking(t *testing.T) {
	w := newWorld(t)
	lost := git.Hash{1}
	w.hashes, w.commits, w.above = []git.Hash{lost}, []*git.Commit{nil}, []bitmap{{1}}
	tip := w.put(true, 1, "a", 0)
	for i := range 600 {
		tip = w.put(i%2 == 0, int64(i), "a", tip)
	}
	other := w.put(false, 0, "a")
	for i := range 600 {
		other = w.put(false, int64(i), "a", other)
	}
	w.advance(tip, other)
	w.checkStored()
	if n := w.graph().stored; n != 512 {
		t.Errorf("%d commits are stored, want 512", n)
	}
	if is, err := w.graph().IsAncestor(t.Context(), w.hashes[5], w.hashes[tip]); !is || err != nil {
		t.Errorf("IsAncestor() = %v, %v", is, err)
	}
	if _, err := w.graph().MergeBases(t.Context(), w.hashes[other], w.hashes[tip]); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("MergeBases() with a history that lacks a commit = %v, want %v", err, storage.ErrNotFound)
	}
}

// TestDamage loses records: then objects are read, and the graph is made anew.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, kind := range []byte{keyHead, keyLinks, keyNames, keyIndex} {
		w := newWorld(t)
		w.grow(r, 1500, func() bool { return true })
		w.advance()
		err := w.b.Update(t.Context(), func(tx storage.Tx) error {
			for rec, err := range tx.Records([]byte{keyFirst, kind}, []byte{keyFirst, kind + 1}, storage.Ascending) {
				if err != nil {
					return err
				}
				if kind == keyHead {
					return tx.PutRecord(rec.Key, append(slices.Clone(rec.Value), 1))
				}
				if err := tx.DeleteRecord(rec.Key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w.open()
		for range 20 {
			a, b := r.IntN(1500), r.IntN(1500)
			var got []git.Hash
			err := w.store.Do(t.Context(), w.pool, nil, func(g *Graph) (err error) {
				got, err = g.MergeBases(t.Context(), w.hashes[a], w.hashes[b])
				return err
			})
			sortHashes(got)
			if want := w.mergeBases(a, b); err != nil || !slices.Equal(got, want) {
				t.Fatalf("without %q MergeBases(%d, %d) = %v, %v, want %v", kind, a, b, got, err, want)
			}
		}
		w.grow(r, 600, func() bool { return false })
		w.advance(last(w.hashes, 600)...)
		w.checkStored()
		if n := w.graph().stored; n < 512 {
			t.Errorf("without %q, %d commits are stored anew", kind, n)
		}
	}
}

// last returns the numbers of the last commits.
func last(hashes []git.Hash, count int) (numbers []int) {
	for i := range count {
		numbers = append(numbers, len(hashes)-count+i)
	}
	return numbers
}

func TestDropped(t *testing.T) {
	w := newWorld(t)
	w.grow(rand.New(rand.NewPCG(3, 3)), 3000, func() bool { return true })
	if err := w.b.Update(t.Context(), func(tx storage.Tx) error { return Dropped.Bury(tx, w.pool) }); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		err := w.b.Update(t.Context(), func(tx storage.Tx) (err error) {
			more, err = Dropped.Sweep(tx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err := w.b.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			return cmp.Or(err, fmt.Errorf("%q is left", rec.Key))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// Nothing is added to a pool that is gone.
	if err := w.b.Update(t.Context(), func(tx storage.Tx) error { return tx.DropPool(w.pool) }); err != nil {
		t.Fatal(err)
	}
	w.advance(len(w.hashes) - 1)
	w.checkStored()
	if n := w.graph().stored; n > 0 {
		t.Errorf("%d commits of a dropped pool are stored", n)
	}
}
