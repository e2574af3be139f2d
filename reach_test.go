package reposit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	gitformat "github.com/reposit/reposit/internal/git"
	objects "github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

var networks = flag.Uint64("networks", 1,
	"how many random networks of forks TestDoors goes through, on each backend")

// A network is repositories that share a pool, and what is needed to tell by brute force what each of them reaches.
type network struct {
	testing.TB
	st      *store
	rand    *rand.Rand
	repos   []*reposit.Repo
	pool    storage.ID
	objects *objects.Store
	count   int
}

func newNetwork(t testing.TB, st *store, seed uint64) *network {
	n := &network{TB: t, st: st, rand: rand.New(rand.NewPCG(seed, 7))}
	root := create(t, st, "root", nil)
	n.repos, n.pool = []*reposit.Repo{root}, storageID(root)
	n.objects = objects.New(st.backend, 1<<20)
	return n
}

func (n *network) must(what string, err error) {
	n.Helper()
	if err != nil {
		n.Fatalf("%s = %v", what, err)
	}
}

func pickOf[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// step changes something at random.
func (n *network) step() {
	n.Helper()
	ctx := n.Context()
	r := pickOf(n.rand, n.repos)
	branch := pickOf(n.rand, []string{"main", "a", "b"})
	n.count++
	switch k := n.rand.IntN(20); {
	case k < 2 && len(n.repos) < 4:
		if !n.hasMain(r) {
			return
		}
		fork, err := r.Fork(ctx, &reposit.ForkOptions{Owner: fmt.Sprint("o", n.count), DefaultBranchOnly: k == 0})
		n.must("Fork()", err)
		n.repos = append(n.repos, fork)
	case k < 4 && branch != "main":
		if err := r.Branches().Delete(ctx, branch); err != nil && !errors.Is(err, reposit.ErrNotFound) {
			n.Fatal(err)
		}
	case k < 6 && n.hasMain(r): // a forced move, back or to another branch
		to, err := r.Resolve(ctx, pickOf(n.rand, []string{"main", "main~1", "main~2", "a"}))
		if err == nil {
			n.must("Update()", r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/heads/" + branch, New: to}))
		}
	case k < 8 && n.hasMain(r):
		opts := &reposit.TagOptions{Message: "tag"}
		_, err := r.Tags().Create(ctx, fmt.Sprint("t", n.count), pickOf(n.rand, []string{"main", "main^{tree}", "main~1"}),
			opts)
		if err != nil && !errors.Is(err, reposit.ErrNotFound) {
			n.Fatal(err)
		}
	case k < 9:
		for tag, err := range r.Tags().All(ctx) {
			n.must("All()", err)
			n.must("Delete()", r.Tags().Delete(ctx, tag.Name))
			break
		}
	case k < 10 && n.hasMain(r): // into any of the network
		_, err := pickOf(n.rand, n.repos).Pulls().Open(ctx, "main", branch, &reposit.PullOptions{HeadRepo: r.ID()})
		if err != nil && !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid) &&
			!errors.Is(err, reposit.ErrExists) && !errors.Is(err, reposit.ErrNoChange) {
			n.Fatal(err)
		}
	case k < 12:
		page, err := r.Pulls().List(ctx, nil)
		n.must("List()", err)
		if len(page.Items) > 0 {
			n.must("Close()", r.Pulls().Close(ctx, page.Items[0].Number))
		}
	default:
		path := pickOf(n.rand, []string{"f", "g", "d/f", "d/e/f", "d/e/g"})
		_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: branch, Message: fmt.Sprint(n.count)},
			reposit.Put(path, fmt.Appendf(nil, "%d", n.rand.IntN(1000))))
		if err != nil && !errors.Is(err, reposit.ErrNoChange) {
			n.Fatal(err)
		}
	}
}

func (n *network) hasMain(r *reposit.Repo) bool {
	_, err := r.Resolve(n.Context(), "main")
	return err == nil
}

// all returns the pool's objects.
func (n *network) all() []gitformat.Hash {
	n.Helper()
	var all []gitformat.Hash
	for h, err := range n.st.backend.Objects(n.Context(), n.pool, storage.Hash{}, lastHash) {
		n.must("Objects()", err)
		all = append(all, h)
	}
	return all
}

