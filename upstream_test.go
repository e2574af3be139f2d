package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
)

// A dependent is a private repository of ann's, "r", and bob's fork of it, which bob shares with cid.
type dependent struct {
	*store
	r, fork *reposit.Repo // as the host
}

func newDependent(t *testing.T, s *store) *dependent {
	t.Helper()
	putUsers(t, s, "ann", "bob", "cid", "dan")
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
	write(t, r, "f", "1")
	s.grant(t, r, "bob", reposit.Read)
	fork := must(s.repoAs(t, r, "bob").Fork(t.Context(), nil))(t)
	fork = must(s.RepoByID(t.Context(), fork.ID()))(t)
	write(t, fork, "g", "bob's")
	s.grant(t, fork, "cid", reposit.Admin)
	return &dependent{s, r, fork}
}

// readers are those who can read a repository, at every door alike.
func (s *store) readers(t testing.TB, r *reposit.Repo) []string {
	t.Helper()
	ctx := t.Context()
	r = must(s.RepoByID(ctx, r.ID()))(t)
	var readers []string
	for _, login := range []string{"ann", "bob", "cid", "dan"} {
		as := s.As(reposit.User(login))
		_, err := as.RepoByID(ctx, r.ID())
		if err == nil {
			readers = append(readers, login)
		} else if !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("RepoByID() as %s = %v", login, err)
		}
		name := must(r.Info(ctx))(t)
		if _, named := as.Repo(ctx, name.FullName()); (named == nil) != (err == nil) {
			t.Errorf("Repo() as %s = %v, where RepoByID() = %v", login, named, err)
		}
		if p := must(r.Permission(ctx, login))(t); (p > reposit.None) != (err == nil) {
			t.Errorf("Permission() of %s = %v, where RepoByID() = %v", login, p, err)
		}
	}
	return readers
}

// listed are those who come across a repository in lists and searches.
func (s *store) listed(t testing.TB, r *reposit.Repo) []string {
	t.Helper()
	ctx := t.Context()
	is := must(r.Info(ctx))(t)
	var listed []string
	for _, login := range []string{"ann", "bob", "cid", "dan"} {
		as := s.As(reposit.User(login))
		lists := map[string]bool{}
		for name, opts := range map[string]*reposit.ListOptions{
			"List": {}, "List by name": {Sort: reposit.SortName}, "List of owner": {Owner: is.Owner},
			"List by push": {Sort: reposit.SortPushed, Page: 1},
		} {
			page := must(as.List(ctx, opts))(t)
			if page.TotalCount != len(page.Items) {
				t.Errorf("%s as %s counts %d of %d", name, login, page.TotalCount, len(page.Items))
			}
			lists[name] = slices.ContainsFunc(page.Items, func(i reposit.Info) bool { return i.ID == r.ID() })
		}
		for name, opts := range map[string]*reposit.SearchOptions{"Search": nil, "Search of owner": {Owner: is.Owner}} {
			page := must(as.Search(ctx, is.Slug, opts))(t)
			lists[name] = slices.ContainsFunc(page.Items, func(i reposit.SearchResult) bool { return i.ID == r.ID() })
			if page.TotalCount != len(page.Items) {
				t.Errorf("%s as %s counts %d of %d", name, login, page.TotalCount, len(page.Items))
			}
		}
		for name, is := range lists {
			if is != lists["List"] {
				t.Errorf("%s as %s lists it: %v, List: %v", name, login, is, lists["List"])
			}
		}
		if lists["List"] {
			listed = append(listed, login)
		}
	}
	return listed
}

// wantReaders holds who can read the fork, and who comes across it in lists.
func (d *dependent) wantReaders(t testing.TB, when string, readers, listed []string) {
	t.Helper()
	if got := d.readers(t, d.fork); !slices.Equal(got, readers) {
		t.Errorf("%s, %q can read the fork, want %q", when, got, readers)
	}
	if got := d.listed(t, d.fork); !slices.Equal(got, listed) {
		t.Errorf("%s, %q come across the fork, want %q", when, got, listed)
	}
	checkStore(t, d.store)
}

var both = []string{"bob", "cid"}

