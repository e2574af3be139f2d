package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	fixtures "github.com/go-git/go-git-fixtures/v4"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"
	gogitmemory "github.com/go-git/go-git/v5/storage/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func hashRef(name string, h plumbing.Hash) *plumbing.Reference {
	return plumbing.NewHashReference(plumbing.ReferenceName(name), h)
}

func symbolicRef(name, target string) *plumbing.Reference {
	return plumbing.NewSymbolicReference(plumbing.ReferenceName(name), plumbing.ReferenceName(target))
}

// filesOf returns the content of all files of a commit, as go-git reads them.
func filesOf(t testing.TB, c *object.Commit) map[string]string {
	t.Helper()
	it, err := c.Files()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err = it.ForEach(func(f *object.File) error {
		content, err := f.Contents()
		files[f.Name] = content
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func ExampleRepo_Storer() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "Notes", nil)
	if err != nil {
		panic(err)
	}
	if _, err := repo.Write(ctx, "README.md", []byte("# Notes\n"), "First words"); err != nil {
		panic(err)
	}
	storer, err := repo.Storer(ctx)
	if err != nil {
		panic(err)
	}
	opened, err := gogit.Open(storer, nil)
	if err != nil {
		panic(err)
	}
	head, err := opened.Head()
	if err != nil {
		panic(err)
	}
	commit, err := opened.CommitObject(head.Hash())
	if err != nil {
		panic(err)
	}
	fmt.Println(head.Name(), commit.Message)
	// Output: refs/heads/main First words
}

func TestStorerReads(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "read", nil)
		write(t, r, "a.txt", "one\n")
		large := strings.Repeat("0123456789abcdef", storage.LargeObject/8)
		commit(t, r, &reposit.CommitOptions{Message: "second"}, reposit.Put("dir/sub/b.txt", []byte("two\n")),
			reposit.Put("large", []byte(large)), reposit.Symlink("link", "a.txt"))
		tip := write(t, r, "dir/c.txt", "three\n")
		if _, err := r.Tags().Create(t.Context(), "v1", "main", &reposit.TagOptions{Message: "one"}); err != nil {
			t.Fatal(err)
		}
		s := storerOf(t, r)
		repo, err := gogit.Open(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		log, err := repo.Log(&gogit.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var messages []string
		if err := log.ForEach(func(c *object.Commit) error {
			messages = append(messages,
				c.Message)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"write dir/c.txt", "second", "write a.txt"}, messages); diff != "" {
			t.Errorf("log by go-git (-want +got):\n%s", diff)
		}
		short := plumbing.Revision(tip.Hash.String()[:8])
		if h, err := repo.ResolveRevision(short); err != nil || reposit.Hash(*h) != tip.Hash {
			t.Errorf("ResolveRevision(%s) = %v, %v, want %s", short, h, err, tip.Hash)
		}
		c, err := repo.CommitObject(plumbing.Hash(tip.Hash))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"a.txt": "one\n", "dir/sub/b.txt": "two\n", "dir/c.txt": "three\n", "large": large,
			"link": "a.txt"}
		if diff := cmp.Diff(want, filesOf(t, c)); diff != "" {
			t.Errorf("files by go-git (-want +got):\n%s", diff)
		}
		tag, err := repo.Tag("v1")
		if err != nil {
			t.Fatal(err)
		}
		if o, err := repo.TagObject(tag.Hash()); err != nil || reposit.Hash(o.Target) != tip.Hash {
			t.Errorf("TagObject(v1) = %v, %v, want one of %s", o, err, tip.Hash)
		}
		needGit(t)
		dir := t.TempDir()
		exportToDisk(t, s, dir)
		fsck(t, dir)
		if got := git(t, dir, nil, "rev-parse", "main^{tree}"); got != tip.Tree.String() {
			t.Errorf("git rev-parse main^{tree} = %s, want %s", got, tip.Tree)
		}
	})
}