// truth returns the objects that a repository's refs lead to, or that logs of refs that exist tell of, with their
// types.
func (n *network) truth(r *reposit.Repo, logs bool) map[gitformat.Hash]storage.Type {
	n.Helper()
	reached := map[gitformat.Hash]storage.Type{}
	n.must("View()", n.st.backend.View(n.Context(), func(v storage.View) error {
		for found, err := range v.Refs(storageID(r), "", "") {
			n.must("Refs()", err)
			n.follow(reached, found.Hash)
			if !logs {
				continue
			}
			for e, err := range v.Log(storageID(r), found.Name) {
				n.must("Log()", err)
				n.follow(reached, e.Old)
				n.follow(reached, e.New)
			}
		}
		return nil
	}))
	return reached
}

func (n *network) follow(reached map[gitformat.Hash]storage.Type, h gitformat.Hash) {
	n.Helper()
	if _, again := reached[h]; again || h.IsZero() {
		return
	}
	item, err := n.objects.Item(n.Context(), n.pool, h)
	n.must("Item()", err)
	reached[h] = item.Type
	switch item.Type {
	case storage.Commit:
		n.follow(reached, item.Commit.Tree)
		for _, p := range item.Commit.Parents {
			n.follow(reached, p)
		}
	case storage.Tree:
		for i := range item.Tree.Len() {
			if e := item.Tree.Entry(i); e.Mode != gitformat.ModeSubmodule {
				n.follow(reached, e.Hash)
			}
		}
	case storage.Tag:
		tag, err := gitformat.ParseTag(item.Data)
		n.must("ParseTag()", err)
		n.follow(reached, tag.Object)
	}
}

// A hashDoor is a call that takes a hash and reads what it names, or goes on from there.
type hashDoor struct {
	name  string
	takes []storage.Type // of these it must open for what is reached
	open  func(r *reposit.Repo, h string) error
}

var everyType = []storage.Type{storage.Commit, storage.Tree, storage.Blob, storage.Tag}

func (n *network) doors() []hashDoor {
	ctx := n.Context()
	trees, commits := everyType[:2], everyType[:1]
	return []hashDoor{
		{"Resolve", everyType, func(r *reposit.Repo, h string) error { _, err := r.Resolve(ctx, h); return err }},
		{"Resolve upper case", everyType, func(r *reposit.Repo, h string) error {
			_,
				err := r.Resolve(ctx, strings.ToUpper(h))
			return err
		}},
		{"Resolve h^{}", everyType, func(r *reposit.Repo, h string) error { _, err := r.Resolve(ctx, h+"^{}"); return err }},
		{"Resolve h~0", commits, func(r *reposit.Repo, h string) error { _, err := r.Resolve(ctx, h+"~0"); return err }},
		{"Resolve h:", trees, func(r *reposit.Repo, h string) error { _, err := r.Resolve(ctx, h+":"); return err }},
		{"Resolve 12 digits", everyType, func(r *reposit.Repo, h string) error {
			_,
				err := r.Resolve(ctx, h[:12])
			return err
		}},
		{"Read", nil, func(r *reposit.Repo, h string) error { _, err := r.Read(ctx, h, "f"); return err }},
		{"Open", nil, func(r *reposit.Repo, h string) error {
			f, err := r.Open(ctx, h, "f")
			if err == nil {
				err = f.Close()
			}
			return err
		}},
		{"Stat", trees, func(r *reposit.Repo, h string) error { _, err := r.Stat(ctx, h, ""); return err }},
		{"List", trees, func(r *reposit.Repo, h string) error { _, err := r.List(ctx, h, ""); return err }},
		{"Walk", trees, func(r *reposit.Repo, h string) error {
			for _, err := range r.Walk(ctx, h, "") {
				return err
			}
			return nil
		}},
		{"FS", trees, func(r *reposit.Repo, h string) error { _, err := r.FS(ctx, h); return err }},
		{"Archive", trees, func(r *reposit.Repo, h string) error {
			return r.Archive(ctx, io.Discard, &reposit.ArchiveOptions{Revision: h, Format: reposit.Tar})
		}},
		{"Diff base", trees, func(r *reposit.Repo, h string) error { _, err := r.Diff(ctx, h, "", nil); return err }},
		{"Diff head", trees, func(r *reposit.Repo, h string) error { _, err := r.Diff(ctx, "", h, nil); return err }},
		{"Compare base", commits, func(r *reposit.Repo, h string) error { _, err := r.Compare(ctx, h, "HEAD"); return err }},
		{"Compare head", commits, func(r *reposit.Repo, h string) error { _, err := r.Compare(ctx, "HEAD", h); return err }},
		{"Languages", trees, func(r *reposit.Repo, h string) error { _, err := r.Languages(ctx, h); return err }},
		{"CommitAt", commits, func(r *reposit.Repo, h string) error { _, err := r.CommitAt(ctx, h); return err }},
		{"Log", commits, logDoor(ctx, func(h string) *reposit.LogOptions { return &reposit.LogOptions{Revision: h} })},
		{"Log h..h", commits, logDoor(ctx, func(h string) *reposit.LogOptions {
			return &reposit.LogOptions{Revision: h + ".." + h}
		})},
		{"Log h...h", commits, logDoor(ctx, func(h string) *reposit.LogOptions {
			return &reposit.LogOptions{Revision: h + "..." + h}
		})},
		{"Log h^!", commits, logDoor(ctx, func(h string) *reposit.LogOptions {
			return &reposit.LogOptions{Revision: h + "^!"}
		})},
		{"Log not h", commits, logDoor(ctx, func(h string) *reposit.LogOptions {
			return &reposit.LogOptions{Not: []string{h}}
		})},
		{"Log after h", nil, logDoor(ctx, func(h string) *reposit.LogOptions {
			return &reposit.LogOptions{After: must(reposit.ParseHash(h))(n)}
		})},
		{"LastCommits", commits, func(r *reposit.Repo, h string) error {
			for _, err := range r.LastCommits(ctx, h, "") {
				return err
			}
			return nil
		}},
		{"Grep", trees, func(r *reposit.Repo, h string) error {
			for _, err := range r.Grep(ctx, h, "x", nil) {
				return err
			}
			return nil
		}},
		{"Blame", nil, func(r *reposit.Repo, h string) error { _, err := r.Blame(ctx, h, "f", nil); return err }},
		{"Blame without h", nil, func(r *reposit.Repo, h string) error {
			_, err := r.Blame(ctx, "", "f", &reposit.BlameOptions{IgnoreRevs: []string{h}})
			return err
		}},
		{"Contributors", commits, func(r *reposit.Repo, h string) error {
			_, err := r.Contributors(ctx, &reposit.ContributorOptions{Revision: h})
			return err
		}},
	}
}

