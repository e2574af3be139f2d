package reposit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// openPull opens a pull request that must be possible.
func openPull(t testing.TB, r *reposit.Repo, base, head string, opts *reposit.PullOptions) reposit.Pull {
	t.Helper()
	p, err := r.Pulls().Open(t.Context(), base, head, opts)
	if err != nil {
		t.Fatalf("Open(%q, %q) = %v", base, head, err)
	}
	return p
}

func loadPull(t testing.TB, r *reposit.Repo, number int) reposit.Pull {
	t.Helper()
	p, err := r.Pulls().Pull(t.Context(), number)
	if err != nil {
		t.Fatalf("Pull(%d) = %v", number, err)
	}
	return p
}

// review adds a review that must be possible.
func review(t testing.TB, r *reposit.Repo, number int, login string, state reposit.ReviewState) {
	t.Helper()
	if _, err := r.Pulls().Review(t.Context(), number, state, &reposit.ReviewOptions{Reviewer: login}); err != nil {
		t.Fatalf("Review(%d, %v) by %s = %v", number, state, login, err)
	}
}

// put commits one file to a branch.
func put(t testing.TB, r *reposit.Repo, branch, path, content string) *reposit.Commit {
	t.Helper()
	return commit(t, r, &reposit.CommitOptions{Branch: branch, Message: "put " + path + "\n"},
		reposit.Put(path, []byte(content)))
}

func info(t testing.TB, r *reposit.Repo) reposit.Info {
	t.Helper()
	return fixture.Info(t, r)
}