func TestStorerWorktree(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		r := create(t, st, "work", nil)
		write(t, r, "a.txt", "one\n")
		s := storerOf(t, r)
		fs := memfs.New()
		repo, err := gogit.Open(s, fs)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := repo.Worktree()
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Checkout(&gogit.CheckoutOptions{Branch: "refs/heads/main", Force: true}); err != nil {
			t.Fatal(err)
		}
		if b, err := util.ReadFile(fs, "a.txt"); err != nil || string(b) != "one\n" {
			t.Errorf("a.txt after checkout = %q, %v", b, err)
		}
		for i := range 300 {
			if err := util.WriteFile(fs, fmt.Sprintf("dir%d/file%d.txt", i%7, i), fmt.Appendf(nil, "file %d\n", i),
				0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.AddWithOptions(&gogit.AddOptions{All: true}); err != nil {
			t.Fatal(err)
		}
		by := &object.Signature{Name: "A", Email: "a@example.com", When: newYear}
		h, err := tree.Commit("by go-git\n", &gogit.CommitOptions{Author: by})
		if err != nil {
			t.Fatal(err)
		}
		if tip, err := r.Resolve(t.Context(), "main"); err != nil || tip != reposit.Hash(h) {
			t.Errorf("Resolve(main) = %v, %v, want %s", tip, err, h)
		}
		if b, err := r.Read(t.Context(), "main", "dir3/file3.txt"); err != nil || string(b) != "file 3\n" {
			t.Errorf("Read(dir3/file3.txt) = %q, %v", b, err)
		}
		if status, err := tree.Status(); err != nil || !status.IsClean() {
			t.Errorf("Status() = %v, %v, want a clean one", status, err)
		}
		if err := tree.Checkout(&gogit.CheckoutOptions{Branch: "refs/heads/dev", Create: true}); err != nil {
			t.Errorf("Checkout(dev) = %v", err)
		}
		if err := tree.Checkout(&gogit.CheckoutOptions{Hash: h}); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("Checkout(%s) = %v, want %v", h, err, reposit.ErrInvalid)
		}
		if info, err := r.Info(t.Context()); err != nil || info.DefaultBranch != "dev" || info.Size < 300 {
			t.Errorf("Info() = %+v, %v, want dev as default branch, and the size of what go-git wrote", info, err)
		}
		needGit(t)
		fsck(t, st.export(t, r))
	})
}

// A loader serves Storers to go-git's transport within this process.
type loader map[string]gogitstorer.Storer

func (l loader) Load(e *transport.Endpoint) (gogitstorer.Storer, error) {
	if s, ok := l[strings.Trim(path.Clean(e.Path), "/")]; ok {
		return s, nil
	}
	return nil, transport.ErrRepositoryNotFound
}

// serve makes storers reachable as test://host/name until the end of the test.
func serve(t *testing.T, l loader) {
	t.Helper()
	client.InstallProtocol("test", server.NewServer(l))
	t.Cleanup(func() { client.InstallProtocol("test", nil) })
}

func TestStorerCloneAndPush(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		st := open(nil)
		basic := filesystem.NewStorage(fixtures.Basic().One().DotGit(), cache.NewObjectLRUDefault())
		near, far := create(t, st, "near", nil), create(t, st, "far", nil)
		l := loader{"basic": basic, "far": storerOf(t, far)}
		serve(t, l)
		s := storerOf(t, near)
		fs := memfs.New()
		repo, err := gogit.Clone(s, fs, &gogit.CloneOptions{URL: "test://host/basic"})
		if err != nil {
			t.Fatalf("Clone() = %v", err)
		}
		if _, err := gogit.Clone(storerOf(t, near), nil,
			&gogit.CloneOptions{URL: "test://host/basic"}); err != gogit.ErrRepositoryAlreadyExists {
			t.Errorf("Clone() into what is no longer empty = %v, want %v", err, gogit.ErrRepositoryAlreadyExists)
		}
		head, err := repo.Head()
		if err != nil || head.Name() != "refs/heads/master" ||
			head.Hash().String() != "6ecf0ef2c2dffb796033e5a02219af86ec6584e5" {
			t.Errorf("Head() = %v, %v", head, err)
		}
		if info, err := near.Info(t.Context()); err != nil || info.DefaultBranch != "master" {
			t.Errorf("Info() = %+v, %v, want master as default branch", info, err)
		}
		if b, err := near.Read(t.Context(), "master", "LICENSE"); err != nil || len(b) != 1072 {
			t.Errorf("Read(LICENSE) = %d bytes, %v", len(b), err)
		}
		pushAndFetch(t, repo, near, far, l)
		needGit(t)
		fsck(t, st.export(t, near))
		fsck(t, st.export(t, far))
	})
}