// logDoor is a door of a log with options that a hash is in.
func logDoor(ctx context.Context, opts func(h string) *reposit.LogOptions) func(*reposit.Repo, string) error {
	return func(r *reposit.Repo, h string) error {
		for _, err := range r.Log(ctx, opts(h)) {
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// writes are the doors that change a repository if they open.
func (n *network) writes() []hashDoor {
	ctx := n.Context()
	return []hashDoor{
		{"Commit from", nil, func(r *reposit.Repo, h string) error {
			_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: "new", From: h, AllowEmpty: true})
			return err
		}},
		{"create branch", nil, func(r *reposit.Repo, h string) error {
			_,
				err := r.Branches().Create(ctx, "new", h)
			return err
		}},
		{"create tag", nil, func(r *reposit.Repo, h string) error {
			_,
				err := r.Tags().Create(ctx, "new", h, nil)
			return err
		}},
		{"create annotated tag", nil, func(r *reposit.Repo, h string) error {
			_, err := r.Tags().Create(ctx, "new", h, &reposit.TagOptions{Message: "m"})
			return err
		}},
		{"update ref", nil, func(r *reposit.Repo, h string) error {
			return r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/x/new", New: reposit.Hash(plumbing.NewHash(h))})
		}},
		{"restore", nil, func(r *reposit.Repo, h string) error { _, err := r.Restore(ctx, h, nil); return err }},
		{"restore path", nil, func(r *reposit.Repo, h string) error {
			_, err := r.Restore(ctx, h, &reposit.RestoreOptions{Paths: []string{"f"}})
			return err
		}},
		{"merge", nil, func(r *reposit.Repo, h string) error { _, err := r.Merge(ctx, h, nil); return err }},
		{"put blob", nil, func(r *reposit.Repo, h string) error {
			_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: "new"},
				reposit.PutBlob("new", reposit.Hash(plumbing.NewHash(h))))
			return err
		}},
	}
}

const absent = "0123456789012345678901234567890123456789"

