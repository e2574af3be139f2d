package reposit_test

import (
	"fmt"
	"testing"

	"github.com/reposit/reposit"
)

// TestPullsOfBranch holds that what follows from a change of a branch fits into a transaction of Badger, with as many
// pull requests as Limits allow strangers to open: all of them follow a new name, are merged at once, and end with it.
func TestPullsOfBranch(t *testing.T) {
	const many = 1000
	s, ctx := openStore(t, rawBackend(t, "badger"), "", nil), t.Context()
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