// TestStorerClones clones a tag, and a mirror of a repository that has refs of pull requests.
func TestStorerClones(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		source := filesystem.NewStorage(fixtures.Basic().One().DotGit(), cache.NewObjectLRUDefault())
		const tip, old = "6ecf0ef2c2dffb796033e5a02219af86ec6584e5", "b029517f6300c2da0f4b651b8642506cd6aaf45d"
		for name, h := range map[string]string{"refs/pull/1/head": old, "refs/pull/7/merge": tip, "refs/tags/old": old,
			"refs/odd/x": old} {
			if err := source.SetReference(hashRef(name, plumbing.NewHash(h))); err != nil {
				t.Fatal(err)
			}
		}
		serve(t, loader{"source": source})
		mirror := create(t, st, "mirror", nil)
		repo, err := gogit.Clone(storerOf(t, mirror), nil, &gogit.CloneOptions{URL: "test://host/source", Mirror: true})
		if err != nil {
			t.Fatalf("Clone() of a mirror = %v", err)
		}
		for name, want := range map[string]string{"refs/tags/old": old, "refs/odd/x": old, "master": tip} {
			if got, err := mirror.Resolve(t.Context(), name); err != nil || got.String() != want {
				t.Errorf("Resolve(%s) of a mirror = %v, %v, want %s", name, got, err, want)
			}
		}
		if got, err := mirror.Resolve(t.Context(), "refs/pull/1/head"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve(refs/pull/1/head) of a mirror = %v, %v, want %v", got, err, reposit.ErrNotFound)
		}
		if err := source.SetReference(hashRef("refs/pull/8/head", plumbing.NewHash(old))); err != nil {
			t.Fatal(err)
		}
		if err := repo.Fetch(&gogit.FetchOptions{}); err != nil && err != gogit.NoErrAlreadyUpToDate {
			t.Errorf("Fetch() into a mirror = %v", err)
		}

		tagged := create(t, st, "tagged", nil)
		s, files := storerOf(t, tagged), memfs.New()
		repo, err = gogit.Clone(s, files, &gogit.CloneOptions{URL: "test://host/source", ReferenceName: "refs/tags/old",
			SingleBranch: true})
		if err != nil {
			t.Fatalf("Clone() of a tag = %v", err)
		}
		if head, err := repo.Head(); err != nil || head.Hash().String() != old {
			t.Errorf("Head() of a cloned tag = %v, %v, want %s", head, err, old)
		}
		if _, err := files.Stat("LICENSE"); err != nil {
			t.Errorf("the files of a cloned tag: %v", err)
		}
		if got, err := tagged.Resolve(t.Context(), "old"); err != nil || got.String() != old {
			t.Errorf("Resolve(old) = %v, %v, want %s", got, err, old)
		}
		if err := storerOf(t, tagged).SetReference(hashRef("HEAD", plumbing.NewHash(old))); !errors.Is(err,
			reposit.ErrInvalid) {
			t.Errorf("SetReference(HEAD) of a hash = %v, want %v", err, reposit.ErrInvalid)
		}
	})
}

// pushAndFetch pushes what near has to far, changes far, and fetches that.
func pushAndFetch(t *testing.T, repo *gogit.Repository, near, far *reposit.Repo, l loader) {
	t.Helper()
	if _, err := repo.CreateRemote(&config.RemoteConfig{Name: "far", URLs: []string{"test://host/far"}}); err != nil {
		t.Fatal(err)
	}
	// go-git's server takes HEAD for a ref that must lead to a commit.
	if _, err := far.Write(t.Context(), "x", nil, "first"); err != nil {
		t.Fatal(err)
	}
	// It also stumbles over commits that the client has and it has not, so it gets all branches.
	push := &gogit.PushOptions{RemoteName: "far", RefSpecs: []config.RefSpec{
		"refs/heads/master:refs/heads/master", "refs/remotes/origin/*:refs/heads/origin/*",
	}}
	if err := repo.Push(push); err != nil {
		t.Fatalf("Push() = %v", err)
	}
	pushed, err := far.Resolve(t.Context(), "master")
	if want, err2 := near.Resolve(t.Context(), "master"); err != nil || err2 != nil || pushed != want {
		t.Errorf("master after Push() = %v, %v, want %v, %v", pushed, err, want, err2)
	}
	more := commit(t, far, &reposit.CommitOptions{Branch: "master", Message: "more"},
		reposit.Put("more", []byte("more\n")))
	if err := repo.Fetch(&gogit.FetchOptions{RemoteName: "far"}); err != nil {
		t.Fatalf("Fetch() = %v", err)
	}
	if got, err := near.Resolve(t.Context(), "refs/remotes/far/master"); err != nil || got != more.Hash {
		t.Errorf("refs/remotes/far/master after Fetch() = %v, %v, want %v", got, err, more.Hash)
	}
	fetched, err := repo.CommitObject(plumbing.Hash(more.Hash))
	if err != nil {
		t.Fatal(err)
	}
	if files := filesOf(t, fetched); files["more"] != "more\n" || len(files) != 10 {
		t.Errorf("files after Fetch() = %v", slicesOf(maps.Keys(files)))
	}
}