// TestDoors asks each repository of a pool for each of its objects, at every door. What its refs do not lead to is as
// if it were nowhere, to the last letter of the error.
func TestDoors(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		for s := *seed; s < *seed+*networks; s++ {
			opts, _ := fixed()
			n := newNetwork(t, open(opts), s)
			for step := range 60 {
				n.step()
				if step%20 == 19 {
					n.check(s, step)
				}
			}
		}
	})
}

func (n *network) check(seed uint64, step int) {
	n.Helper()
	all := n.all()
	for i, r := range n.repos {
		reader, err := n.st.As(reposit.Anonymous).RepoByID(n.Context(), r.ID())
		n.must("RepoByID()", err)
		for _, of := range []struct {
			r       *reposit.Repo
			reached map[gitformat.Hash]storage.Type
		}{{r, n.truth(r, true)}, {reader, n.truth(r, false)}} {
			where := fmt.Sprintf("seed %d, step %d, repository %d, %d of %d objects", seed, step, i, len(of.reached), len(all))
			n.checkDoors(where, of.r, n.doors(), all, of.reached)
			n.checkStorer(where, of.r, all, of.reached)
			if of.r == r {
				n.checkDoors(where, r, n.writes(), slices.DeleteFunc(slices.Clone(all), func(h gitformat.Hash) bool {
					_, reached := of.reached[h]
					return reached
				}), nil)
			}
		}
	}
}

func (n *network) checkDoors(where string, r *reposit.Repo, doors []hashDoor, all []gitformat.Hash,
	reached map[gitformat.Hash]storage.Type) {
	n.Helper()
	for _, d := range doors {
		nowhere := d.open(r, absent)
		if !errors.Is(nowhere, reposit.ErrNotFound) {
			n.Fatalf("%s: %s(%s) = %v, want %v", where, d.name, absent, nowhere, reposit.ErrNotFound)
		}
		for _, h := range all {
			err := d.open(r, h.String())
			t, ok := reached[h]
			switch {
			case ok && err != nil && slices.Contains(d.takes, t):
				n.Fatalf("%s: %s(%s %s) = %v", where, d.name, t, h, err)
			case !ok && err == nil:
				n.Fatalf("%s: %s(%s) of what no ref reaches = nil", where, d.name, h)
			case !ok && anonymize(err, h.String()) != anonymize(nowhere, absent):
				n.Fatalf("%s: %s(%s) of what no ref reaches = %v; of what is nowhere it is %v", where, d.name, h, err, nowhere)
			}
		}
	}
}

// anonymize returns the text of an error without the hash.
func anonymize(err error, h string) string {
	text := strings.ReplaceAll(err.Error(), h, "H")
	return strings.ReplaceAll(strings.ReplaceAll(text, strings.ToUpper(h), "H"), h[:12], "H")
}

// checkStorer asks a new Storer for each object, and for all.
func (n *network) checkStorer(where string, r *reposit.Repo, all []gitformat.Hash,
	reached map[gitformat.Hash]storage.Type) {
	n.Helper()
	s := storerOf(n, r)
	deltas := s.(gogitstorer.DeltaObjectStorer)
	prefixes := s.(interface {
		HashesWithPrefix([]byte) ([]plumbing.Hash, error)
	})
	n.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, h := range all {
		want := error(nil)
		t, ok := reached[h]
		if !ok {
			want = plumbing.ErrObjectNotFound
		}
		o, err := s.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
		if err != want || ok && storage.Type(o.Type()) != t {
			n.Fatalf("%s: EncodedObject(%s) = %v, %v, want %v", where, h, o, err, want)
		}
		if err := s.HasEncodedObject(plumbing.Hash(h)); err != want {
			n.Fatalf("%s: HasEncodedObject(%s) = %v, want %v", where, h, err, want)
		}
		if _, err := s.EncodedObjectSize(plumbing.Hash(h)); err != want {
			n.Fatalf("%s: EncodedObjectSize(%s) = %v, want %v", where, h, err, want)
		}
		d, err := deltas.DeltaObject(plumbing.AnyObject, plumbing.Hash(h))
		if err != want {
			n.Fatalf("%s: DeltaObject(%s) = %v, want %v", where, h, err, want)
		}
		if d, isDelta := d.(plumbing.DeltaObject); isDelta {
			if _, ok := reached[gitformat.Hash(d.BaseHash())]; !ok {
				n.Fatalf("%s: DeltaObject(%s) names the base %s, which no ref reaches", where, h, d.BaseHash())
			}
		}
		found, err := prefixes.HashesWithPrefix(h[:4])
		if err != nil || slices.Contains(found, plumbing.Hash(h)) != ok {
			n.Fatalf("%s: HashesWithPrefix(%x) = %v, %v, want %s: %v", where, h[:4], found, err, h, ok)
		}
	}
	var got []string
	it, err := s.IterEncodedObjects(plumbing.AnyObject)
	n.must("IterEncodedObjects()", err)
	n.must("ForEach()", it.ForEach(func(o plumbing.EncodedObject) error {
		got = append(got, o.Hash().String())
		return nil
	}))
	var want []string
	for h := range maps.Keys(reached) {
		want = append(want, h.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		n.Fatalf("%s: IterEncodedObjects() (-want +got):\n%s", where, diff)
	}
}

// hidden makes a repository whose fork has a commit of its own, and returns both.
func hidden(t testing.TB, st *store) (r, fork *reposit.Repo, secret *reposit.Commit) {
	t.Helper()
	r = create(t, st, "public", nil)
	write(t, r, "dir/file", "known")
	fork, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "other"})
	if err != nil {
		t.Fatal(err)
	}
	secret = commit(t, fork, &reposit.CommitOptions{Message: "secret"}, reposit.Put("dir/secret", []byte("secret\n")))
	return r, fork, secret
}