func TestPull(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		opts, clock := fixed()
		s := open(opts)
		r := create(t, s, "r", nil)
		first := put(t, r, "main", "f", "1")
		second := put(t, r, "topic", "g", "2")
		got := openPull(t, r, "", "topic", &reposit.PullOptions{Body: "why\nnot", Author: "Ann"})
		want := reposit.Pull{
			Number: 1, Title: "put g", Body: "why\nnot", Author: "ann", HeadRepo: r.ID(), HeadBranch: "topic", Head: second.Hash,
			BaseBranch: "main", Base: first.Hash, CreatedAt: clock.now(), UpdatedAt: clock.now(),
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("Open() (-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff(want, loadPull(t, r, 1)); diff != "" {
			t.Errorf("Pull() (-want +got):\n%s", diff)
		}
		if n := info(t, r).OpenPulls; n != 1 {
			t.Errorf("OpenPulls = %d, want 1", n)
		}
		if got := resolve(t, r, "refs/pull/1/head"); got != second.Hash {
			t.Errorf("refs/pull/1/head = %v, want %v", got, second.Hash)
		}
		checkParents(t, r, "refs/pull/1/merge", first.Hash, second.Hash)

		for _, test := range []struct {
			base, head string
			opts       *reposit.PullOptions
			want       error
		}{
			{"main", "topic", nil, reposit.ErrExists}, {"topic", "main", nil, reposit.ErrNoChange},
			{"main", "main", nil, reposit.ErrInvalid},
			{"main", "none", nil, reposit.ErrNotFound}, {"none", "topic", nil, reposit.ErrNotFound},
			{"main", "", nil, reposit.ErrInvalid},
			{"a b", "topic", nil, reposit.ErrInvalid},
			{"main", "topic", &reposit.PullOptions{Title: "a\nb"}, reposit.ErrInvalid},
			{"main", "topic", &reposit.PullOptions{Body: "\x00"}, reposit.ErrInvalid},
			{"main", "topic", &reposit.PullOptions{Author: "a b"}, reposit.ErrInvalid},
			{"main", "topic", &reposit.PullOptions{HeadRepo: "x"}, reposit.ErrInvalid},
			{"main", "topic", &reposit.PullOptions{HeadRepo: "rp_99999999999999999999"}, reposit.ErrNotFound},
			{"main", "topic", &reposit.PullOptions{Body: strings.Repeat("x", 1<<17)}, reposit.ErrTooLarge},
		} {
			if p, err := r.Pulls().Open(t.Context(), test.base, test.head, test.opts); !errors.Is(err, test.want) {
				t.Errorf("Open(%q, %q, %+v) = %+v, %v, want %v", test.base, test.head, test.opts, p, err, test.want)
			}
		}

		// The head moves, and with it the refs.
		clock.advance(time.Hour)
		third := put(t, r, "topic", "g", "3")
		if p := loadPull(t, r, 1); p.Head != third.Hash || !p.UpdatedAt.Equal(clock.now()) || p.CreatedAt.Equal(clock.now()) {
			t.Errorf("Pull() = %+v, want head %v", p, third.Hash)
		}
		if got := resolve(t, r, "refs/pull/1/head"); got != third.Hash {
			t.Errorf("refs/pull/1/head = %v, want %v", got, third.Hash)
		}
		checkParents(t, r, "refs/pull/1/merge", first.Hash, third.Hash)

		// The base goes another way, and so does the head: they can be merged all the same.
		aside := put(t, r, "main", "h", "4")
		fourth := put(t, r, "topic", "g", "5")
		if p := loadPull(t, r, 1); p.Base != aside.Hash || p.Head != fourth.Hash {
			t.Errorf("Pull() = %+v, want base %v and head %v", p, aside.Hash, fourth.Hash)
		}
		checkParents(t, r, "refs/pull/1/merge", aside.Hash, fourth.Hash)
		for _, strategy := range []reposit.MergeStrategy{reposit.FastForwardOnly} {
			_, err := r.Pulls().Merge(t.Context(), 1, &reposit.MergeOptions{Strategy: strategy})
			if !errors.Is(err, reposit.ErrConflict) || !strings.Contains(err.Error(), "diverged") {
				t.Errorf("Merge() of branches that diverged with %d = %v, want %v", strategy, err, reposit.ErrConflict)
			}
		}
		status, err := r.Pulls().Status(t.Context(), 1)
		if err != nil || !status.Mergeable || !status.Diverged || status.Head != fourth.Hash || status.Base != aside.Hash ||
			len(status.Lacks) != 0 {
			t.Errorf("Status() = %+v, %v, want it to have diverged", status, err)
		}

		// Closed, it holds nothing any more.
		if err := r.Pulls().Close(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		if p := loadPull(t, r, 1); p.State != reposit.PullClosed || !p.EndedAt.Equal(clock.now()) || p.Head != fourth.Hash {
			t.Errorf("Pull() = %+v, want it closed", p)
		}
		for _, name := range []string{"refs/pull/1/head", "refs/pull/1/merge"} {
			if got := resolve(t, r, name); !got.IsZero() {
				t.Errorf("%s = %v of a closed one", name, got)
			}
		}
		for name, err := range map[string]error{
			"Close": r.Pulls().Close(t.Context(), 1), "Merge": errorOf(r.Pulls().Merge(t.Context(), 1, nil)),
			"Review": errorOf(r.Pulls().Review(t.Context(), 1, reposit.Commented, &reposit.ReviewOptions{Reviewer: "bob"})),
		} {
			if !errors.Is(err, reposit.ErrConflict) || !strings.Contains(err.Error(), "not open") {
				t.Errorf("%s of a closed one = %v, want %v", name, err, reposit.ErrConflict)
			}
		}
		if _, err := r.Pulls().Pull(t.Context(), 2); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Pull(2) = %v, want %v", err, reposit.ErrNotFound)
		}
		if p := openPull(t, r, "main", "topic", nil); p.Number != 2 {
			t.Errorf("Open() = %d after one was closed, want 2", p.Number)
		}
		checkPulls(t, s, r)
	})
}

func errorOf[T any](_ T, err error) error { return err }

// checkParents checks the parents of a commit.
func checkParents(t testing.TB, r *reposit.Repo, rev string, want ...reposit.Hash) {
	t.Helper()
	var got []reposit.Hash
	for i := 1; ; i++ {
		h := resolve(t, r, fmt.Sprintf("%s^%d", rev, i))
		if h.IsZero() {
			break
		}
		got = append(got, h)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("parents of %s (-want +got):\n%s", rev, diff)
	}
}