func slicesOf[T any](seq func(func(T) bool)) (out []T) {
	for v := range seq {
		out = append(out, v)
	}
	return out
}

func TestStorerRefs(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "refs", nil)
		tip := plumbing.Hash(write(t, r, "a", "a").Hash)
		s := storerOf(t, r)
		blob := setObject(s, plumbing.BlobObject, "blob")
		for _, test := range []struct {
			ref  *plumbing.Reference
			want error
		}{
			{hashRef("refs/heads/dev", tip), nil},
			{hashRef("refs/remotes/origin/main", tip), nil},
			{hashRef("refs/tags/blob", blob), nil},
			{symbolicRef("refs/remotes/origin/HEAD", "refs/remotes/origin/main"), nil},
			{symbolicRef("refs/remotes/origin/HEAD", "refs/remotes/origin/other"), nil},
			{symbolicRef("HEAD", "refs/heads/other"), nil},
			{symbolicRef("HEAD", "refs/heads/main"), nil},
			{nil, nil},
			{hashRef("HEAD", tip), reposit.ErrInvalid},
			{symbolicRef("HEAD", "refs/tags/x"), reposit.ErrInvalid},
			{symbolicRef("HEAD", "refs/heads/-x"), reposit.ErrInvalid},
			{hashRef("refs/remotes/origin/HEAD", tip), reposit.ErrInvalid},
			{hashRef("refs/heads/blob", blob), reposit.ErrInvalid},
			{hashRef("refs/heads/none", plumbing.ZeroHash), reposit.ErrInvalid},
			{hashRef("refs/heads/none", plumbing.NewHash("01")), plumbing.ErrObjectNotFound},
			{hashRef("refs/heads/none", plumbing.NewHash("01")), reposit.ErrNotFound},
			{hashRef("refs/heads/dev/x", tip), reposit.ErrExists},
			{hashRef("refs/heads", tip), reposit.ErrInvalid},
			{hashRef("refs/heads/../../config", tip), reposit.ErrInvalid},
			{hashRef("refs/heads/a.lock", tip), reposit.ErrInvalid},
			{hashRef("refs/heads/a b", tip), reposit.ErrInvalid},
			{hashRef("config", tip), reposit.ErrInvalid},
			{hashRef("ORIG_HEAD", tip), reposit.ErrInvalid},
			{plumbing.NewReferenceFromStrings("refs/heads/x", "ref: "), reposit.ErrInvalid},
		} {
			if err := s.SetReference(test.ref); !errors.Is(err, test.want) {
				t.Errorf("SetReference(%v) = %v, want %v", test.ref, err, test.want)
			}
		}
		for _, test := range []struct {
			name plumbing.ReferenceName
			want error
		}{
			{"refs/tags/blob", nil}, {"refs/tags/blob", nil}, {"refs/heads/none", nil}, {"config", nil},
			{"HEAD", reposit.ErrInvalid}, {"refs/heads/main", reposit.ErrInvalid}, {"refs/remotes/origin/HEAD", nil},
		} {
			if err := s.RemoveReference(test.name); !errors.Is(err, test.want) {
				t.Errorf("RemoveReference(%s) = %v, want %v", test.name, err, test.want)
			}
		}
		var names []string
		for _, found := range references(t, s) {
			names = append(names, found.Name().String())
		}
		want := []string{"HEAD", "refs/heads/dev", "refs/heads/main", "refs/remotes/origin/main"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("refs (-want +got):\n%s", diff)
		}
	})
}

