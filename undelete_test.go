package reposit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/memory"
)

// dump returns all that a store keeps of repositories, but for what happened: records, refs and logs.
func (s *store) dump(t testing.TB, repos ...storage.ID) (lines []string) {
	t.Helper()
	err := s.backend.View(t.Context(), func(v storage.View) error {
		for rec, err := range v.Records(nil, nil, storage.Ascending) {
			if err != nil {
				return err
			}
			if rec.Key[0] != 'E' && rec.Key[0] != 'd' { // events, and tokens to delete
				lines = append(lines, fmt.Sprintf("%q %q", rec.Key, rec.Value))
			}
		}
		for _, id := range repos {
			for r, err := range v.Refs(id, "", "") {
				if err != nil {
					return err
				}
				lines = append(lines, fmt.Sprintf("%s %s %s %s", id, r.Name, r.Hash, r.Target))
				for e, err := range v.Log(id, r.Name) {
					if err != nil {
						return err
					}
					lines = append(lines, fmt.Sprint(id, e.Old, e.New, e.Name, e.When.Unix(), e.Message))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// A lost repository is one that has all that a repository can have, in a store with others.
type lost struct {
	*reposit.Repo
	parent, fork, child *reposit.Repo // what it was forked from, a fork of it, and one of that
}

func newLost(t *testing.T, s *store) *lost {
	t.Helper()
	ctx := t.Context()
	putUsers(t, s, "ann", "bob", "carl", "dora")
	parent := create(t, s, "parent", &reposit.CreateOptions{Owner: "ann", Private: true})
	write(t, parent, "main.go", "package main\n")
	if err := parent.Collaborators().Add(ctx, "bob", reposit.Write); err != nil {
		t.Fatal(err)
	}
	r := must(s.repoAs(t, parent, "bob").Fork(ctx, &reposit.ForkOptions{Owner: "bob", Slug: "first"}))(t)
	r = must(s.RepoByID(ctx, r.ID()))(t)
	must(r.Update(ctx, &reposit.RepoUpdate{Slug: ref("lost"), Labels: map[string]string{"kind": "x"},
		ExpiresAt: ref(newYear.AddDate(1, 0, 0))}))(t)
	put(t, r, "main", "lost.txt", "what only it has")
	must(r.Branches().Create(ctx, "side", "main"))(t)
	put(t, r, "side", "side.txt", "side")
	must(r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: ref("side")}))(t)
	must(r.Tags().Create(ctx, "v1", "main", nil))(t)
	for _, err := range []error{
		r.Collaborators().Add(ctx, "carl", reposit.Write),
		s.Teams().Put(ctx, reposit.Team{Owner: "bob", Name: "team", Permission: reposit.Admin, Members: []string{"dora"},
			Repos: []reposit.ID{r.ID()}}),
		errorOf(r.DeployKeys().Add(ctx, "key", sshKey(1), nil)),
		r.Watchers().Add(ctx, "carl"),
		r.Protection().Set(ctx, "side", reposit.Protection{AllowForcePush: true}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	fork := must(s.repoAs(t, r, "carl").Fork(ctx, &reposit.ForkOptions{Owner: "carl", Slug: "fork"}))(t)
	fork = must(s.RepoByID(ctx, fork.ID()))(t)
	put(t, fork, "main", "fork.txt", "of the fork")
	child := must(fork.Fork(ctx, &reposit.ForkOptions{Owner: "carl", Slug: "child"}))(t)
	put(t, r, "side", "later.txt", "later, on the side")
	must(r.Branches().Create(ctx, "topic", "main"))(t)
	put(t, r, "topic", "topic.txt", "topic")
	openPull(t, r, "main", "topic", &reposit.PullOptions{Body: "a text"})
	openPull(t, r, "main", "main", &reposit.PullOptions{HeadRepo: fork.ID()})
	openPull(t, parent, "main", "side", &reposit.PullOptions{HeadRepo: r.ID()})
	if err := s.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	return &lost{r, parent, fork, child}
}

// TestUndelete deletes a repository that has all that one can have: nobody finds anything of it, and it comes back
// exactly as it was.
func TestUndelete(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		opts, c := fixed()
		s := open(opts)
		l := newLost(t, s)
		ids := []storage.ID{storageID(l.Repo), storageID(l.parent), storageID(l.fork), storageID(l.child)}
		before, was := s.dump(t, ids...), info(t, l.Repo)
		token := must(s.repoAs(t, l.Repo, "bob").DeleteToken(ctx))(t)
		if err := s.repoAs(t, l.Repo, "bob").Delete(ctx, token); err != nil {
			t.Fatal(err)
		}
		c.advance(time.Hour)
		wantGone(t, s, l)
		checkStore(t, s)
		list := must(s.Deleted(ctx, nil))(t)
		was.Parent, was.Source = l.parent.ID(), l.parent.ID()
		if len(list.Items) != 1 || list.TotalCount != 1 {
			t.Fatalf("Deleted() = %+v", list)
		}
		d := list.Items[0]
		if diff := cmp.Diff(was, d.Info); diff != "" {
			t.Errorf("Deleted(), -want +got: %s", diff)
		}
		if d.By != "user bob" || !d.DeletedAt.Equal(c.now().Add(-time.Hour)) ||
			d.KeptUntil.Sub(d.DeletedAt) != 14*24*time.Hour {
			t.Errorf("Deleted() = by %q, at %v, until %v", d.By, d.DeletedAt, d.KeptUntil)
		}

		taken := create(t, s, "lost", &reposit.CreateOptions{Owner: "bob"})
		if _, err := s.Undelete(ctx, d.ID); !errors.Is(err, reposit.ErrExists) {
			t.Errorf("Undelete() of a name that was taken = %v, want %v", err, reposit.ErrExists)
		}
		checkStore(t, s)
		must(taken.Update(ctx, &reposit.RepoUpdate{Slug: ref("other")}))(t)
		remove(t, taken)
		if err := s.DropDeleted(ctx, taken.ID()); err != nil {
			t.Error(err)
		}

		back, err := s.Undelete(ctx, d.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, s.dump(t, ids...)); diff != "" {
			t.Errorf("what came back, -before +now: %s", diff)
		}
		checkStore(t, s)
		checkPulls(t, s, l.Repo, l.parent, l.fork, l.child)
		if got := must(back.Read(ctx, "v1", "lost.txt"))(t); string(got) != "what only it has" {
			t.Errorf("Read() = %q", got)
		}
		if got := info(t, l.Repo); got.ID != d.ID || got.FullName() != "bob/lost" || got.DefaultBranch != "side" {
			t.Errorf("Info() = %+v", got)
		}
		if _, err := s.Undelete(ctx, d.ID); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Undelete() again = %v, want %v", err, reposit.ErrNotFound)
		}
		put(t, l.fork, "main", "later.txt", "later")
		if p := loadPull(t, l.Repo, 2); p.Head != must(l.fork.Resolve(ctx, "main"))(t) {
			t.Error("its pull request does not follow the fork")
		}
	})
}

// wantGone holds that nobody, not even the host, comes across a deleted repository.
func wantGone(t *testing.T, s *store, l *lost) {
	t.Helper()
	ctx := t.Context()
	for who, as := range map[string]*reposit.Store{"host": s.Store, "bob": s.As(reposit.User("bob")),
		"carl": s.As(reposit.User("carl")), "dora": s.As(reposit.User("dora")), "nobody": s.As(reposit.Anonymous)} {
		for what, err := range map[string]error{
			"name":        errorOf(as.Repo(ctx, "bob/lost")),
			"former name": errorOf(as.Repo(ctx, "bob/first")),
			"ID":          errorOf(as.RepoByID(ctx, l.ID())),
			"Info":        errorOf(l.Info(ctx)),
			"Read":        errorOf(l.Read(ctx, "main", "lost.txt")),
			"Storer":      errorOf(l.Storer(ctx)),
			"Delete":      l.Delete(ctx, ""),
			"Pulls":       errorOf(l.Pulls().List(ctx, nil)),
			"Watchers":    errorOf(l.Watchers().List(ctx, nil)),
			"unwatch":     s.Users().Unwatch(ctx, "carl", l.ID()),
			"leave":       l.Collaborators().Remove(ctx, "carl"),
			"AsKey":       errorOf(s.AsKey(ctx, sshKey(1))),
		} {
			if !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s of a deleted repository as %s = %v, want %v", what, who, err, reposit.ErrNotFound)
			}
		}
		for info, err := range as.All(ctx, nil) {
			if err != nil || info.ID == l.ID() || info.Parent == l.ID() || info.Source == l.ID() {
				t.Errorf("All() as %s has %s, %v", who, info.FullName(), err)
			}
		}
		if found := must(as.Search(ctx, "lost", nil))(t); found.TotalCount != 0 {
			t.Errorf("Search() as %s = %+v", who, found)
		}
	}
	for what, list := range map[string]func() (reposit.Page[reposit.Info], error){
		"forks":    func() (reposit.Page[reposit.Info], error) { return l.parent.Forks(ctx, nil) },
		"network":  func() (reposit.Page[reposit.Info], error) { return l.fork.Network(ctx, nil) },
		"pushable": func() (reposit.Page[reposit.Info], error) { return s.Pushable(ctx, "carl", nil) },
	} {
		page := must(list())(t)
		if slices.ContainsFunc(page.Items, func(i reposit.Info) bool { return i.ID == l.ID() }) {
			t.Errorf("%s have it", what)
		}
	}
	if n := info(t, l.parent).Forks; n != 0 {
		t.Errorf("the parent counts %d forks", n)
	}
	if team := must(s.Teams().Team(ctx, "bob", "team"))(t); len(team.Repos) != 0 {
		t.Errorf("its team has %v", team.Repos)
	}
	if watched := slices.Collect(func(yield func(reposit.ID) bool) {
		for id, err := range s.Users().Watching(ctx, "carl") {
			if err != nil || !yield(id) {
				return
			}
		}
	}); len(watched) != 0 {
		t.Errorf("carl watches %v", watched)
	}
	// What its forks reach is theirs; what it has alone is nobody's.
	if _, err := l.parent.Stat(ctx, "main", "lost.txt"); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Stat() in the parent = %v", err)
	}
	only := blobHash("later, on the side").String()
	for name, r := range map[string]*reposit.Repo{"parent": l.parent, "fork": l.fork, "fork's fork": l.child} {
		if _, err := r.Resolve(ctx, blobHash("topic").String()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("what it alone has, by the %s = %v", name, err)
		}
		if _, err := r.Resolve(ctx, only); (err == nil) != (name == "parent") { // which has a pull request from there
			t.Errorf("what its pull request shows, by the %s = %v", name, err)
		}
	}
	if got := must(l.fork.Read(ctx, "", "lost.txt"))(t); string(got) != "what only it has" {
		t.Errorf("the fork reads %q", got)
	}
}

// TestDeletedIsNoRepository has git look at what billyfs keeps of a deleted repository.
func TestDeletedIsNoRepository(t *testing.T) {
	needGit(t)
	dir, ctx := t.TempDir(), t.Context()
	b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	s := openStore(t, b, dir, nil)
	r := create(t, s, "notes", nil)
	write(t, r, "f", "content")
	repo := filepath.Join(dir, "repos", strings.TrimPrefix(string(r.ID()), "rp_")+".git")
	before := git(t, repo, nil, "log", "--format=%H")
	remove(t, r)
	for _, args := range [][]string{{"log"}, {"--git-dir", repo, "log"}, {"clone", repo, t.TempDir()},
		{"ls-remote", repo}, {"--git-dir", repo, "cat-file", "-p", "refs/heads/main"}} {
		if out, err := tryGit(t, repo, nil, args...); err == nil {
			t.Errorf("git %s of a deleted repository = %s", args, out)
		}
	}
	list, err := os.ReadFile(filepath.Join(dir, "names.txt"))
	if err != nil || strings.Contains(string(list), "local/notes") {
		t.Errorf("names.txt = %q, %v", list, err)
	}
	must(s.Undelete(ctx, r.ID()))(t)
	if after := git(t, repo, nil, "log", "--format=%H"); after != before {
		t.Errorf("git log of what came back = %q, want %q", after, before)
	}
	list, err = os.ReadFile(filepath.Join(dir, "names.txt"))
	if err != nil || !strings.Contains(string(list), "local/notes") {
		t.Errorf("names.txt = %q, %v", list, err)
	}
}

// TestKeepDeleted looks at how long deleted repositories are kept, and by what they are dropped.
func TestKeepDeleted(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		opts, c := fixed()
		opts.KeepDeleted = time.Hour
		s := open(opts)
		gone := func(r *reposit.Repo, when string) {
			t.Helper()
			wantNoRecords(t, s, storageID(r))
			if n := s.objects(t, storageID(r)); n != 0 {
				t.Errorf("%d objects are left %s", n, when)
			}
			if err := s.DropDeleted(ctx, r.ID()); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("DropDeleted() %s = %v", when, err)
			}
		}
		made := func(name string) *reposit.Repo {
			r := create(t, s, name, &reposit.CreateOptions{ExpiresAt: c.now().Add(time.Minute)})
			write(t, r, "f", "content of "+name)
			return r
		}
		a, b := made("a"), made("b")
		remove(t, a)
		c.advance(30 * time.Minute)
		if n, err := s.DeleteExpired(ctx); n != 1 || err != nil {
			t.Fatalf("DeleteExpired() = %d, %v", n, err)
		}
		if list := must(s.Deleted(ctx, nil))(t); len(list.Items) != 2 || list.Items[0].ID != b.ID() {
			t.Fatalf("Deleted() = %+v", list)
		}
		c.advance(30 * time.Minute)
		if _, err := s.DeleteExpired(ctx); err != nil {
			t.Fatal(err)
		}
		gone(a, "an hour after")
		if got := info(t, must(s.Undelete(ctx, b.ID()))(t)); !got.ExpiresAt.IsZero() {
			t.Errorf("it expires at %v", got.ExpiresAt)
		}
		remove(t, b)
		if err := s.DropDeleted(ctx, b.ID()); err != nil {
			t.Fatal(err)
		}
		gone(b, "after DropDeleted")
		other := made("c")
		remove(t, other)
		c.advance(time.Hour)
		remove(t, made("d")) // a deletion drops some of what is overdue
		gone(other, "after another deletion")
		checkStore(t, s)
	})
}