// TestNamesGiveNoRight writes the hashes of another repository's objects wherever a hash can be written.
func TestNamesGiveNoRight(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r, _, secret := hidden(t, open(nil))
		tip, err := r.Resolve(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		blob := blobHash("secret\n")
		s := storerOf(t, r)
		who := "A <a> 1 +0000"
		plain := func(tree, parent string) string {
			return fmt.Sprintf("tree %s\nparent %s\nauthor %s\ncommitter %s\n\nm\n", tree, parent, who, who)
		}
		known, err := r.Resolve(t.Context(), "main^{tree}")
		if err != nil {
			t.Fatal(err)
		}
		for name, o := range map[string]*plumbing.MemoryObject{
			"parent":  memoryObject(plumbing.CommitObject, plain(known.String(), secret.Hash.String())),
			"tree":    memoryObject(plumbing.CommitObject, plain(secret.Tree.String(), tip.String())),
			"entry":   memoryObject(plumbing.TreeObject, "100644 x\x00"+string(blob[:])),
			"subtree": memoryObject(plumbing.TreeObject, "40000 x\x00"+string(secret.Tree[:])),
			"target":  memoryObject(plumbing.TagObject, fmt.Sprintf("object %s\ntype commit\ntag x\n\nm\n", secret.Hash)),
		} {
			s := storerOf(t, r)
			h, err := s.SetEncodedObject(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetReference(hashRef("refs/tags/"+name, h)); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s: SetReference() = %v, want %v", name, err, reposit.ErrNotFound)
			}
			if err := s.(io.Closer).Close(); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s: Close() = %v, want %v", name, err, reposit.ErrNotFound)
			}
			if _, err := r.Resolve(t.Context(), h.String()); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("%s: Resolve() = %v, want %v", name, err, reposit.ErrNotFound)
			}
			if err := writePack(storerOf(t, r), encodePack(t, o)); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("%s: a pack with it = %v, want %v", name, err, reposit.ErrInvalid)
			}
		}
		for _, h := range []reposit.Hash{secret.Hash, secret.Tree, blob} {
			if err := s.SetReference(hashRef("refs/tags/x", plumbing.Hash(h))); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("SetReference(%s) = %v, want %v", h, err, reposit.ErrNotFound)
			}
		}
		checkSubmodule(t, r, secret)
		checkShallow(t, r, secret, plain(known.String(), secret.Hash.String()))
	})
}

// checkSubmodule names another repository's objects as submodules, and goes on from there.
func checkSubmodule(t *testing.T, r *reposit.Repo, secret *reposit.Commit) {
	t.Helper()
	commit(t, r, &reposit.CommitOptions{Message: "submodules"}, reposit.Submodule("commit", secret.Hash),
		reposit.Submodule("tree", secret.Tree))
	for _, rev := range []string{"main:commit", "main:tree", "main:tree/dir", "main:tree/dir/secret", "main:commit/dir"} {
		if h, err := r.Resolve(t.Context(), rev); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve(%s) = %s, %v, want %v", rev, h, err, reposit.ErrNotFound)
		}
		if _, err := r.Read(t.Context(), rev, "dir/secret"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Read(%s) = %v, want %v", rev, err, reposit.ErrNotFound)
		}
		if _, err := r.Branches().Create(t.Context(), "x", rev); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Create(%s) = %v, want %v", rev, err, reposit.ErrNotFound)
		}
	}
	if data, err := r.Read(t.Context(), "main", "tree/dir/secret"); err == nil {
		t.Errorf("Read(tree/dir/secret) = %q", data)
	}
	if _, err := r.Commit(t.Context(), nil, reposit.Copy("tree/dir", "copied")); err == nil {
		t.Error("Copy(tree/dir) out of a submodule = nil")
	}
}