func TestPullMerge(t *testing.T) {
	for _, test := range []struct {
		strategy reposit.MergeStrategy
		kind     reposit.MergeKind
		message  string
	}{
		{reposit.MergeCommit, reposit.Merged, "Merge pull request #1 from topic\n\nput g\n"},
		{reposit.FastForwardOnly, reposit.FastForwarded, "put h\n"},
		{reposit.Squash, reposit.Squashed, "put g (#1)\n\nwhy\n"}, {reposit.Rebase, reposit.Rebased, "put h\n"},
	} {
		t.Run(test.kind.String(), func(t *testing.T) {
			eachBackend(t, func(t *testing.T, open opener) {
				s := open(nil)
				r := create(t, s, "r", nil)
				base := put(t, r, "main", "f", "1")
				put(t, r, "topic", "g", "2")
				openPull(t, r, "main", "topic", &reposit.PullOptions{Body: "why"})
				head := put(t, r, "topic", "h", "3")
				if _, err := r.Pulls().Merge(t.Context(), 1,
					&reposit.MergeOptions{Strategy: test.strategy, Expect: &base.Hash}); !errors.Is(err, reposit.ErrConflict) {
					t.Errorf("Merge() of an unexpected head = %v, want %v", err, reposit.ErrConflict)
				}
				got, err := r.Pulls().Merge(t.Context(), 1, &reposit.MergeOptions{Strategy: test.strategy, Expect: &head.Hash})
				if err != nil {
					t.Fatal(err)
				}
				tip := resolve(t, r, "main")
				if got.Kind != test.kind || got.Base != base.Hash || got.Commit.Hash != tip || got.Commit.Message != test.message {
					t.Errorf("Merge() = %v, %+v, main is at %v", got.Kind, got.Commit, tip)
				}
				switch test.strategy {
				case reposit.MergeCommit:
					checkParents(t, r, "main", base.Hash, head.Hash)
				case reposit.Squash:
					checkParents(t, r, "main", base.Hash)
				default:
					if tip != head.Hash {
						t.Errorf("main = %v, want %v", tip, head.Hash)
					}
				}
				if got := resolve(t, r, "main^{tree}"); got != head.Tree {
					t.Errorf("tree = %v, want that of the head, %v", got, head.Tree)
				}
				if p := loadPull(t, r, 1); p.State != reposit.PullMerged || p.Result != tip || p.Base != base.Hash ||
					p.Head != head.Hash {
					t.Errorf("Pull() = %+v, want it merged", p)
				}
				put(t, r, "topic", "i", "4") // it goes on without the pull request
				if _, err := r.Pulls().Merge(t.Context(), 1, nil); !errors.Is(err, reposit.ErrConflict) {
					t.Errorf("Merge() again = %v, want %v", err, reposit.ErrConflict)
				}
				checkPulls(t, s, r)
			})
		})
	}
	r := create(t, openMemory(t, nil), "r", nil)
	put(t, r, "main", "f", "1")
	put(t, r, "topic", "g", "2")
	openPull(t, r, "main", "topic", nil)
	for _, opts := range []*reposit.MergeOptions{{Strategy: 9}, {Strategy: -1}, {Message: "\x00"},
		{Author: &reposit.Signature{}}} {
		if _, err := r.Pulls().Merge(t.Context(), 1, opts); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Merge(%+v) = %v, want %v", opts, err, reposit.ErrInvalid)
		}
	}
}

// TestPullFork holds that a pull request shows its head to the base's readers as long as it is open, and no longer.
func TestPullFork(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
		base := put(t, r, "main", "f", "1")
		yes := true
		must(r.Update(t.Context(), &reposit.RepoUpdate{Private: &yes}))(t)
		for _, login := range []string{"bob", "carl", "rita"} {
			s.grant(t, r, login, reposit.Read)
		}
		fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob", Private: &yes})
		if err != nil {
			t.Fatal(err)
		}
		secret := put(t, fork, "topic", "g", "2")
		hash := secret.Hash.String()
		s.grant(t, fork, "rita", reposit.Read)
		from := &reposit.PullOptions{HeadRepo: fork.ID()}
		bob, carl := s.repoAs(t, r, "bob"), s.repoAs(t, r, "carl")
		for login, want := range map[string]error{"carl": reposit.ErrNotFound, "ann": reposit.ErrNotFound,
			"rita": reposit.ErrForbidden} {
			if _, err := s.repoAs(t, r, login).Pulls().Open(t.Context(), "main", "topic", from); !errors.Is(err, want) {
				t.Errorf("Open() from a fork by %s = %v, want %v", login, err, want)
			}
		}
		if got := resolve(t, carl, hash); !got.IsZero() {
			t.Errorf("Resolve() of what only a fork has = %v", got)
		}
		p := openPull(t, bob, "main", "topic", from)
		if p.HeadRepo != fork.ID() || p.Author != "bob" {
			t.Errorf("Open() = %+v", p)
		}
		if got := loadPull(t, carl, 1); got.HeadRepo != "" || got.Head != secret.Hash {
			t.Errorf("Pull() by one who may not read the fork = %+v", got)
		}
		if got := resolve(t, carl, hash); got != secret.Hash {
			t.Errorf("Resolve() of an open one's head = %v, want %v", got, secret.Hash)
		}
		later := put(t, fork, "topic", "g", "3")
		if got := resolve(t, carl, "refs/pull/1/head"); got != later.Hash {
			t.Errorf("refs/pull/1/head = %v, want %v", got, later.Hash)
		}
		checkPulls(t, s, r, fork)
		for login, want := range map[string]error{"carl": reposit.ErrForbidden, "bob": nil} {
			if err := s.repoAs(t, r, login).Pulls().Close(t.Context(), 1); !errors.Is(err, want) {
				t.Errorf("Close() by %s = %v, want %v", login, err, want)
			}
		}
		for _, h := range []string{hash, later.Hash.String(), hash[:8]} {
			if got := resolve(t, r, h); !got.IsZero() {
				t.Errorf("Resolve(%s) of a closed one's head = %v", h, got)
			}
		}
		if _, err := r.Branches().Create(t.Context(), "x", hash); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Create() at a closed one's head = %v, want %v", err, reposit.ErrNotFound)
		}

		// The fork goes, what was proposed stays.
		openPull(t, bob, "main", "topic", from)
		token, err := fork.DeleteToken(t.Context())
		if err := errors.Join(err, fork.Delete(t.Context(), token)); err != nil {
			t.Fatal(err)
		}
		if got := loadPull(t, bob, 2); got.State != reposit.PullOpen || got.HeadRepo != "" || got.Head != later.Hash {
			t.Errorf("Pull() from a deleted fork = %+v", got)
		}
		if _, err := s.repoAs(t, r, "ann").Pulls().Merge(t.Context(), 2, nil); err != nil {
			t.Errorf("Merge() from a deleted fork = %v", err)
		}
		checkParents(t, r, "main", base.Hash, later.Hash)

		stranger := create(t, s, "s", nil)
		put(t, stranger, "topic", "f", "1")
		if _, err := r.Pulls().Open(t.Context(), "main", "topic",
			&reposit.PullOptions{HeadRepo: stranger.ID()}); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Open() from a repository of another network = %v, want %v", err, reposit.ErrInvalid)
		}
	})
}