// TestForkEnds holds that a private fork ends with its owner's Read on what it was forked from: it is there for
// nobody but those who decide on that, at every door, until the owner may read it again.
func TestForkEnds(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		d := newDependent(t, open(nil))
		ctx := t.Context()
		d.wantReaders(t, "at first", both, both)
		bob, cid := d.repoAs(t, d.fork, "bob"), d.repoAs(t, d.fork, "cid")
		must(d.fork.DeployKeys().Add(ctx, "ci", sshKey(1), nil))(t)
		byKey := must(must(d.AsKey(ctx, sshKey(1)))(t).RepoByID(ctx, d.fork.ID()))(t)
		calls := map[string]func() error{}
		for name, r := range map[string]*reposit.Repo{"bob": bob, "cid": cid, "key": byKey} {
			tree := must(r.FS(ctx, ""))(t)
			st := must(r.Storer(ctx))(t)
			reader := must(r.Open(ctx, "", "g"))(t)
			defer reader.Close()
			calls[name+" Read"] = func() error { return errorOf(r.Read(ctx, "", "g")) }
			calls[name+" Info"] = func() error { return errorOf(r.Info(ctx)) }
			calls[name+" FS"] = func() error { return errorOf(fs.ReadFile(tree, "g")) }
			calls[name+" reader"] = func() error { return errorOf(reader.Read(make([]byte, 1))) }
			calls[name+" Storer"] = func() error { return errorOf(st.Reference(plumbing.HEAD)) }
			calls[name+" Forks"] = func() error { return errorOf(r.Forks(ctx, nil)) }
			calls[name+" Archive"] = func() error { return r.Archive(ctx, io.Discard, nil) }
			calls[name+" Pulls"] = func() error { return errorOf(r.Pulls().List(ctx, nil)) }
		}
		for name, r := range map[string]*reposit.Repo{"bob": bob, "cid": cid} {
			calls[name+" Write"] = func() error { return errorOf(r.Write(ctx, "h", []byte(name), "m")) }
		}
		marks := 0
		seen := func(login string) (seen bool) {
			marks++
			mark := create(t, d.store, fmt.Sprint("mark", marks), nil)
			for e, err := range d.As(reposit.User(login)).Events(ctx, 0) {
				if err != nil {
					t.Fatal(err)
				}
				if seen = seen || e.Repo == d.fork.ID(); e.Repo == mark.ID() {
					break
				}
			}
			return seen
		}
		if !seen("bob") || seen("ann") {
			t.Errorf("bob sees events of the fork: %v, ann: %v, want true and false", seen("bob"), seen("ann"))
		}
		if page := must(d.repoAs(t, d.r, "ann").Forks(ctx, nil))(t); page.TotalCount != 0 {
			t.Errorf("Forks() as ann = %d, want 0 while bob has the fork", page.TotalCount)
		}
		for what, call := range calls {
			if err := call(); err != nil {
				t.Errorf("%s = %v", what, err)
			}
		}
		if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
			t.Fatal(err)
		}
		d.wantReaders(t, "without Read", []string{"ann"}, nil)
		for what, call := range calls {
			if err := call(); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s when bob lost Read = %v, want %v", what, err, reposit.ErrNotFound)
			}
		}
		if seen("bob") || !seen("ann") {
			t.Errorf("bob sees events of the fork: %v, ann: %v, want false and true", seen("bob"), seen("ann"))
		}
		if page := must(d.Pushable(ctx, "cid", nil))(t); page.TotalCount != 0 {
			t.Errorf("Pushable() of cid = %d, want 0", page.TotalCount)
		}
		for name, list := range map[string]func(context.Context, *reposit.ListOptions) (reposit.Page[reposit.Info], error){
			"Forks": d.repoAs(t, d.r, "ann").Forks, "Network": d.repoAs(t, d.r, "ann").Network,
		} {
			page := must(list(ctx, nil))(t)
			if !slices.ContainsFunc(page.Items, func(i reposit.Info) bool { return i.ID == d.fork.ID() }) {
				t.Errorf("%s() as ann = %+v, want the fork among them", name, page.Items)
			}
		}
		d.grant(t, d.r, "bob", reposit.Read)
		d.wantReaders(t, "with Read again", both, both)

		// The admin of the parent may delete it.
		if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
			t.Fatal(err)
		}
		remove(t, d.repoAs(t, d.fork, "ann"))
		checkStore(t, d.store)
	})
}