// checkShallow ends a history at a commit whose parent only another repository has.
func checkShallow(t *testing.T, r *reposit.Repo, secret *reposit.Commit, content string) {
	t.Helper()
	s := storerOf(t, r)
	o := memoryObject(plumbing.CommitObject, content)
	if err := s.SetShallow([]plumbing.Hash{o.Hash()}); err != nil {
		t.Fatal(err)
	}
	h, err := s.SetEncodedObject(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetReference(hashRef("refs/heads/x", h)); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("SetReference() of the end of a shallow history = %v, want %v", err, reposit.ErrNotFound)
	}
	if err := writePack(storerOf(t, r), encodePack(t, o)); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("a pack with the end of a shallow history = %v, want %v", err, reposit.ErrInvalid)
	}
}

// TestUploadsAreOwn gives a Storer the bytes that another repository has: they are taken as if they were new.
func TestUploadsAreOwn(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		r, fork, secret := hidden(t, st)
		from := storerOf(t, fork)
		copyTo := func(to gogitstorage.Storer, hashes ...reposit.Hash) {
			t.Helper()
			for _, h := range hashes {
				o, err := from.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
				if err == nil {
					_, err = to.SetEncodedObject(o)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		dir, err := fork.Resolve(t.Context(), "main:dir")
		if err != nil {
			t.Fatal(err)
		}
		s := storerOf(t, r)
		copyTo(s, secret.Hash, secret.Tree, dir)
		if err := s.SetReference(hashRef("refs/heads/x", plumbing.Hash(secret.Hash))); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("SetReference() without the blob = %v, want %v", err, reposit.ErrNotFound)
		}
		blob := blobHash("secret\n")
		copyTo(s, blob)
		if _, err := r.Resolve(t.Context(), blob.String()); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("Resolve() before a ref leads there = %v, want %v", err, reposit.ErrNotFound)
		}
		if err := s.SetReference(hashRef("refs/heads/x", plumbing.Hash(secret.Hash))); err != nil {
			t.Errorf("SetReference() of all that it takes = %v", err)
		}
		if data, err := r.Read(t.Context(), "x", "dir/secret"); err != nil || string(data) != "secret\n" {
			t.Errorf("Read() = %q, %v", data, err)
		}
		for _, h := range []reposit.Hash{blob, dir, secret.Hash} {
			if _, err := r.Resolve(t.Context(), h.String()); err != nil {
				t.Errorf("Resolve(%s) = %v", h, err)
			}
		}
		if err := r.Branches().Delete(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := storerOf(t, r).EncodedObject(plumbing.AnyObject,
			plumbing.Hash(blob)); err != plumbing.ErrObjectNotFound {
			t.Errorf("EncodedObject() after the branch is gone = %v, want %v", err, plumbing.ErrObjectNotFound)
		}
		if _, err := s.EncodedObject(plumbing.AnyObject, plumbing.Hash(blob)); err != nil {
			t.Errorf("EncodedObject() by who stored it = %v", err)
		}
	})
}

// TestDeletedAtOnce reads through one Storer while branches go.
func TestDeletedAtOnce(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "gone", nil)
		write(t, r, "a", "a")
		reader := r // as the host, which sees logs: they go with the branch
		c := commit(t, r, &reposit.CommitOptions{Branch: "b", Message: "m"}, reposit.Put("dir/b", []byte("b")))
		s := storerOf(t, reader)
		o, err := object.GetCommit(s, plumbing.Hash(c.Hash))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := o.Tree()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tree.File("dir/b"); err != nil {
			t.Fatal(err)
		}
		if err := r.Branches().Delete(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		for _, h := range []reposit.Hash{c.Hash, c.Tree, blobHash("b")} {
			if err := s.HasEncodedObject(plumbing.Hash(h)); err != plumbing.ErrObjectNotFound {
				t.Errorf("HasEncodedObject(%s) after the branch is gone = %v, want %v", h, err, plumbing.ErrObjectNotFound)
			}
		}
	})
}