// TestKeepNothing has a store keep no deleted repository.
func TestKeepNothing(t *testing.T) {
	s := openMemory(t, &reposit.Options{KeepDeleted: -1})
	r := create(t, s, "x", nil)
	write(t, r, "f", "content")
	remove(t, r)
	if list := must(s.Deleted(t.Context(), nil))(t); list.TotalCount != 0 || s.objects(t, storageID(r)) != 0 {
		t.Errorf("Deleted() = %+v", list)
	}
	wantNoRecords(t, s, storageID(r))
}

// TestDropWhenOpened has an open drop what became overdue while the store was closed.
func TestDropWhenOpened(t *testing.T) {
	opts, c := fixed()
	opts.Upkeep = reposit.Upkeep{Delay: time.Nanosecond}
	b := rawBackend(t, "memory")
	s := openStore(t, kept{b}, "", opts)
	r := create(t, s, "x", nil)
	write(t, r, "f", "content")
	remove(t, r)
	c.advance(15 * 24 * time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, kept{b}, "", opts)
	for s.objects(t, storageID(r)) != 0 { // the test ends by its timeout if it is never dropped
		time.Sleep(time.Millisecond)
	}
	wantNoRecords(t, s, storageID(r))
}

// TestDeletedList looks at the pages of the list.
func TestDeletedList(t *testing.T) {
	ctx := t.Context()
	opts, c := fixed()
	s := openMemory(t, opts)
	var all []reposit.ID
	for i := range 7 {
		r := create(t, s, fmt.Sprint("r", i), &reposit.CreateOptions{Owner: []string{"ann", "bob"}[i%2],
			Labels: map[string]string{"n": fmt.Sprint(i % 3)}})
		remove(t, r)
		all = append(all, r.ID())
		if i != 3 { // two at the same moment
			c.advance(time.Second)
		}
	}
	pages := func(o reposit.ListOptions) (ids []reposit.ID) {
		for {
			page := must(s.Deleted(ctx, &o))(t)
			for _, d := range page.Items {
				ids = append(ids, d.ID)
			}
			if len(page.Items) > o.PageSize {
				t.Errorf("a page of %d has %d", o.PageSize, len(page.Items))
			}
			if o.PageToken = page.NextPageToken; o.PageToken == "" {
				if page.TotalCount != len(ids) {
					t.Errorf("TotalCount = %d, want %d", page.TotalCount, len(ids))
				}
				return ids
			}
		}
	}
	up := pages(reposit.ListOptions{PageSize: 2, Direction: reposit.Ascending})
	down := pages(reposit.ListOptions{PageSize: 3})
	slices.Reverse(down)
	if !slices.Equal(up, down) || len(up) != len(all) {
		t.Errorf("pages have %v and %v, want %v", up, down, all)
	}
	want := []reposit.ID{all[6], all[0]}
	got := pages(reposit.ListOptions{PageSize: 1, Owner: "Ann", Labels: map[string]string{"n": "0"}})
	if !slices.Equal(got, want) {
		t.Errorf("ann's of label 0 = %v, want %v", got, want)
	}
	for _, o := range []reposit.ListOptions{{Sort: reposit.SortName}, {Direction: 9}, {PageToken: "x"}, {PageSize: 101}} {
		if _, err := s.Deleted(ctx, &o); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Deleted(%+v) = %v, want %v", o, err, reposit.ErrInvalid)
		}
	}
	for who, as := range map[string]*reposit.Store{"ann": s.As(reposit.User("ann")), "nobody": s.As(reposit.Anonymous)} {
		for what, err := range map[string]error{"Deleted": errorOf(as.Deleted(ctx, nil)),
			"Undelete": errorOf(as.Undelete(ctx, all[0])), "DropDeleted": as.DropDeleted(ctx, all[0])} {
			if !errors.Is(err, reposit.ErrForbidden) {
				t.Errorf("%s() as %s = %v, want %v", what, who, err, reposit.ErrForbidden)
			}
		}
	}
	for what, err := range map[string]error{"Undelete": errorOf(s.Undelete(ctx, "x")),
		"DropDeleted": s.DropDeleted(ctx, "x")} {
		if !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("%s() of no ID = %v, want %v", what, err, reposit.ErrInvalid)
		}
	}
}