// TestForkOfTeam holds that what a team gives the owner of a fork counts, and ends with the team's repository, its
// member and the owner of the parent.
func TestForkOfTeam(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx := t.Context()
	if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	team := reposit.Team{Owner: "ann", Name: "t", Permission: reposit.Read, Members: []string{"bob"},
		Repos: []reposit.ID{d.r.ID()}}
	if err := d.Teams().Put(ctx, team); err != nil {
		t.Fatal(err)
	}
	d.wantReaders(t, "in a team", both, both)
	must(d.r.Update(ctx, &reposit.RepoUpdate{Owner: ref("dan")}))(t)
	d.wantReaders(t, "when the parent is transferred", []string{"dan"}, nil)
	must(d.r.Update(ctx, &reposit.RepoUpdate{Owner: ref("bob"), Slug: ref("old")}))(t)
	d.wantReaders(t, "when the parent is the fork's owner's", both, both)
}

// TestForkOfPublished holds that a fork asks for nothing while its parent is public.
func TestForkOfPublished(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx := t.Context()
	if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	must(d.r.Update(ctx, &reposit.RepoUpdate{Private: ref(false)}))(t)
	d.wantReaders(t, "when the parent is public", both, both)
	free := must(d.repoAs(t, d.r, "dan").Fork(ctx, &reposit.ForkOptions{Private: ref(true)}))(t)
	must(d.r.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	d.wantReaders(t, "when the parent is private again", []string{"ann"}, nil)
	if got := d.readers(t, free); !slices.Equal(got, []string{"dan"}) {
		t.Errorf("%q can read the private fork of what was public, want dan alone", got)
	}
	must(d.r.Update(ctx, &reposit.RepoUpdate{Private: ref(false)}))(t)
	remove(t, d.r)
	d.wantReaders(t, "when the parent was deleted as a public one", both, both)
}

// TestForkOfDeleted holds that the fork of a deleted repository is its owner's only if that had the same owner, or what
// it was forked from can be read.
func TestForkOfDeleted(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx := t.Context()
	own := must(d.repoAs(t, d.r, "ann").Fork(ctx, &reposit.ForkOptions{Slug: "own"}))(t)
	second := must(d.repoAs(t, d.fork, "cid").Fork(ctx, nil))(t)
	if got := d.readers(t, second); !slices.Equal(got, []string{"cid"}) {
		t.Errorf("%q can read the fork of the fork, want cid", got)
	}
	remove(t, d.repoAs(t, d.fork, "bob"))
	if got := d.readers(t, second); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("%q can read the fork of a deleted fork, want ann, whose it all was", got)
	}
	d.grant(t, d.r, "cid", reposit.Read)
	if got := d.readers(t, second); !slices.Equal(got, []string{"cid"}) {
		t.Errorf("%q can read the fork of a deleted fork of what cid may read, want cid", got)
	}
	remove(t, d.r)
	if got := d.readers(t, own); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("%q can read ann's fork of ann's deleted repository, want ann", got)
	}
	if got := d.readers(t, second); len(got) > 0 {
		t.Errorf("%q can read the fork of what is all deleted, want nobody", got)
	}
	checkStore(t, d.store)
	// The host decides by transferring it.
	second = must(d.RepoByID(ctx, second.ID()))(t)
	for _, owner := range []string{"host", "cid"} {
		must(second.Update(ctx, &reposit.RepoUpdate{Owner: &owner}))(t)
	}
	if got := d.readers(t, second); !slices.Equal(got, []string{"cid"}) {
		t.Errorf("%q can read what the host gave to cid, want cid", got)
	}
	for _, r := range []*reposit.Repo{own, second} {
		remove(t, r)
	}
	checkStore(t, d.store)
}