func TestStorerCompareAndSet(t *testing.T) {
	r := create(t, openMemory(t, nil), "refs", nil)
	one, two := plumbing.Hash(write(t, r, "a", "1").Hash), plumbing.Hash(write(t, r, "a", "2").Hash)
	s := storerOf(t, r)
	const name, link = "refs/heads/x", "refs/remotes/x"
	absent, at1, at2 := hashRef(name, plumbing.ZeroHash), hashRef(name, one), hashRef(name, two)
	to := func(target string) *plumbing.Reference { return symbolicRef(link, target) }
	const a, b = "refs/heads/a", "refs/heads/b"
	for i, test := range []struct {
		to, old *plumbing.Reference
		holds   bool
	}{
		{at1, at1, false}, // it does not exist
		{at1, symbolicRef(name, a), false},
		{at1, absent, true},
		{at2, absent, false},
		{at2, at2, false},
		{at2, symbolicRef(name, a), false},
		{at2, at1, true},
		{at1, hashRef("refs/heads/other", one), false}, // the name is that of old
		{at1, hashRef("refs/heads/main", two), true},
		{at2, nil, true},
		{to(a), to(a), false},
		{to(a), hashRef(link, plumbing.ZeroHash), true},
		{to(b), hashRef(link, plumbing.ZeroHash), false}, // a symbolic ref has no hash either
		{to(b), to(b), false},
		{to(b), hashRef(link, two), false},
		{to(b), to(a), true},
		{to(a), to(a), false},
	} {
		err := s.CheckAndSetReference(test.to, test.old)
		if test.holds && err != nil || !test.holds && err != gogitstorage.ErrReferenceHasChanged {
			t.Errorf("%d: CheckAndSetReference(%v, %v) = %v, want that it holds: %v", i, test.to, test.old, err, test.holds)
		}
		if test.holds {
			if got, err := s.Reference(test.to.Name()); err != nil || got.String() != test.to.String() {
				t.Errorf("%d: Reference(%s) = %v, %v, want %v", i, test.to.Name(), got, err, test.to)
			}
		}
	}
	if _, err := s.Reference("refs/heads/none"); err != plumbing.ErrReferenceNotFound {
		t.Errorf("Reference() of none = %v, want %v", err, plumbing.ErrReferenceNotFound)
	}
}