// TestUndeleteLater has much happen between a deletion and what takes it back.
func TestUndeleteLater(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		opts, _ := fixed()
		opts.Limits.SharedPerUser = 2
		s := open(opts)
		l := newLost(t, s)
		must(l.Branches().Create(ctx, "base", "main"))(t)
		must(l.fork.Branches().Create(ctx, "second", "main"))(t)
		put(t, l.fork, "second", "second.txt", "second")
		openPull(t, l.Repo, "base", "second", &reposit.PullOptions{HeadRepo: l.fork.ID()})
		remove(t, l.Repo)

		// The heads of its pull requests move, and go.
		head := put(t, l.fork, "main", "more.txt", "more")
		if err := l.fork.Branches().Delete(ctx, "second"); err != nil {
			t.Fatal(err)
		}
		// Its key is taken, its watcher and its collaborator go, its team is written again without it.
		other := create(t, s, "other", &reposit.CreateOptions{Owner: "bob"})
		must(other.DeployKeys().Add(ctx, "", sshKey(1), nil))(t)
		if err := s.Teams().Put(ctx, reposit.Team{Owner: "bob", Name: "team", Permission: reposit.Read,
			Members: []string{"ann"}, Repos: []reposit.ID{other.ID()}}); err != nil {
			t.Fatal(err)
		}
		// What is deleted does not count for what one user may be given.
		bob := s.As(reposit.User("bob"))
		for i := range 2 {
			r := must(bob.Create(ctx, fmt.Sprint("shared", i), nil))(t)
			if err := r.Collaborators().Add(ctx, "carl", reposit.Read); err != nil {
				t.Errorf("the %d. repository that is shared = %v", i+1, err)
			}
		}
		// Its fork goes, and the child of that is its own then.
		must(l.child.Update(ctx, &reposit.RepoUpdate{Owner: ref("carl")}))(t)
		checkStore(t, s)

		r := must(s.Undelete(ctx, l.ID()))(t)
		checkStore(t, s)
		checkPulls(t, s, l.Repo, l.parent, l.fork, l.child)
		if p := loadPull(t, r, 2); p.Head != head.Hash || p.State != reposit.PullOpen {
			t.Errorf("its pull request is %v, with head %v, want %v", p.State, p.Head, head.Hash)
		}
		if p := loadPull(t, r, 3); p.State != reposit.PullClosed {
			t.Errorf("its pull request whose head is gone is %v", p.State)
		}
		if keys := must(r.DeployKeys().List(ctx))(t); len(keys) != 0 {
			t.Errorf("it has %v", keys)
		}
		if p := must(r.Permission(ctx, "dora"))(t); p != reposit.None {
			t.Errorf("who left its team has %v", p)
		}
		if p := must(r.Permission(ctx, "ann"))(t); p != reposit.Read {
			t.Errorf("who came to its team has %v", p)
		}
		if team := must(s.Teams().Team(ctx, "bob", "team"))(t); len(team.Repos) != 2 {
			t.Errorf("its team has %v", team.Repos)
		}
	})
}