// TestForkRestored has the host give a hidden fork back to its owner, by saying that it is theirs; those who decide on
// one can only take it.
func TestForkRestored(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx, bob := t.Context(), "bob"
	if err := d.r.Collaborators().Remove(ctx, bob); err != nil {
		t.Fatal(err)
	}
	d.wantReaders(t, "when bob may not read the parent", []string{"ann"}, nil)
	_, err := d.repoAs(t, d.fork, "ann").Update(ctx, &reposit.RepoUpdate{Owner: &bob})
	if !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Update() by who decides = %v, want %v", err, reposit.ErrForbidden)
	}
	remove(t, d.r)
	if got := d.readers(t, d.fork); len(got) > 0 {
		t.Errorf("%q can read the fork of what is deleted, want nobody", got)
	}
	must(d.fork.Update(ctx, &reposit.RepoUpdate{Name: new("still hidden")}))(t)
	if got := d.readers(t, d.fork); len(got) > 0 {
		t.Errorf("%q can read the fork, of which nobody said whose it is, want nobody", got)
	}
	must(d.fork.Update(ctx, &reposit.RepoUpdate{Owner: &bob}))(t)
	if got := d.readers(t, d.fork); !slices.Equal(got, []string{bob, "cid"}) {
		t.Errorf("%q can read what the host gave back to bob, want bob and cid", got)
	}
	checkStore(t, d.store)
}

// TestForkOfFork holds that a fork ends with any of the private repositories that it came from, and that those decide
// who have the first of them.
func TestForkOfFork(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx := t.Context()
	second := must(d.repoAs(t, d.fork, "cid").Fork(ctx, nil))(t)
	if err := d.fork.Collaborators().Remove(ctx, "cid"); err != nil {
		t.Fatal(err)
	}
	if got := d.readers(t, second); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("%q can read cid's fork of what cid may not read any more, want bob", got)
	}
	d.grant(t, d.fork, "cid", reposit.Read)
	if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	if got := d.readers(t, second); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("%q can read the fork of a fork that ended, want ann", got)
	}
	d.grant(t, d.r, "bob", reposit.Read)
	last := d.repoAs(t, second, "cid")
	for i := 3; ; i++ {
		next, err := last.Fork(ctx, &reposit.ForkOptions{Slug: fmt.Sprint("r", i)})
		if i > 8 {
			if !errors.Is(err, reposit.ErrTooLarge) {
				t.Errorf("Fork() number %d of one another = %v, want %v", i, err, reposit.ErrTooLarge)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = next
	}
	if got := d.readers(t, last); !slices.Equal(got, []string{"cid"}) {
		t.Errorf("%q can read the last of eight forks, want cid", got)
	}
	if err := d.r.Collaborators().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	if got := d.readers(t, last); !slices.Equal(got, []string{"ann"}) {
		t.Errorf("%q can read the last of eight forks when the first ended, want ann", got)
	}
	checkStore(t, d.store)
}

// TestForkForOthers holds that nobody brings a private repository to an owner who may not read it, and that who decides
// on a fork takes it by transferring it.
func TestForkForOthers(t *testing.T) {
	d := newDependent(t, openMemory(t, nil))
	ctx := t.Context()
	team := reposit.Team{Owner: "dan", Name: "t", Permission: reposit.Admin, Members: []string{"ann", "bob"}}
	if err := d.Teams().Put(ctx, team); err != nil {
		t.Fatal(err)
	}
	if _, err := d.repoAs(t, d.r, "bob").Fork(ctx, &reposit.ForkOptions{Owner: "dan"}); !errors.Is(err,
		reposit.ErrForbidden) {
		t.Errorf("Fork() for dan, who may not read it = %v, want %v", err, reposit.ErrForbidden)
	}
	bob := d.repoAs(t, d.fork, "bob")
	if _, err := bob.Update(ctx, &reposit.RepoUpdate{Owner: ref("dan")}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Update() to dan, who may not read the parent = %v, want %v", err, reposit.ErrForbidden)
	}
	d.grant(t, d.r, "dan", reposit.Read)
	must(bob.Update(ctx, &reposit.RepoUpdate{Owner: ref("dan")}))(t)
	d.wantReaders(t, "when dan may read the parent", []string{"bob", "cid", "dan"}, []string{"bob", "cid", "dan"})
	if err := d.r.Collaborators().Remove(ctx, "dan"); err != nil {
		t.Fatal(err)
	}
	d.wantReaders(t, "when dan may not", []string{"ann"}, nil)
	must(d.repoAs(t, d.fork, "ann").Update(ctx, &reposit.RepoUpdate{Owner: ref("ann"), Slug: ref("taken")}))(t)
	d.wantReaders(t, "when ann took it", []string{"ann", "bob", "cid"}, []string{"ann", "bob", "cid"})
	remove(t, d.r)
	d.wantReaders(t, "when the parent is gone", []string{"ann", "bob", "cid"}, []string{"ann", "bob", "cid"})
}