// TestStorerLosesNoUpdate lets many goroutines put commits on one branch, each by compare and swap alone.
func TestStorerLosesNoUpdate(t *testing.T) {
	const writers, each = 8, 10
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "cas", nil)
		base := write(t, r, "a", "a")
		shared := storerOf(t, r)
		var group sync.WaitGroup
		for w := range writers {
			s := shared
			if w%2 == 1 {
				s = storerOf(t, r)
			}
			group.Go(func() {
				for i := range each {
					if err := addCommit(s, fmt.Sprintf("%d/%d", w, i), plumbing.Hash(base.Tree)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		repo, err := gogit.Open(storerOf(t, r), nil)
		if err != nil {
			t.Fatal(err)
		}
		log, err := repo.Log(&gogit.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		if err := log.ForEach(func(c *object.Commit) error { seen[c.Message] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(seen) != writers*each+1 {
			t.Errorf("%d commits are there, want %d", len(seen), writers*each+1)
		}
	})
}

// addCommit puts a commit on the main branch, however often it moves meanwhile.
func addCommit(s gogitstorage.Storer, message string, tree plumbing.Hash) error {
	for {
		tip, err := s.Reference("refs/heads/main")
		if err != nil {
			return err
		}
		by := object.Signature{Name: "A", Email: "a@example.com", When: newYear}
		c := &object.Commit{Author: by, Committer: by, Message: message, TreeHash: tree,
			ParentHashes: []plumbing.Hash{tip.Hash()}}
		o := s.NewEncodedObject()
		if err := c.Encode(o); err != nil {
			return err
		}
		h, err := s.SetEncodedObject(o)
		if err != nil {
			return err
		}
		err = s.CheckAndSetReference(hashRef("refs/heads/main", h), tip)
		if err != gogitstorage.ErrReferenceHasChanged {
			return err
		}
	}
}

func treeOf(list ...string) string {
	var b strings.Builder
	for _, e := range list {
		b.WriteString(e)
		b.WriteByte(0)
		b.Write(bytes.Repeat([]byte{1}, 20))
	}
	return b.String()
}

// malformedObjects must be refused, by whatever door.
var malformedObjects = []struct {
	typ     plumbing.ObjectType
	content string
}{
	{plumbing.CommitObject, ""},
	{plumbing.TagObject, ""},
	{plumbing.CommitObject, "tree " + emptyTree + "\n\nno author\n"},
	{plumbing.CommitObject, "tree " + emptyTree + "\nauthor " + personLine + "\nno committer\n"},
	{plumbing.CommitObject, "tree 12\nauthor " + personLine + "committer " + personLine + "\n"},
	{plumbing.CommitObject, "author " + personLine + "committer " + personLine + "tree " + emptyTree + "\n\n"},
	{plumbing.CommitObject, "tree " + emptyTree + "\nauthor A <a@example.com\ncommitter " + personLine + "\n"},
	{plumbing.CommitObject, "tree " + emptyTree + "\nauthor A <a@example.com> -1 +0000\ncommitter " + personLine + "\n"},
	{plumbing.CommitObject, "tree " + emptyTree + "\nauthor A\x00 <a> 1 +0000\ncommitter " + personLine + "\n"},
	{plumbing.CommitObject, "tree " + emptyTree + "\nauthor " + personLine + "committer " +
		strings.TrimSuffix(personLine, "\n")},
	{plumbing.TagObject, "object " + emptyTree + "\ntype tree\n\nno name\n"},
	{plumbing.TagObject, "object " + emptyTree + "\ntype thing\ntag v1\n\n"},
	{plumbing.TreeObject, "100644 a"},
	{plumbing.TreeObject, treeOf("100644 .git")},
	{plumbing.TreeObject, treeOf("40000 .GIT")},
	{plumbing.TreeObject, treeOf("40000 git~1")},
	{plumbing.TreeObject, treeOf("40000 .g\u200cit")},
	{plumbing.TreeObject, treeOf("100644 ..")},
	{plumbing.TreeObject, treeOf("100644 a/b")},
	{plumbing.TreeObject, treeOf("120000 .gitmodules")},
	{plumbing.TreeObject, treeOf("100600 a")},
	{plumbing.TreeObject, treeOf("0 a")},
	{plumbing.TreeObject, treeOf("100644 b", "100644 a")},
	{plumbing.TreeObject, treeOf("100644 a", "100644 a")},
	{plumbing.TreeObject, treeOf("100644 a", "40000 a")},
	{plumbing.TreeObject, treeOf("100644 a", "100644 a.b", "40000 a")},
	{plumbing.TreeObject, "100644 a\x00" + strings.Repeat("\x00", 20)},
}

func TestStorerRefusesMalformedObjects(t *testing.T) {
	st := openMemory(t, nil)
	r := create(t, st, "refuse", nil)
	s := storerOf(t, r)
	before := st.digest(t)
	for _, test := range malformedObjects {
		o := memoryObject(test.typ, test.content)
		if _, err := s.SetEncodedObject(o); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("SetEncodedObject(%s %q) = %v, want %v", test.typ, test.content, err, reposit.ErrInvalid)
		}
		if err := writePack(s, encodePack(t, o)); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("pack with %s %q = %v, want %v", test.typ, test.content, err, reposit.ErrInvalid)
		}
	}
	odd := memoryObject(plumbing.REFDeltaObject, "")
	if _, err := s.SetEncodedObject(odd); err != plumbing.ErrInvalidType {
		t.Errorf("SetEncodedObject(delta) = %v, want %v", err, plumbing.ErrInvalidType)
	}
	if after := st.digest(t); after != before {
		t.Errorf("what was refused left something behind")
	}
}

// TestStorerKeepsOddTrees keeps what old programs wrote, to the byte.
func TestStorerKeepsOddTrees(t *testing.T) {
	s := storerOf(t, create(t, openMemory(t, nil), "odd", nil))
	blob := setObject(s, plumbing.BlobObject, "x")
	raw := "100664 a\x00" + string(blob[:]) + "040000 b\x00" + string(rawHash(emptyTree)) + "160000 c\x00" +
		string(rawHash(emptyTree))
	setObject(s, plumbing.TreeObject, "")
	h := setObject(s, plumbing.TreeObject, raw)
	if err := s.SetReference(hashRef("refs/tags/odd", h)); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, s, h); got != raw {
		t.Errorf("tree = %q, want %q", got, raw)
	}
}

func rawHash(s string) []byte {
	h := plumbing.NewHash(s)
	return h[:]
}

func contentOf(t testing.TB, s gogitstorage.Storer, h plumbing.Hash) string {
	t.Helper()
	o, err := s.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		t.Fatal(err)
	}
	r, err := o.Reader()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestStorerHoldsBack sets objects parents first: none is stored before what it names.
func TestStorerHoldsBack(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		r := create(t, st, "hold", nil)
		s, other := storerOf(t, r), storerOf(t, r)
		all := fourObjects()
		tag, c, tree := all[3], all[2], all[1]
		name := hashRef("refs/tags/v1", tag.Hash())
		for _, o := range []plumbing.EncodedObject{tag, c} {
			if _, err := s.SetEncodedObject(o); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetReference(name); !errors.Is(err, plumbing.ErrObjectNotFound) {
			t.Errorf("SetReference(%v) without the tree = %v, want %v", name, err, plumbing.ErrObjectNotFound)
		}
		if err := s.(io.Closer).Close(); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Close() without the tree = %v, want %v", err, reposit.ErrNotFound)
		}
		if n := st.objects(t, storageID(r)); n != 0 {
			t.Errorf("%d objects are stored before they are whole, want 0", n)
		}
		if err := s.HasEncodedObject(c.Hash()); err != nil {
			t.Errorf("HasEncodedObject() of what is held back = %v", err)
		}
		if err := other.HasEncodedObject(c.Hash()); err != plumbing.ErrObjectNotFound {
			t.Errorf("HasEncodedObject() through another Storer = %v, want %v", err, plumbing.ErrObjectNotFound)
		}
		if _, err := s.SetEncodedObject(tree); err != nil {
			t.Fatal(err)
		}
		if err := s.SetReference(name); err != nil {
			t.Errorf("SetReference(%v) = %v", name, err)
		}
		if err := other.HasEncodedObject(c.Hash()); err != nil {
			t.Errorf("HasEncodedObject() through another Storer = %v, once a ref leads to it", err)
		}
		if err := s.(io.Closer).Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
}

func TestStorerRecords(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "records", nil)
		s := storerOf(t, r)
		idx := &index.Index{Version: 2}
		for i := range 12_000 { // about a megabyte: more than one record
			idx.Entries = append(idx.Entries, &index.Entry{
				Name: fmt.Sprintf("dir/file%06d", i), Hash: plumbing.NewHash("0123"), Mode: 0o100644, ModifiedAt: time.Unix(1, 0),
			})
		}
		for _, n := range []int{12_000, 3, 0} {
			want := &index.Index{Version: 2, Entries: idx.Entries[:n]}
			if err := s.SetIndex(want); err != nil {
				t.Fatalf("SetIndex() of %d entries = %v", n, err)
			}
			got, err := storerOf(t, r).Index()
			if err != nil || len(got.Entries) != n || !got.ModTime.Equal(want.ModTime) {
				t.Fatalf("Index() = %d entries of %v, %v, want %d of %v", len(got.Entries), got.ModTime, err, n, want.ModTime)
			}
		}
		c := config.NewConfig()
		c.Remotes["origin"] = &config.RemoteConfig{Name: "origin", URLs: []string{"https://example.com/x.git"}}
		if err := s.SetConfig(c); err != nil {
			t.Fatal(err)
		}
		c.Remotes["origin"].URLs[0] = "changed by the caller"
		if got, err := s.Config(); err != nil || got.Remotes["origin"].URLs[0] != "https://example.com/x.git" {
			t.Errorf("Config() = %v, %v, want what was set", got, err)
		}
		m, err := s.Module("sub/module")
		if err != nil {
			t.Fatal(err)
		}
		moduleTest(t, s, m)
	})
}

