// Package gogittest gives tests of programs on go-git their repositories: go-git's Repository on a reposit store in
// memory, made from an archive as package reposittest describes.
package gogittest

import (
	"testing"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/reposittest"
)

// Repository makes a repository from an archive, in a store of its own, and opens it with go-git. If worktree is not
// nil, the default branch is checked out into it; otherwise the repository is bare.
func Repository(tb testing.TB, archive string, worktree billy.Filesystem) *git.Repository {
	tb.Helper()
	return Open(tb, reposittest.Repo(tb, reposittest.New(tb, nil), archive), worktree)
}

// Open opens a repository of a store with go-git, as Repository does.
func Open(tb testing.TB, r *reposit.Repo, worktree billy.Filesystem) *git.Repository {
	tb.Helper()
	repo, err := git.Open(Storer(tb, r), worktree)
	if err != nil {
		tb.Fatalf("gogittest: opening the repository: %v", err)
	}
	if worktree == nil {
		return repo
	}
	if _, err := repo.Head(); err != nil {
		return repo // There is no commit yet.
	}
	w, err := repo.Worktree()
	if err == nil {
		err = w.Reset(&git.ResetOptions{Mode: git.HardReset})
	}
	if err != nil {
		tb.Fatalf("gogittest: checking out: %v", err)
	}
	return repo
}

// Storer returns go-git's view of a repository of a store (reposit.Repo.Storer), for the time of the test.
func Storer(tb testing.TB, r *reposit.Repo) storage.Storer {
	tb.Helper()
	s, err := r.Storer(tb.Context())
	if err != nil {
		tb.Fatalf("gogittest: opening the storer: %v", err)
	}
	return s
}
