package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// An entryTx is a transaction of the catalog alone, below all that the store does.
type entryTx struct {
	storage.Tx
	entries map[storage.ID]*catalog.Entry
}

func (tx entryTx) Entry(id storage.ID) (*catalog.Entry, error) {
	if e := tx.entries[id]; e != nil {
		return e, nil
	}
	e, err := catalog.LoadEntry(tx.Tx, id)
	if err == nil {
		tx.entries[id] = &e
	}
	return &e, err
}

// setPrivate does what Repo.Update does to the visibility of a repository, but for its pull requests: as if they had
// been opened by a program that did not ask for it.
func (s *store) setPrivate(t testing.TB, r *reposit.Repo, private bool) {
	t.Helper()
	err := s.backend.Update(t.Context(), func(raw storage.Tx) error {
		tx := entryTx{raw, map[storage.ID]*catalog.Entry{}}
		e, err := tx.Entry(storageID(r))
		if err != nil {
			return err
		}
		is := *e.Repo
		is.Private = private
		if err := e.Replace(tx, &is, is.Created); err != nil {
			return err
		}
		for _, e := range tx.entries {
			err = errors.Join(err, e.Store(raw))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// shows returns by which doors of a repository an actor gets at a commit.
func shows(t testing.TB, r *reposit.Repo, pull int, h reposit.Hash) (doors []string) {
	t.Helper()
	ctx := t.Context()
	note := func(door string, seen bool) {
		if seen {
			doors = append(doors, door)
		}
	}
	p, err := r.Pulls().Pull(ctx, pull)
	note("Pull", err == nil && p.Head == h)
	page, err := r.Pulls().List(ctx, &reposit.PullListOptions{State: reposit.PullAny})
	note("Pulls.List", err == nil && slices.ContainsFunc(page.Items, func(p reposit.Pull) bool { return p.Head == h }))
	status, err := r.Pulls().Status(ctx, pull)
	note("Status", err == nil && status.Head == h)
	for ref, err := range r.Refs().All(ctx, "") {
		note("Refs "+ref.Name, err == nil && ref.Hash == h)
	}
	for _, rev := range []string{h.String(), h.String()[:12], fmt.Sprintf("refs/pull/%d/head", pull),
		fmt.Sprintf("refs/pull/%d/merge^2", pull)} {
		got, err := r.Resolve(ctx, rev)
		note("Resolve "+rev, err == nil && got == h)
	}
	note("Stat", errorOf(r.Stat(ctx, h.String(), "")) == nil)
	note("Archive", r.Archive(ctx, io.Discard, &reposit.ArchiveOptions{Revision: h.String()}) == nil)
	note("Diff base", errorOf(r.Diff(ctx, h.String(), "", nil)) == nil)
	note("Diff head", errorOf(r.Diff(ctx, "", h.String(), nil)) == nil)
	st := must(r.Storer(ctx))(t)
	note("Storer", errorOf(st.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))) == nil)
	ref, err := st.Reference(plumbing.ReferenceName(fmt.Sprintf("refs/pull/%d/head", pull)))
	note("Storer.Reference", err == nil && reposit.Hash(ref.Hash()) == h)
	return doors
}

// TestPullHiddenAtPush holds that a pull request whose head is private, and whose base is not, ends at the next push,
// however it came to be open: nobody who may not read the head sees what is pushed, at any door.
func TestPullHiddenAtPush(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		for _, test := range []struct {
			name    string
			private bool // the base at first, and with it its fork
			expose  func(s *store, base, fork *reposit.Repo)
		}{
			{"the head becomes private", false, func(s *store, _, fork *reposit.Repo) { s.setPrivate(t, fork, true) }},
			{"the base becomes public", true, func(s *store, base, _ *reposit.Repo) { s.setPrivate(t, base, false) }},
		} {
			s, ctx := open(nil), t.Context()
			base := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: test.private})
			write(t, base, "f", "1")
			s.grant(t, base, "bob", reposit.Read)
			bob := must(s.repoAs(t, base, "bob").Fork(ctx, nil))(t)
			shown := put(t, bob, "topic", "g", "shown")
			openPull(t, s.repoAs(t, base, "bob"), "main", "topic", &reposit.PullOptions{HeadRepo: bob.ID()})
			if got := shows(t, s.repoAs(t, base, "bob"), 1, shown.Hash); len(got) < 10 {
				t.Errorf("%s: %q show the head to who may read both, want all doors", test.name, got)
			}
			test.expose(s, base, bob)
			secret := put(t, bob, "topic", "g", "secret")
			for _, login := range []string{"", "eve", "bob"} {
				if got := shows(t, s.repoAs(t, base, login), 1, secret.Hash); len(got) > 0 {
					t.Errorf("%s: %q show what was pushed then to %q", test.name, got, login)
				}
			}
			if p := loadPull(t, base, 1); p.State != reposit.PullClosed || p.Head != shown.Hash {
				t.Errorf("%s: the pull request is %+v, want it closed, with the head that it had", test.name, p)
			}
			if got := shows(t, s.repoAs(t, base, ""), 1, shown.Hash); len(got) > 3 {
				t.Errorf("%s: %q show what was shown before, want its description alone", test.name, got)
			}
			checkPulls(t, s, base)
		}
	})
}

// A tripping backend fails an Update once as many have been made as it was told.
type tripping struct {
	storage.Backend
	left int // negative: it never fails
}

var errTripped = errors.New("tripped")

func (b *tripping) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if b.left == 0 {
		return errTripped
	}
	err := b.Backend.Update(ctx, fn)
	if err == nil {
		b.left--
	}
	return err
}

// TestPullHiddenMany holds that a repository changes its visibility whatever the number of pull requests that would
// show too much then: they are closed first, in transactions that all backends take, and when it ends on the way, the
// repository is what it was.
func TestPullHiddenMany(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"memory", "badger"} {
		if testing.Short() && name != "memory" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			trip := &tripping{rawBackend(t, name), -1}
			s, ctx := openStore(t, trip, "", nil), t.Context()
			base := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
			write(t, base, "f", "1")
			var bases []reposit.RefUpdate
			for i := range 50 {
				bases = append(bases, reposit.RefUpdate{Name: fmt.Sprint("refs/heads/b", i), New: resolve(t, base, "")})
			}
			if err := base.Refs().Update(ctx, bases...); err != nil {
				t.Fatal(err)
			}
			fork := must(base.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
			const many = 2100
			for i := range many/50 + 1 {
				head := fmt.Sprint("h", i)
				put(t, fork, head, "g", head)
				for j := range 50 {
					openPull(t, base, fmt.Sprint("b", j), head, &reposit.PullOptions{HeadRepo: fork.ID(), Title: "t"})
				}
			}
			opened := info(t, base).OpenPulls
			trip.left = 2
			publish := &reposit.RepoUpdate{Private: ref(false)}
			if _, err := base.Update(ctx, publish); !errors.Is(err, errTripped) {
				t.Fatalf("Update() that is cut short = %v, want %v", err, errTripped)
			}
			trip.left = -1
			is := info(t, base)
			if !is.Private || is.OpenPulls >= opened || is.OpenPulls == 0 {
				t.Errorf("after an Update that was cut short it is private: %v, with %d of %d open, want true, and fewer",
					is.Private, is.OpenPulls, opened)
			}
			if is := must(base.Update(ctx, publish))(t); is.Private || is.OpenPulls != 0 {
				t.Errorf("Update() = private: %v, %d open, want false, 0", is.Private, is.OpenPulls)
			}
			checkStore(t, s)
		})
	}
}