// TestPullBaseDeleted holds that forks go on when what they proposed to is gone.
func TestPullBaseDeleted(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := create(t, s, "r", nil)
		put(t, r, "main", "f", "1")
		fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		put(t, fork, "topic", "g", "2")
		openPull(t, r, "main", "topic", &reposit.PullOptions{HeadRepo: fork.ID()})
		openPull(t, fork, "main", "topic", nil)
		review(t, r, 1, "carl", reposit.Approved)
		token, err := r.DeleteToken(t.Context())
		if err := errors.Join(err, r.Delete(t.Context(), token)); err != nil {
			t.Fatal(err)
		}
		put(t, fork, "topic", "g", "3")
		checkPulls(t, s, fork)
		err = s.backend.View(t.Context(), func(v storage.View) error {
			for rec, err := range v.Records([]byte("R"), []byte("S"), storage.Ascending) {
				if err != nil {
					return err
				}
				if strings.Contains(string(rec.Key), string(r.ID()[len("rp_"):])) {
					t.Errorf("record %q is left of a deleted repository", rec.Key)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestPullEnds holds what becomes of pull requests when their branches go, move or get another name.
func TestPullEnds(t *testing.T) {
	type repo = reposit.Repo
	for name, test := range map[string]struct {
		do   func(*testing.T, *repo) error
		want reposit.PullState
	}{
		"head deleted": {func(t *testing.T, r *repo) error { return r.Branches().Delete(t.Context(), "topic") },
			reposit.PullClosed},
		"base deleted": {func(t *testing.T, r *repo) error { return r.Branches().Delete(t.Context(), "base") },
			reposit.PullClosed},
		"head moved to the base": {func(t *testing.T, r *repo) error {
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/topic", New: resolve(t, r, "base")})
		}, reposit.PullClosed},
		"head moved behind the base": {func(t *testing.T, r *repo) error {
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/topic", New: resolve(t, r, "base~1")})
		}, reposit.PullClosed},
		"head forced": {func(t *testing.T, r *repo) error {
			put(t, r, "aside", "h", "9")
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/topic", New: resolve(t, r, "aside")})
		}, reposit.PullOpen},
		"base moved to the head": {func(t *testing.T, r *repo) error {
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/base", New: resolve(t, r, "topic")})
		}, reposit.PullMerged},
		"base moved beyond the head": {func(t *testing.T, r *repo) error {
			commit(t, r, &reposit.CommitOptions{Branch: "beyond", From: "topic", Message: "m"}, reposit.Put("i", nil))
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/base", New: resolve(t, r, "beyond")})
		}, reposit.PullMerged},
		"base forced back": {func(t *testing.T, r *repo) error {
			return r.Refs().Update(t.Context(), reposit.RefUpdate{Name: "refs/heads/base", New: resolve(t, r, "base~1")})
		}, reposit.PullOpen},
		"base committed to": {func(t *testing.T, r *repo) error { put(t, r, "base", "z", "1"); return nil },
			reposit.PullOpen},
		"head renamed": {func(t *testing.T,
			r *repo) error {
			return r.Branches().Rename(t.Context(), "topic", "topic2")
		}, reposit.PullOpen},
		"base renamed": {func(t *testing.T, r *repo) error { return r.Branches().Rename(t.Context(), "base", "base2") },
			reposit.PullOpen},
		"head renamed and committed to": {func(t *testing.T, r *repo) error {
			err := r.Branches().Rename(t.Context(), "topic", "topic/2")
			put(t, r, "topic/2", "z", "1")
			return err
		}, reposit.PullOpen},
		"both swapped in one call": {func(t *testing.T, r *repo) error {
			return r.Refs().Update(t.Context(),
				reposit.RefUpdate{Name: "refs/heads/topic", New: resolve(t, r, "base")},
				reposit.RefUpdate{Name: "refs/heads/base", New: resolve(t, r, "topic")})
		}, reposit.PullClosed},
	} {
		t.Run(name, func(t *testing.T) {
			eachBackend(t, func(t *testing.T, open opener) {
				s := open(nil)
				r := create(t, s, "r", nil)
				put(t, r, "main", "f", "1")
				put(t, r, "main", "f", "2")
				if _, err := r.Branches().Create(t.Context(), "base", ""); err != nil {
					t.Fatal(err)
				}
				put(t, r, "base", "b", "1")
				commit(t, r, &reposit.CommitOptions{Branch: "topic", From: "base", Message: "m"}, reposit.Put("g", []byte("3")))
				openPull(t, r, "base", "topic", nil)
				openPull(t, r, "main", "base", nil) // so that the base is a head too
				if err := test.do(t, r); err != nil {
					t.Fatal(err)
				}
				if p := loadPull(t, r, 1); p.State != test.want {
					t.Errorf("Pull() = %+v, want it %v", p, test.want)
				}
				checkPulls(t, s, r)
			})
		})
	}
}

// checkPulls checks that what is kept of pull requests fits together, in all the repositories.
func checkPulls(t testing.TB, s *store, repos ...*reposit.Repo) {
	t.Helper()
	s.fixture().CheckPulls(t, repos...)
}

// TestPullOfRevoked holds that a pull request shows no more of another repository once its author may not write there,
// and that the refs of pull requests are theirs alone.
func TestPullOfRevoked(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	root := create(t, s, "r", &reposit.CreateOptions{Owner: "ann"})
	write(t, root, "f", "x")
	theirs := must(root.Fork(ctx, &reposit.ForkOptions{Owner: "bob", Private: ref(true)}))(t)
	own := must(root.Fork(ctx, &reposit.ForkOptions{Owner: "mallory", Private: ref(true)}))(t)
	write(t, theirs, "g", "shown")
	s.grant(t, theirs, "mallory", reposit.Write)
	mallory := s.repoAs(t, own, "mallory")
	must(mallory.Pulls().Open(ctx, "main", "main", &reposit.PullOptions{HeadRepo: theirs.ID()}))(t)
	if data, err := mallory.Read(ctx, "refs/pull/1/head", "g"); err != nil || string(data) != "shown" {
		t.Fatalf("Read() = %q, %v", data, err)
	}
	st := must(mallory.Storer(ctx))(t)
	if err := st.RemoveReference("refs/pull/1/head"); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("RemoveReference() = %v, want %v", err, reposit.ErrInvalid)
	}
	if err := theirs.Collaborators().Remove(ctx, "mallory"); err != nil {
		t.Fatal(err)
	}
	secret := write(t, s.repoAs(t, theirs, "bob"), "g", "secret")
	if data, err := mallory.Read(ctx, "refs/pull/1/head", "g"); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Read() of the head when the author may not see it = %q, %v, want %v", data, err, reposit.ErrNotFound)
	}
	if _, err := mallory.Resolve(ctx, secret.Hash.String()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Resolve() = %v, want %v", err, reposit.ErrNotFound)
	}
	if p := must(mallory.Pulls().Pull(ctx, 1))(t); p.State != reposit.PullClosed || p.Head == secret.Hash {
		t.Errorf("Pull() = %+v, want it to be closed where it was", p)
	}
}