// TestUndeleteOwnerRemoved gives nobody a repository for having got the login of its owner.
func TestUndeleteOwnerRemoved(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "carl")
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "bob", Private: true})
	write(t, r, "f", "secret")
	if err := r.Collaborators().Add(ctx, "carl", reposit.Read); err != nil {
		t.Fatal(err)
	}
	remove(t, r)
	if err := s.Users().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	putUsers(t, s, "bob")
	back := must(s.Undelete(ctx, r.ID()))(t)
	if got := info(t, back).FullName(); got != "local/x" {
		t.Errorf("it is %s", got)
	}
	if _, err := s.As(reposit.User("bob")).RepoByID(ctx, r.ID()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("RepoByID() as the next bob = %v", err)
	}
	must(s.As(reposit.User("carl")).RepoByID(ctx, r.ID()))(t)
	checkStore(t, s)
}

// TestUndeleteHidden closes what would show what is private by then.
func TestUndeleteHidden(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "bob"})
	write(t, r, "f", "content")
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "carl"}))(t)
	put(t, fork, "main", "g", "more")
	openPull(t, r, "main", "main", &reposit.PullOptions{HeadRepo: fork.ID()})
	remove(t, r)
	must(fork.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	put(t, fork, "main", "secret", "secret")
	back := must(s.Undelete(ctx, r.ID()))(t)
	if p := loadPull(t, back, 1); p.State != reposit.PullClosed {
		t.Errorf("the pull request is %v", p.State)
	}
	if _, err := back.Resolve(ctx, blobHash("secret").String()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Resolve() of what is private = %v", err)
	}
	checkStore(t, s)

	// The reverse: its own heads are private while it is deleted, and a base becomes public.
	base := create(t, s, "base", &reposit.CreateOptions{Owner: "bob", Private: true})
	write(t, base, "f", "content")
	head := must(base.Fork(ctx, &reposit.ForkOptions{Owner: "bob", Slug: "head"}))(t)
	put(t, head, "main", "hidden", "hidden")
	openPull(t, base, "main", "main", &reposit.PullOptions{HeadRepo: head.ID()})
	remove(t, head)
	must(base.Update(ctx, &reposit.RepoUpdate{Private: ref(false)}))(t)
	if p := loadPull(t, base, 1); p.State != reposit.PullClosed {
		t.Errorf("the pull request from what is deleted is %v", p.State)
	}
	must(s.Undelete(ctx, head.ID()))(t)
	checkStore(t, s)
}