// TestDoorsFromOutside moves refs as git would, beside an open store.
func TestDoorsFromOutside(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	st := openStore(t, b, dir, nil)
	r := create(t, st, "outside", nil)
	write(t, r, "a", "1")
	side := commit(t, r, &reposit.CommitOptions{Branch: "side", Message: "m"}, reposit.Put("b", []byte("2")))
	reader, err := st.As(reposit.Anonymous).RepoByID(t.Context(), r.ID())
	if err != nil {
		t.Fatal(err)
	}
	check := func(want error) {
		t.Helper()
		for _, h := range []reposit.Hash{side.Hash, side.Tree, blobHash("2")} {
			if _, err := reader.Resolve(t.Context(), h.String()); !errors.Is(err, want) {
				t.Errorf("Resolve(%s) = %v, want %v", h, err, want)
			}
		}
	}
	check(nil)
	bare := filepath.Join(dir, "repos", storageID(r).String()+".git")
	git(t, bare, nil, "update-ref", "-d", "refs/heads/side")
	check(reposit.ErrNotFound)
	git(t, bare, nil, "update-ref", "refs/tags/back", side.Hash.String())
	check(nil)
}

// TestStorerSessions stages a file and moves the ref of a submodule by one Storer, and goes on with others.
func TestStorerSessions(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		r, fork, _ := hidden(t, st)
		s := storerOf(t, r)
		staged := setObject(s, plumbing.BlobObject, "staged")
		index := &index.Index{Version: 2, Entries: []*index.Entry{{Name: "x", Hash: staged, Mode: filemode.Regular}}}
		if err := s.SetIndex(index); err != nil {
			t.Fatal(err)
		}
		sub, err := s.Module("sub")
		if err != nil {
			t.Fatal(err)
		}
		tagged := setObject(sub, plumbing.BlobObject, "tagged")
		if err := sub.SetReference(hashRef("refs/tags/x", tagged)); err != nil {
			t.Fatal(err)
		}
		has := func(r *reposit.Repo, h plumbing.Hash, want error) {
			t.Helper()
			if err := storerOf(t, r).HasEncodedObject(h); err != want {
				t.Errorf("HasEncodedObject(%s) = %v, want %v", h, err, want)
			}
			if _, err := r.Resolve(t.Context(), h.String()); !errors.Is(err, reposit.ErrNotFound) {
				t.Errorf("Resolve(%s) = %v, want %v", h, err, reposit.ErrNotFound)
			}
		}
		has(r, staged, nil)
		has(r, tagged, nil)
		other := storerOf(t, fork)
		if err := other.SetIndex(index); err != nil { // an index may name anything, but that gives nothing
			t.Fatal(err)
		}
		has(fork, staged, plumbing.ErrObjectNotFound)
		has(fork, tagged, plumbing.ErrObjectNotFound)
		index.Entries = nil
		if err := storerOf(t, r).SetIndex(index); err != nil {
			t.Fatal(err)
		}
		has(r, staged, plumbing.ErrObjectNotFound)
		sub, err = storerOf(t, r).Module("sub")
		if err == nil {
			err = sub.RemoveReference("refs/tags/x")
		}
		if err != nil {
			t.Fatal(err)
		}
		has(r, tagged, plumbing.ErrObjectNotFound)
	})
}

// TestSizesTellNothing has one fork bring by a Storer what another one holds, and something else of the same size.
func TestSizesTellNothing(t *testing.T) {
	r, fork, _ := hidden(t, openMemory(t, nil))
	grown := func(content string) int64 {
		t.Helper()
		before, err := r.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := storerOf(t, r)
		h := setObject(s, plumbing.BlobObject, content)
		pack := encodePack(t, memoryObject(plumbing.BlobObject, content+"!"))
		if err := errors.Join(writePack(s, pack), s.SetReference(hashRef("refs/tags/"+h.String(), h))); err != nil {
			t.Fatal(err)
		}
		after, err := r.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return after.Size - before.Size
	}
	commit(t, fork, nil, reposit.Put("pin", []byte("1234!")), reposit.Put("pin2", []byte("1234")))
	if right, wrong := grown("1234"), grown("4321"); right != wrong {
		t.Errorf("what another fork holds takes %d bytes, something else %d", right, wrong)
	}
}