// TestModuleRefsAreForWriters holds that a reader sees no ref of a submodule, by whatever way of go-git.
func TestModuleRefsAreForWriters(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "ann", "bob")
	r := create(t, s, "r", nil)
	tip := write(t, r, "f", "1")
	done(t, r.Collaborators().Add(ctx, "bob", reposit.Write))
	sub := must(storerOf(t, r).Module("sub"))(t)
	done(t, sub.SetReference(hashRef("refs/heads/secret", plumbing.Hash(tip.Hash))))
	for _, test := range []struct {
		as   *reposit.Store
		want int
	}{{s.Store, 1}, {s.As(reposit.User("bob")), 1}, {s.As(reposit.User("ann")), 0}, {s.As(reposit.Anonymous), 0}} {
		m := must(storerOf(t, must(test.as.RepoByID(ctx, r.ID()))(t)).Module("sub"))(t)
		if got := len(references(t, m)); got != test.want {
			t.Errorf("a submodule has %d refs, want %d", got, test.want)
		}
		_, err := m.Reference("refs/heads/secret")
		if (err == nil) != (test.want == 1) || err != nil && !errors.Is(err, plumbing.ErrReferenceNotFound) {
			t.Errorf("Reference() of a submodule = %v, there are %d", err, test.want)
		}
		if n, err := m.CountLooseRefs(); err != nil || n > test.want {
			t.Errorf("CountLooseRefs() of a submodule = %d, %v", n, err)
		}
	}
}