// TestUndeleteNetwork deletes and brings back members of a network in one order and another: each then has the parent
// that it had, or the nearest that is there for good.
func TestUndeleteNetwork(t *testing.T) {
	ctx := t.Context()
	opts, _ := fixed()
	s := openMemory(t, opts)
	root := create(t, s, "root", nil)
	write(t, root, "f", "content")
	of := func(from *reposit.Repo, slug string) *reposit.Repo {
		return must(from.Fork(ctx, &reposit.ForkOptions{Slug: slug}))(t)
	}
	a := of(root, "a")
	b := of(a, "b")
	c := of(b, "c")
	for _, r := range []*reposit.Repo{a, root, b} {
		remove(t, r)
		checkStore(t, s)
	}
	if got := info(t, c); !got.Fork || got.Parent != "" || got.Source != "" {
		t.Errorf("Info() of a fork of what is deleted = %+v", got)
	}
	if list := must(c.Network(ctx, nil))(t); len(list.Items) != 1 || list.TotalCount != 1 {
		t.Errorf("Network() = %+v", list)
	}
	must(s.Undelete(ctx, root.ID()))(t)
	checkStore(t, s)
	must(s.Undelete(ctx, b.ID()))(t)
	checkStore(t, s)
	if got := info(t, c); got.Parent != b.ID() || got.Source != root.ID() {
		t.Errorf("Info() of a fork of what came back = %+v", got)
	}
	if err := s.DropDeleted(ctx, a.ID()); err != nil {
		t.Fatal(err)
	}
	checkStore(t, s)
	if got := info(t, b); got.Parent != root.ID() || info(t, root).Forks != 1 {
		t.Errorf("Info() of a fork of what was dropped = %+v", got)
	}
	remove(t, c)
	remove(t, b)
	for _, r := range []*reposit.Repo{root, b} { // c alone is left, deleted, and is the root
		if r == root {
			remove(t, r)
		}
		if err := s.DropDeleted(ctx, r.ID()); err != nil {
			t.Fatal(err)
		}
		checkStore(t, s)
	}
	must(s.Undelete(ctx, c.ID()))(t)
	if got := info(t, c); got.Fork || string(must(c.Read(ctx, "", "f"))(t)) != "content" {
		t.Errorf("Info() of the last = %+v", got)
	}
	checkStore(t, s)
}

