package reposit_test

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// outside moves a branch as a program outside does, or deletes it.
func outside(t testing.TB, s *store, r *reposit.Repo, branch string, to reposit.Hash) {
	t.Helper()
	name := "refs/heads/" + branch
	err := s.backend.Update(t.Context(), func(tx storage.Tx) error {
		if to.IsZero() {
			return tx.DeleteRef(storageID(r), name, nil)
		}
		return tx.PutRef(storageID(r), storage.Ref{Name: name, Hash: storage.Hash(to)}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newerHead returns a pull request from topic to main, and a commit on top of its head that topic does not have yet.
func newerHead(t testing.TB, s *store) (*reposit.Repo, reposit.Pull, reposit.Hash) {
	t.Helper()
	r := create(t, s, "r", nil)
	put(t, r, "main", "f", "1")
	put(t, r, "topic", "g", "2")
	newer := commit(t, r, &reposit.CommitOptions{Branch: "newer", From: "topic", Message: "m"}, reposit.Put("h", nil))
	return r, openPull(t, r, "main", "topic", nil), newer.Hash
}

// TestPullMovedOutside holds that a merge never leaves out what a program outside brought to the head.
func TestPullMovedOutside(t *testing.T) {
	s := openMemory(t, nil)
	r, p, newer := newerHead(t, s)
	outside(t, s, r, "topic", newer)
	if got := loadPull(t, r, 1); got.Head != newer {
		t.Errorf("Pull() has head %v, want %v", got.Head, newer)
	}
	if list, err := r.Pulls().List(t.Context(), nil); err != nil || list.Items[0].Head != newer {
		t.Errorf("List() = %+v, %v, want head %v", list.Items, err, newer)
	}
	status, err := r.Pulls().Status(t.Context(), 1)
	if err != nil || status.Head != newer || !status.Mergeable {
		t.Errorf("Status() = %+v, %v, want %v mergeable", status, err, newer)
	}
	var stale *reposit.ConflictError
	if _, err := r.Pulls().Merge(t.Context(), 1, &reposit.MergeOptions{Expect: &p.Head}); !errors.As(err, &stale) ||
		stale.Actual != newer {
		t.Errorf("Merge() of the head before = %v, want a conflict with %v", err, newer)
	}
	dry, err := r.Pulls().Merge(t.Context(), 1, &reposit.MergeOptions{DryRun: true})
	if err != nil || resolve(t, r, "refs/pull/1/head") != p.Head {
		t.Errorf("Merge() to try = %+v, %v, want nothing to change", dry, err)
	}
	made, err := r.Pulls().Merge(t.Context(), 1, &reposit.MergeOptions{Expect: &newer})
	if err != nil {
		t.Fatal(err)
	}
	checkParents(t, r, "main", p.Base, newer)
	if got := loadPull(t, r, 1); got.State != reposit.PullMerged || got.Head != newer || got.Result != made.Commit.Hash {
		t.Errorf("Pull() = %+v, want it merged with %v", got, newer)
	}
	if got := resolve(t, r, "refs/pull/1/head"); got != newer {
		t.Errorf("refs/pull/1/head = %v, want %v", got, newer)
	}
	checkPulls(t, s, r)
}

// TestPullReviewedOutside holds that approvals end with a head that a program outside moved, and that those of the new
// one count.
func TestPullReviewedOutside(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{RequiredReviews: 1, DismissStaleReviews: true})
	newer := commit(t, d.r, &reposit.CommitOptions{Branch: "newer", From: "topic", Message: "m"}, reposit.Put("h", nil))
	review(t, d.r, 1, "wim", reposit.Approved)
	d.lacks(t, "approved")
	outside(t, d.store, d.r, "topic", newer.Hash)
	d.lacks(t, "moved by a program outside", "it has 0 of 1 approvals")
	if _, err := d.repoAs(t, d.r, "wanda").Pulls().Merge(t.Context(), 1, nil); !errors.Is(err, reposit.ErrProtected) {
		t.Errorf("Merge() of what nobody approved of = %v, want %v", err, reposit.ErrProtected)
	}
	review(t, d.r, 1, "wim", reposit.Approved)
	d.lacks(t, "approved anew")
	if got := resolve(t, d.r, "refs/pull/1/head"); got != newer.Hash {
		t.Errorf("refs/pull/1/head = %v after a review, want %v", got, newer.Hash)
	}
	d.merge(t, "wanda")
}

// TestPullEndedOutside tells what a pull request becomes when a program outside merges or takes away its head.
func TestPullEndedOutside(t *testing.T) {
	for name, test := range map[string]struct {
		main, topic func(base, head, newer reposit.Hash) reposit.Hash
		want        reposit.PullState
	}{
		"both moved": {
			func(_, _, newer reposit.Hash) reposit.Hash { return newer },
			func(_, _, newer reposit.Hash) reposit.Hash { return newer }, reposit.PullMerged,
		},
		"merged and deleted": {
			func(_, head, _ reposit.Hash) reposit.Hash { return head },
			func(reposit.Hash, reposit.Hash, reposit.Hash) reposit.Hash { return reposit.Hash{} }, reposit.PullMerged,
		},
		"deleted": {
			func(base, _, _ reposit.Hash) reposit.Hash { return base },
			func(reposit.Hash, reposit.Hash, reposit.Hash) reposit.Hash { return reposit.Hash{} }, reposit.PullClosed,
		},
		"taken back": {
			func(base, _, _ reposit.Hash) reposit.Hash { return base },
			func(base, _, _ reposit.Hash) reposit.Hash { return base }, reposit.PullClosed,
		},
		"merged, then moved on": { // nobody knows in which order
			func(_, head, _ reposit.Hash) reposit.Hash { return head },
			func(_, _, newer reposit.Hash) reposit.Hash { return newer }, reposit.PullMerged,
		},
	} {
		s := openMemory(t, nil)
		r, p, newer := newerHead(t, s)
		outside(t, s, r, "main", test.main(p.Base, p.Head, newer))
		outside(t, s, r, "topic", test.topic(p.Base, p.Head, newer))
		_, err := r.Pulls().Merge(t.Context(), 1, nil)
		if closed := test.want == reposit.PullClosed; closed != errors.Is(err, reposit.ErrConflict) || !closed && err != nil {
			t.Errorf("%s: Merge() = %v, want it %v", name, err, test.want)
		}
		if got := loadPull(t, r, 1); got.State != test.want {
			t.Errorf("%s: Pull() = %+v, want it %v", name, got, test.want)
		}
		checkPulls(t, s, r)
	}
}

// TestPullForkMovedOutside holds that nothing of a fork is shown any more whose author may not write there.
func TestPullForkMovedOutside(t *testing.T) {
	d := newDesk(t, openMemory(t, nil), reposit.Protection{})
	fork, err := d.repoAs(t, d.r, "bob").Fork(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, fork, "idea", "i", "1")
	p, err := d.repoAs(t, d.r, "bob").Pulls().Open(t.Context(), "main", "idea", &reposit.PullOptions{HeadRepo: fork.ID()})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := d.RepoByID(t.Context(), fork.ID())
	if err != nil {
		t.Fatal(err)
	}
	newer := commit(t, hosts, &reposit.CommitOptions{Branch: "newer", From: "idea", Message: "m"}, reposit.Put("h", nil))
	if _, err := hosts.Update(t.Context(), &reposit.RepoUpdate{Owner: new("carl")}); err != nil {
		t.Fatal(err)
	}
	outside(t, d.store, fork, "idea", newer.Hash)
	if got := loadPull(t, d.r, p.Number); got.Head != p.Head {
		t.Errorf("Pull() shows %v, want %v", got.Head, p.Head)
	}
	status, err := d.r.Pulls().Status(t.Context(), p.Number)
	if err != nil || status.Mergeable || status.Head != p.Head || !slices.ContainsFunc(status.Lacks, func(s string) bool {
		return strings.Contains(s, "will be closed")
	}) {
		t.Errorf("Status() = %+v, %v, want it to be closed", status, err)
	}
	if _, err := d.r.Pulls().Merge(t.Context(), p.Number, nil); !errors.Is(err, reposit.ErrConflict) {
		t.Errorf("Merge() = %v, want %v", err, reposit.ErrConflict)
	}
	if got := loadPull(t, d.r, p.Number); got.State != reposit.PullClosed || got.Head != p.Head {
		t.Errorf("Pull() = %+v, want it closed", got)
	}
}

// TestPullPushedByGit merges what "git push" brought to the head.
func TestPullPushedByGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir, work := t.TempDir(), filepath.Join(t.TempDir(), "work")
	b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	s, err := reposit.Open(t.Context(), b, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Create(t.Context(), "r", nil)
	if err != nil {
		t.Fatal(err)
	}
	put(t, r, "main", "f", "1")
	put(t, r, "topic", "g", "2")
	openPull(t, r, "main", "topic", nil)
	git := func(ctx context.Context, args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(ctx, "git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v = %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	bare := filepath.Join(dir, "repos", strings.TrimPrefix(string(r.ID()), "rp_")+".git")
	git(t.Context(), "clone", "-q", "-b", "topic", bare, work)
	git(t.Context(), "-C", work, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty",
		"-m", "by git")
	git(t.Context(), "-C", work, "push", "-q", "origin", "topic")
	pushed := git(t.Context(), "-C", work, "rev-parse", "HEAD")
	status, err := r.Pulls().Status(t.Context(), 1)
	if err != nil || status.Head.String() != pushed || !status.Mergeable {
		t.Errorf("Status() = %+v, %v, want %s mergeable", status, err, pushed)
	}
	if _, err := r.Pulls().Merge(t.Context(), 1, nil); err != nil {
		t.Fatal(err)
	}
	if got := git(t.Context(), "-C", bare, "rev-parse", "main^2"); got != pushed {
		t.Errorf("the merge has %s, want %s", got, pushed)
	}
}