// moduleTest checks that a submodule's Storer keeps to itself.
func moduleTest(t *testing.T, s, m gogitstorage.Storer) {
	t.Helper()
	repo, err := gogit.Init(m, memfs.New())
	if err != nil {
		t.Fatalf("Init() of a submodule = %v", err)
	}
	for _, o := range fourObjects() {
		setObject(m, o.Type(), contentOf(t, memoryStorer(t, o), o.Hash()))
	}
	h := fourObjects()[2].Hash()
	if err := m.SetReference(hashRef("HEAD", h)); err != nil {
		t.Errorf("SetReference(HEAD) of a submodule = %v", err)
	}
	if err := m.SetReference(hashRef("refs/heads/x", h)); err != nil {
		t.Error(err)
	}
	if err := m.CheckAndSetReference(symbolicRef("refs/heads/x", "refs/heads/y"),
		symbolicRef("refs/heads/x", "refs/heads/z")); err != gogitstorage.ErrReferenceHasChanged {
		t.Errorf("CheckAndSetReference() of a submodule = %v, want %v", err, gogitstorage.ErrReferenceHasChanged)
	}
	if head, err := repo.Head(); err != nil || head.Hash() != h {
		t.Errorf("Head() of a submodule = %v, %v, want %s", head, err, h)
	}
	if n := len(references(t, m)); n != 2 {
		t.Errorf("a submodule has %d refs, want 2", n)
	}
	if err := m.RemoveReference("refs/heads/x"); err != nil {
		t.Error(err)
	}
	if n := len(references(t, s)); n != 1 {
		t.Errorf("the repository has %d refs, want HEAD alone", n)
	}
	if c, err := m.Config(); err != nil || len(c.Remotes) != 0 {
		t.Errorf("Config() of a submodule = %v, %v, want an empty one", c, err)
	}
}

func memoryStorer(t testing.TB, o plumbing.EncodedObject) gogitstorage.Storer {
	t.Helper()
	s := gogitmemory.NewStorage()
	if _, err := s.SetEncodedObject(o); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStorerEnds uses a Storer whose context, repository or store is gone.
func TestStorerEnds(t *testing.T) {
	st := openMemory(t, nil)
	r := create(t, st, "gone", nil)
	c := write(t, r, "a", "a")
	calls := func(s gogitstorage.Storer) map[string]error {
		errs := map[string]error{}
		_, errs["object"] = s.EncodedObject(plumbing.AnyObject, plumbing.Hash(c.Hash))
		errs["has"] = s.HasEncodedObject(plumbing.NewHash("01"))
		_, errs["set"] = s.SetEncodedObject(memoryObject(plumbing.BlobObject, "new"))
		_, errs["objects"] = s.IterEncodedObjects(plumbing.AnyObject)
		_, errs["ref"] = s.Reference("HEAD")
		_, errs["refs"] = s.IterReferences()
		errs["set ref"] = s.SetReference(hashRef("refs/heads/x", plumbing.Hash(c.Hash)))
		errs["set symbolic"] = s.SetReference(symbolicRef("HEAD", "refs/heads/x"))
		errs["remove ref"] = s.RemoveReference("refs/heads/x")
		_, errs["config"] = s.Config()
		errs["set config"] = s.SetConfig(config.NewConfig())
		_, errs["index"] = s.Index()
		errs["set index"] = s.SetIndex(&index.Index{Version: 2})
		_, errs["shallow"] = s.Shallow()
		errs["set shallow"] = s.SetShallow(nil)
		_, errs["pack"] = s.(gogitstorer.PackfileWriter).PackfileWriter()
		return errs
	}
	expect := func(why string, s gogitstorage.Storer, want error) {
		t.Helper()
		for name, err := range calls(s) {
			if !errors.Is(err, want) {
				t.Errorf("%s after %s = %v, want %v", name, why, err, want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := r.Storer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	expect("the end of its context", s, context.Canceled)
	s = storerOf(t, r)
	token, err := r.DeleteToken(t.Context())
	if err == nil {
		err = r.Delete(t.Context(), token)
	}
	if err != nil {
		t.Fatal(err)
	}
	expect("the end of the repository", s, reposit.ErrNotFound)
	if _, err := r.Storer(t.Context()); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Storer() of a deleted repository = %v, want %v", err, reposit.ErrNotFound)
	}
	st.Close()
	expect("the end of the store", s, reposit.ErrClosed)
}

// encodePack makes a pack of objects as they are.
func encodePack(t testing.TB, list ...*plumbing.MemoryObject) []byte {
	t.Helper()
	s := gogitmemory.NewStorage()
	var hashes []plumbing.Hash
	for _, o := range list {
		h, err := s.SetEncodedObject(o)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	var b bytes.Buffer
	if _, err := packfile.NewEncoder(&b, s, false).Encode(hashes, 0); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writePack(s gogitstorage.Storer, pack []byte) error {
	w, err := s.(gogitstorer.PackfileWriter).PackfileWriter()
	if err != nil {
		return err
	}
	_, err = w.Write(pack)
	return errors.Join(err, w.Close())
}
