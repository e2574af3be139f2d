package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// A watchedBackend counts Views and Updates, and has something happen before its next Update.
type watchedBackend struct {
	storage.Backend
	views, updates int
	first          func()
}

func (w *watchedBackend) View(ctx context.Context, fn func(storage.View) error) error {
	w.views++
	return w.Backend.View(ctx, fn)
}

func (w *watchedBackend) Update(ctx context.Context, fn func(storage.Tx) error) error {
	w.updates++
	if do := w.first; do != nil {
		w.first = nil
		do()
	}
	return w.Backend.Update(ctx, fn)
}

// TestCommitViews counts what a commit reads before its one Update: one View, whoever commits, and whatever is asked
// of the branch.
func TestCommitViews(t *testing.T) {
	ctx := t.Context()
	for name, limits := range map[string]reposit.Limits{"": {}, "with a quota": {RepoSize: 1 << 20}} {
		w := &watchedBackend{Backend: memory.New()}
		s := openStore(t, w, "", &reposit.Options{Limits: limits})
		if err := s.Users().Put(ctx, reposit.Profile{Login: "kim"}); err != nil {
			t.Fatal(err)
		}
		r := create(t, s, "x", &reposit.CreateOptions{Owner: "kim"})
		mine, err := s.As(reposit.User("kim")).Repo(ctx, "kim/x")
		if err != nil {
			t.Fatal(err)
		}
		sign := func([]byte) (string, error) { return "signature", nil }
		var tip reposit.Hash
		for i, c := range []struct {
			repo *reposit.Repo
			opts reposit.CommitOptions
		}{
			{r, reposit.CommitOptions{}},
			{r, reposit.CommitOptions{}},
			{mine, reposit.CommitOptions{}},
			{mine, reposit.CommitOptions{Branch: "main"}},
			{r, reposit.CommitOptions{Branch: "new"}},
			{mine, reposit.CommitOptions{Branch: "newer", From: "main"}},
			{mine, reposit.CommitOptions{Branch: "main", Expect: &tip}},
			{r, reposit.CommitOptions{Sign: sign}},
			{mine, reposit.CommitOptions{AllowEmpty: true}},
		} {
			changes := []reposit.Change{reposit.Put("f", []byte{byte(i)})}
			if c.opts.AllowEmpty {
				changes = nil
			}
			if c.opts.Expect != nil {
				tip = resolve(t, r, "main")
			}
			w.views, w.updates = 0, 0
			commit(t, c.repo, &c.opts, changes...)
			if w.views != 1 || w.updates != 1 {
				t.Errorf("commit %d %s takes %d Views and %d Updates, want 1 and 1", i, name, w.views, w.updates)
			}
		}
	}
}

// TestCommitBetween has something happen between what a commit reads and its Update: the commit is of what there is
// then.
func TestCommitBetween(t *testing.T) {
	ctx := t.Context()
	for name, c := range map[string]struct {
		before, between func(r *reposit.Repo) error
		branch          string
		files           map[string]string
	}{
		"another commit": {
			func(r *reposit.Repo) error { return writeTo(ctx, r, "main", "a") },
			func(r *reposit.Repo) error { return advance(ctx, r) },
			"main", map[string]string{"a": "100644 a", "b": "100644 b", "f": "100644 f"},
		},
		"the first commit": {
			nil,
			func(r *reposit.Repo) error { return advance(ctx, r) },
			"main", map[string]string{"b": "100644 b", "f": "100644 f"},
		},
		"the branch gets another name": {
			func(r *reposit.Repo) error { return writeTo(ctx, r, "main", "a") },
			func(r *reposit.Repo) error { return r.Branches().Rename(ctx, "main", "trunk") },
			"trunk", map[string]string{"a": "100644 a", "f": "100644 f"},
		},
		"another branch becomes the default of an empty repository": {
			nil,
			func(r *reposit.Repo) error {
				trunk := "trunk"
				_, err := r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &trunk})
				return err
			},
			"trunk", map[string]string{"f": "100644 f"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watchedBackend{Backend: memory.New()}
			r := create(t, openStore(t, w, "", nil), "x", nil)
			if c.before != nil {
				if err := c.before(r); err != nil {
					t.Fatal(err)
				}
			}
			var failed error
			w.first = func() { failed = c.between(r) }
			commit(t, r, nil, reposit.Put("f", []byte("f")))
			if failed != nil {
				t.Fatal(failed)
			}
			info, err := r.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if info.DefaultBranch != c.branch {
				t.Errorf("default branch is %q, want %q", info.DefaultBranch, c.branch)
			}
			if _, err := r.Branches().Branch(ctx, "main"); c.branch != "main" && !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("main: %v, want %v", err, reposit.ErrNotFound)
			}
			if got := files(t, r, c.branch); fmt.Sprint(got) != fmt.Sprint(c.files) {
				t.Errorf("%s has %v, want %v", c.branch, got, c.files)
			}
		})
	}
}

func writeTo(ctx context.Context, r *reposit.Repo, branch, name string) error {
	_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: branch}, reposit.Put(name, []byte(name)))
	return err
}

// advance moves main by a commit that was made elsewhere: one to main would line up behind the one that is tested.
func advance(ctx context.Context, r *reposit.Repo) error {
	if err := writeTo(ctx, r, "side", "b"); err != nil {
		return err
	}
	side, err := r.Branches().Branch(ctx, "side")
	if err != nil {
		return err
	}
	return r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/main", New: side.Commit.Hash})
}