// TestDeletedIsCopied has backups take along what is deleted and kept.
func TestDeletedIsCopied(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	l := newLost(t, s)
	remove(t, l.Repo)
	b := memory.New()
	if err := s.CopyTo(ctx, b, nil); err != nil {
		t.Fatal(err)
	}
	copied := openStore(t, b, "", nil)
	checkStore(t, copied)
	back := must(copied.Undelete(ctx, l.ID()))(t)
	if got := must(back.Read(ctx, "v1", "lost.txt"))(t); string(got) != "what only it has" {
		t.Errorf("Read() = %q", got)
	}
	checkStore(t, copied)
}

// TestUndeleteDamaged lists what is damaged beside what is not.
func TestUndeleteDamaged(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	a, b := create(t, s, "a", nil), create(t, s, "b", nil)
	remove(t, a)
	remove(t, b)
	id := storageID(a)
	err := s.backend.Update(ctx, func(tx storage.Tx) error {
		return tx.PutRecord(append([]byte("Zr"), id[:]...), []byte{99})
	})
	if err != nil {
		t.Fatal(err)
	}
	list := must(s.Deleted(ctx, nil))(t)
	if list.TotalCount != 2 {
		t.Fatalf("Deleted() = %+v", list)
	}
	for _, d := range list.Items {
		if (d.Damaged != nil) != (d.ID == a.ID()) {
			t.Errorf("%s: damaged: %v", d.ID, d.Damaged)
		}
	}
	if _, err := s.Undelete(ctx, a.ID()); !catalog.IsDamage(err) && !errors.Is(err, reposit.ErrCorrupt) {
		t.Errorf("Undelete() of what is damaged = %v", err)
	}
	must(s.Undelete(ctx, b.ID()))(t)
}
