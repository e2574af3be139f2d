package reposit_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

// TestPullsOfBranch holds that what follows from a change of a branch fits into the smallest transaction that Badger
// can be told to make, with as many pull requests as Limits allow: all of them follow a new name, are merged at once,
// and end with it.
func TestPullsOfBranch(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const many = 1250 // those of writers included
	b := must(badger.Open(t.TempDir(), &badger.Options{Durability: storage.NoSync, MemoryBudget: 1}))(t)
	s, ctx := openStore(t, b, "", nil), t.Context()
	r := create(t, s, "r", nil)
	first := write(t, r, "f", "0")
	refs := []reposit.RefUpdate{{Name: "refs/heads/gone", New: first.Hash}}
	for i := range many {
		at := write(t, r, "f", fmt.Sprint(i+1))
		refs = append(refs, reposit.RefUpdate{Name: fmt.Sprint("refs/heads/h", i), New: at.Hash})
	}
	refs = append(refs, reposit.RefUpdate{Name: "refs/heads/base", New: first.Hash})
	if err := r.Refs().Update(ctx, refs...); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		for _, base := range []string{"base", "gone"} {
			openPull(t, r, base, fmt.Sprint("h", i), &reposit.PullOptions{Title: "t"})
		}
	}
	open := func(want int) {
		t.Helper()
		if got := info(t, r).OpenPulls; got != want {
			t.Errorf("%d pull requests are open, want %d", got, want)
		}
	}
	open(2 * many)
	put(t, r, "last", "g", "1")
	if _, err := r.Pulls().Open(ctx, "base", "last", nil); !errors.Is(err, reposit.ErrTooLarge) {
		t.Errorf("Open() of one more = %v, want %v", err, reposit.ErrTooLarge)
	}
	if err := r.Branches().Rename(ctx, "base", "renamed"); err != nil {
		t.Errorf("Rename() = %v", err)
	}
	if p := loadPull(t, r, 1); p.BaseBranch != "renamed" {
		t.Errorf("the base of a pull request is %q, want its new name", p.BaseBranch)
	}
	if err := r.Branches().Delete(ctx, "gone"); err != nil {
		t.Errorf("Delete() = %v", err)
	}
	open(many)
	if _, err := r.Merge(ctx, fmt.Sprint("h", many-1), &reposit.MergeOptions{Branch: "renamed"}); err != nil {
		t.Errorf("Merge() = %v", err)
	}
	open(0)
	if page, err := r.Pulls().List(ctx, &reposit.PullListOptions{State: reposit.PullMerged}); err != nil ||
		page.TotalCount != many {
		t.Errorf("%d are merged, %v, want %d", page.TotalCount, err, many)
	}
	checkStore(t, s)
}

// TestPullNumbersOfMirror holds that the refs of pull requests that came with a mirrored repository stay what they are:
// their numbers, and those that have but one of the refs, are passed over.
func TestPullNumbersOfMirror(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		mirrored := write(t, r, "f", "1")
		put(t, r, "topic", "g", "2")
		put(t, r, "topic2", "h", "3")
		names := []string{"refs/pull/1/head", "refs/pull/3/merge", "refs/pull/4/head", "refs/pull/40/head"}
		err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
			for _, name := range names {
				ref := storage.Ref{Name: name, Hash: storage.Hash(mirrored.Hash)}
				if err := tx.PutRef(storageID(r), ref, nil); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		first, second := openPull(t, r, "main", "topic", nil), openPull(t, r, "main", "topic2", nil)
		if first.Number != 2 || second.Number != 5 {
			t.Errorf("pull requests have numbers %d and %d, want 2 and 5", first.Number, second.Number)
		}
		if err := r.Pulls().Close(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if again := openPull(t, r, "main", "topic", nil); again.Number != 6 {
			t.Errorf("the next one has number %d, want 6", again.Number)
		}
		for _, name := range names {
			if got := resolve(t, r, name); got != mirrored.Hash {
				t.Errorf("%s = %v, want %v, as it came", name, got, mirrored.Hash)
			}
		}
	})
}
