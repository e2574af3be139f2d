package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/reposit/reposit"
)

// TestDefaultBranchStays holds that the default branch is not lost to a race of what deletes or renames a branch with
// what makes it the default.
func TestDefaultBranchStays(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		ctx := t.Context()
		for round := range 30 {
			r, err := s.Create(ctx, fmt.Sprintf("race-%d", round), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Write(ctx, "a", nil, "first"); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Branches().Create(ctx, "x", ""); err != nil {
				t.Fatal(err)
			}
			name := "x"
			var group sync.WaitGroup
			group.Go(func() {
				_, err := r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &name})
				if err != nil && !errors.Is(err, reposit.ErrNotFound) {
					t.Errorf("Update(DefaultBranch: x) = %v", err)
				}
			})
			group.Go(func() {
				if round%2 == 0 {
					err = r.Branches().Delete(ctx, "x")
				} else {
					err = r.Branches().Rename(ctx, "x", "y")
				}
				if err != nil && !errors.Is(err, reposit.ErrInvalid) {
					t.Errorf("deleting or renaming x = %v", err)
				}
			})
			group.Wait()
			info, err := r.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Branches().Branch(ctx, info.DefaultBranch); err != nil {
				t.Fatalf("round %d: the default branch is %s, which is not there: %v", round, info.DefaultBranch, err)
			}
		}
	})
}

// TestSymbolicRefs holds that what may not be done to a ref may not be done through a symbolic one either, and that
// one which leads nowhere is in nobody's way.
func TestSymbolicRefs(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		r, err := open(nil).Create(ctx, "links", nil)
		if err != nil {
			t.Fatal(err)
		}
		first, err := r.Write(ctx, "a", []byte("content"), "first")
		if err != nil {
			t.Fatal(err)
		}
		storer := storerOf(t, r)
		for link, target := range map[string]string{
			"refs/heads/alias": "refs/heads/main", "refs/x/foo": "refs/heads/main",
			"refs/heads/lost": "refs/heads/nowhere", "refs/tags/latest": "refs/heads/main",
			"refs/tags/lost": "refs/tags/nowhere",
		} {
			if err := storer.SetReference(symbolicRef(link, target)); err != nil {
				t.Fatal(err)
			}
		}
		e, err := r.Stat(ctx, "", "a")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/x/foo", New: e.Hash}); !errors.Is(err,
			reposit.ErrInvalid) {
			t.Errorf("a branch made a blob through a symbolic ref = %v, want ErrInvalid", err)
		}
		branches, err := r.Branches().List(ctx, nil)
		if err != nil || branches.TotalCount != 2 || len(branches.Items) != 2 {
			t.Errorf("Branches.List = %d of %d, %v; want alias and main", len(branches.Items), branches.TotalCount, err)
		}
		tags, err := r.Tags().List(ctx, nil)
		if err != nil || tags.TotalCount != 1 || len(tags.Items) != 1 || tags.Items[0].Target != first.Hash {
			t.Errorf("Tags.List = %v, %v; want latest alone", tags, err)
		}
		if err := r.Archive(ctx, io.Discard, nil); err != nil {
			t.Errorf("Archive = %v", err)
		}
		if err := r.Branches().Delete(ctx, "alias"); err != nil {
			t.Errorf("Delete(alias) = %v", err)
		}
		if h, err := r.Resolve(ctx, "main"); err != nil || h != first.Hash {
			t.Errorf("main after alias was deleted = %v, %v; want %v", h, err, first.Hash)
		}
	})
}

// TestQuotaBeforeStaging holds that content which a repository has no room for is not stored on the way.
func TestQuotaBeforeStaging(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		s := open(&reposit.Options{Limits: reposit.Limits{RepoSize: 1 << 20}})
		r, err := s.Create(ctx, "small", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := s.digest(t)
		big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		_, err = r.Commit(ctx, nil, reposit.PutReader("big", bytes.NewReader(big)))
		if !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("Commit of %d bytes = %v, want ErrTooLarge", len(big), err)
		}
		if after := s.digest(t); after != before {
			t.Error("the refused content left something behind")
		}
	})
}

// TestReadersThatDoNotRead are readers that would be an empty file, or no end.
func TestReadersThatDoNotRead(t *testing.T) {
	ctx := t.Context()
	r, err := openMemory(t, nil).Create(ctx, "readers", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(ctx, nil, reposit.PutReader("a", nil)); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("PutReader(nil) = %v, want ErrInvalid", err)
	}
	if _, err := r.Commit(ctx, nil, reposit.PutReader("a", idle{})); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("PutReader of a reader without progress = %v, want io.ErrNoProgress", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// TestSignedOnBusyBranch holds that a signed commit lands, however busy the branch is.
func TestSignedOnBusyBranch(t *testing.T) {
	r, err := openMemory(t, nil).Create(t.Context(), "busy", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write(t.Context(), "a", nil, "first"); err != nil {
		t.Fatal(err)
	}
	writing, stop := context.WithCancel(t.Context())
	moved := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; writing.Err() == nil; i++ {
			_, _ = r.Write(writing, "b", fmt.Append(nil, i), "other")
			select {
			case moved <- struct{}{}:
			default:
			}
		}
	})
	signings := 0
	c, err := r.Commit(t.Context(), &reposit.CommitOptions{Message: "signed", Sign: func([]byte) (string, error) {
		if signings++; signings <= 4 {
			<-moved // the branch moves while this is signed
			<-moved
		}
		return "signature", nil
	}}, reposit.Put("c", nil))
	stop()
	group.Wait()
	if err != nil || c.Signature != "signature" || signings > 5 {
		t.Errorf("signed commit = %v, %v after %d signings; want it after at most 5", c, err, signings)
	}
}

// TestMovedDirectoriesFit holds that no path comes to be over the limits by moving or copying what is above it.
func TestMovedDirectoriesFit(t *testing.T) {
	ctx := t.Context()
	s := openMemory(t, &reposit.Options{Limits: reposit.Limits{PathDepth: 4, PathLength: 20}})
	r, err := s.Create(ctx, "deep", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Commit(ctx, nil, reposit.Put("a/b/c/d/f", nil), reposit.Put("n/1234567890", nil)); err != nil {
		t.Fatal(err)
	}
	for name, changes := range map[string][]reposit.Change{
		"moved deeper":    {reposit.Move("a", "x/a")},
		"copied deeper":   {reposit.Copy("a/b", "x/y/b")},
		"new below":       {reposit.Put("m/n/o/p", nil), reposit.Move("m", "x/y/m")},
		"moved to longer": {reposit.Move("n", "a-long-name")},
	} {
		if _, err := r.Commit(ctx, nil, changes...); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("%s = %v, want ErrTooLarge", name, err)
		}
	}
	if _, err := r.Commit(ctx, nil, reposit.Move("a/b", "z"), reposit.Move("z", "q/z"),
		reposit.Move("n", "name")); err != nil {
		t.Errorf("moves within the limits = %v", err)
	}
}
