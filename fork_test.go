package reposit_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// TestFork forks, goes on in parent and fork, and deletes from the root on.
func TestFork(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(&reposit.Options{KeepDeleted: -1})
		ctx := t.Context()
		root := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
		write(t, root, "f", "1")
		fork := func(of *reposit.Repo, owner string) *reposit.Repo {
			t.Helper()
			made, err := of.Fork(ctx, &reposit.ForkOptions{Owner: owner})
			if err != nil {
				t.Fatal(err)
			}
			return made
		}
		bob := fork(root, "bob")
		carl := fork(bob, "carl")
		dora := fork(root, "dora")
		write(t, root, "f", "root")
		write(t, bob, "f", "bob")
		want := map[*reposit.Repo]string{root: "root", bob: "bob", carl: "1", dora: "1"}
		check := func(when string) {
			t.Helper()
			for r, content := range want {
				if data, err := r.Read(ctx, "", "f"); err != nil || string(data) != content {
					t.Errorf("%s: Read() of %s = %q, %v, want %q", when, fullName(t, r), data, err, content)
				}
			}
			checkStore(t, s)
		}
		check("at first")
		wantNetwork(t, root, "ann/x", map[string]string{"bob/x": "ann/x", "carl/x": "bob/x", "dora/x": "ann/x"})

		remove(t, root)
		delete(want, root)
		check("without the root")
		wantNetwork(t, bob, "bob/x", map[string]string{"carl/x": "bob/x", "dora/x": "bob/x"})
		remove(t, bob)
		delete(want, bob)
		check("without two")
		wantNetwork(t, carl, "carl/x", map[string]string{"dora/x": "carl/x"})
		remove(t, carl)
		delete(want, carl)
		check("one left")
		remove(t, dora)
		if n := len(s.records(t)); n > 3 {
			t.Errorf("%d records are left, want those of the store itself", n)
		}
	})
}

// wantNetwork compares the network of a repository with its root and the parent of each fork.
func wantNetwork(t *testing.T, of *reposit.Repo, root string, parents map[string]string) {
	t.Helper()
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName} {
		page, err := of.Network(t.Context(), &reposit.ListOptions{Sort: sort})
		if err != nil || page.TotalCount != len(parents)+1 || len(page.Items) != page.TotalCount {
			t.Fatalf("Network() = %+v, %v, want %d", page, err, len(parents)+1)
		}
		names := map[reposit.ID]string{}
		forks := map[string]int{}
		for _, info := range page.Items {
			names[info.ID] = info.FullName()
			forks[parents[info.FullName()]]++
		}
		for _, info := range page.Items {
			wantSource := root
			if info.FullName() == root {
				wantSource = ""
			}
			parent := parents[info.FullName()]
			if names[info.Parent] != parent || names[info.Source] != wantSource || info.Fork != (parent != "") ||
				info.Forks != forks[info.FullName()] {
				t.Errorf("%s is %+v, want parent %q, source %q, %d forks", info.FullName(), info, parent, wantSource,
					forks[info.FullName()])
			}
		}
	}
	page, err := of.Forks(t.Context(), &reposit.ListOptions{Sort: reposit.SortName})
	var got, want []string
	for _, info := range page.Items {
		got = append(got, info.FullName())
	}
	for name, parent := range parents {
		if parent == fullName(t, of) {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) || page.TotalCount != len(want) {
		t.Errorf("Forks() = %v of %d, %v, want %v", got, page.TotalCount, err, want)
	}
}

// TestForkAccess forks what is private.
func TestForkAccess(t *testing.T) {
	s := openMemory(t, nil)
	ctx := t.Context()
	no, yes := false, true
	secret := create(t, s, "x", &reposit.CreateOptions{Owner: "ann", Private: true})
	if _, err := secret.Fork(ctx, &reposit.ForkOptions{Owner: "bob", Private: &no}); !errors.Is(err,
		reposit.ErrForbidden) {
		t.Errorf("Fork() to a public one = %v, want %v", err, reposit.ErrForbidden)
	}
	fork, err := secret.Fork(ctx, &reposit.ForkOptions{Owner: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := fork.Info(ctx)
	if err != nil || !info.Private || info.Parent != secret.ID() {
		t.Errorf("Info() = %+v, %v, want a private fork", info, err)
	}
	s.grant(t, secret, "bob", reposit.Read)
	s.grant(t, fork, "dan", reposit.Read)
	asBob, asDan := s.repoAs(t, fork, "bob"), s.repoAs(t, fork, "dan")
	if info, err := asDan.Info(ctx); err != nil || !info.Fork || info.Parent != "" || info.Source != "" {
		t.Errorf("Info() = %+v, %v, want a fork of what can't be seen", info, err)
	}
	if page, err := asDan.Network(ctx, nil); err != nil || page.TotalCount != 1 {
		t.Errorf("Network() = %+v, %v, want the fork alone", page, err)
	}
	if _, err := asBob.Fork(ctx, nil); !errors.Is(err, reposit.ErrExists) {
		t.Errorf("Fork() to the same name = %v, want %v", err, reposit.ErrExists)
	}
	if _, err := asBob.Fork(ctx, &reposit.ForkOptions{Owner: "carl"}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Fork() to another owner = %v, want %v", err, reposit.ErrForbidden)
	}

	// A public repository counts and lists private forks for those alone who may read them.
	open := create(t, s, "open", &reposit.CreateOptions{Owner: "ann"})
	for i, private := range []*bool{&yes, &no, nil, &yes} {
		if _, err := open.Fork(ctx, &reposit.ForkOptions{Owner: fmt.Sprint("u", i), Private: private}); err != nil {
			t.Fatal(err)
		}
	}
	for actor, want := range map[*reposit.Store]int{s.Store: 4, s.As(reposit.Anonymous): 2, s.As(reposit.User("u0")): 3} {
		r, err := actor.Repo(ctx, "ann/open")
		if err != nil {
			t.Fatal(err)
		}
		info, err := r.Info(ctx)
		if err != nil || info.Forks != want {
			t.Errorf("Info().Forks = %d, %v, want %d", info.Forks, err, want)
		}
		for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortPushed} {
			if page, err := r.Forks(ctx, &reposit.ListOptions{Sort: sort}); err != nil || page.TotalCount != want ||
				len(page.Items) != want {
				t.Errorf("Forks() = %d of %d, %v, want %d", len(page.Items), page.TotalCount, err, want)
			}
		}
	}
	checkStore(t, s)
}

// TestForksSeen counts private forks for users who may read fewer private repositories than there are forks, and more.
func TestForksSeen(t *testing.T) {
	s := openMemory(t, nil)
	ctx := t.Context()
	yes := true
	root := create(t, s, "open", &reposit.CreateOptions{Owner: "ann"})
	want := map[string]int{"u0": 1, "granted": 1, "member": 2, "rich": 1, "nobody": 0}
	var forks []*reposit.Repo
	for i := range 8 {
		owner := fmt.Sprint("u", i)
		if i == 7 {
			owner = "rich"
		}
		fork, err := root.Fork(ctx, &reposit.ForkOptions{Owner: owner, Private: &yes})
		if err != nil {
			t.Fatal(err)
		}
		forks = append(forks, fork)
	}
	for i := range 20 {
		create(t, s, fmt.Sprint("other", i), &reposit.CreateOptions{Owner: "rich", Private: true})
	}
	create(t, s, "other", &reposit.CreateOptions{Owner: "u0", Private: true})
	for _, login := range []string{"granted", "member"} {
		if err := s.Users().Put(ctx, reposit.Profile{Login: login}); err != nil {
			t.Fatal(err)
		}
	}
	if err := forks[1].Collaborators().Add(ctx, "granted", reposit.Read); err != nil {
		t.Fatal(err)
	}
	team := reposit.Team{Owner: "u2", Name: "t", Permission: reposit.Read, Members: []string{"member"},
		Repos: []reposit.ID{forks[2].ID()}}
	if err := s.Teams().Put(ctx, team); err != nil {
		t.Fatal(err)
	}
	if err := forks[3].Collaborators().Add(ctx, "member", reposit.Write); err != nil {
		t.Fatal(err)
	}
	for login, want := range want {
		r, err := s.As(reposit.User(login)).Repo(ctx, "ann/open")
		if err != nil {
			t.Fatal(err)
		}
		if info, err := r.Info(ctx); err != nil || info.Forks != want {
			t.Errorf("Info().Forks = %d, %v for %s, want %d", info.Forks, err, login, want)
		}
		if page, err := r.Forks(ctx, nil); err != nil || page.TotalCount != want {
			t.Errorf("Forks().TotalCount = %d, %v for %s, want %d", page.TotalCount, err, login, want)
		}
	}
}

// TestForkSize holds that a repository does not tell, by how it grows, what others of its network hold.
func TestForkSize(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		root := create(t, s, "x", &reposit.CreateOptions{Owner: "ann"})
		write(t, root, "f", "1")
		forks := make([]*reposit.Repo, 2)
		for i := range forks {
			var err error
			if forks[i], err = root.Fork(t.Context(), &reposit.ForkOptions{Owner: fmt.Sprint("u", i)}); err != nil {
				t.Fatal(err)
			}
		}
		large := bytes.Repeat([]byte("0123456789abcdef"), storage.LargeObject/8)
		grows := func(r *reposit.Repo, small, large []byte) int64 {
			before, err := r.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Commit(t.Context(), nil, reposit.Put("g", small),
				reposit.PutReader("h", bytes.NewReader(large))); err != nil {
				t.Fatal(err)
			}
			after, err := r.Info(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return after.Size - before.Size
		}
		first := grows(forks[0], []byte("secret"), large)
		same := grows(forks[1], []byte("secret"), large)
		if first != same || first < int64(len(large)) {
			t.Errorf("a fork grows by %d bytes for what is new to the network, and by %d for what is not", first, same)
		}
	})
}

func fullName(t testing.TB, r *reposit.Repo) string {
	t.Helper()
	info, err := r.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.FullName()
}

// TestForkStaysPrivate holds that the fork of a private repository can't be made public as long as that is private.
func TestForkStaysPrivate(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", &reposit.CreateOptions{Owner: "ann", Private: true})
	s.grant(t, r, "bob", reposit.Read)
	fork := must(s.repoAs(t, r, "bob").Fork(ctx, nil))(t)
	publish := func() error {
		_, err := fork.Update(ctx, &reposit.RepoUpdate{Private: ref(false)})
		return err
	}
	if err := publish(); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Update(Private: false) = %v, want %v", err, reposit.ErrForbidden)
	}
	must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(false)}))(t)
	if err := publish(); err != nil {
		t.Errorf("Update(Private: false) when the parent is public = %v", err)
	}
	must(fork.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	must(r.Update(ctx, &reposit.RepoUpdate{Private: ref(true)}))(t)
	remove(t, r)
	if err := publish(); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("Update(Private: false) of one whose parent is gone = %v, want %v", err, reposit.ErrNotFound)
	}
	fork = must(s.RepoByID(ctx, fork.ID()))(t)
	if err := publish(); err != nil {
		t.Errorf("Update(Private: false) of one that is no fork any more, by the host = %v", err)
	}
	checkStore(t, s)
}

// TestForkOfShallow holds that nobody gets at a commit by naming it as a missing parent, and having someone bring it to
// a fork.
func TestForkOfShallow(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	base := write(t, r, "f", "x")
	st := must(r.Storer(ctx))(t)
	ends := &plumbing.MemoryObject{}
	ends.SetType(plumbing.CommitObject)
	fmt.Fprintf(ends, "tree %s\nparent %040x\nauthor a <a@a> 1 +0000\ncommitter a <a@a> 1 +0000\n\nm\n", base.Tree, 1)
	err := st.SetShallow([]plumbing.Hash{ends.Hash()})
	if err == nil {
		_, err = st.SetEncodedObject(ends)
	}
	if err == nil {
		err = st.SetReference(plumbing.NewHashReference("refs/heads/shallow", ends.Hash()))
	}
	if err == nil {
		err = st.SetShallow(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Fork() = %v, want %v", err, reposit.ErrForbidden)
	}
}

// TestForkTellsNoSize holds that what go-git stores adds the same to a repository's size, whether or not a fork has it.
func TestForkTellsNoSize(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	write(t, r, "f", "x")
	fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
	blob := func(b byte, size int) *plumbing.MemoryObject {
		o := &plumbing.MemoryObject{}
		o.SetType(plumbing.BlobObject)
		o.Write(bytes.Repeat([]byte{b}, size))
		return o
	}
	const large, small = storage.LargeObject + 1, 100
	for _, size := range []int{large, small} {
		must(fork.Write(ctx, fmt.Sprint(size), bytes.Repeat([]byte{'a'}, size), "m"))(t)
	}
	n := 0
	set := func(st gogitstorage.Storer, o plumbing.EncodedObject) error {
		h, err := st.SetEncodedObject(o)
		if err == nil {
			n++
			err = st.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(fmt.Sprint("refs/tags/", n)), h))
		}
		return err
	}
	for name, store := range map[string]func(st gogitstorage.Storer, b byte) error{
		"a large blob": func(st gogitstorage.Storer, b byte) error { return set(st, blob(b, large)) },
		"a pack": func(st gogitstorage.Storer, b byte) error {
			if err := writePack(st, encodePack(t, blob(b, small))); err != nil {
				return err
			}
			return set(st, blob(b, small))
		},
		"what was held back": func(st gogitstorage.Storer, b byte) error {
			_, err := st.SetEncodedObject(blob(b, small))
			if err == nil {
				err = closeAll(st.(io.Closer))
			}
			if err == nil {
				err = set(st, blob(b, small))
			}
			return err
		},
	} {
		var grown [2]int64
		for i, b := range []byte{'a', 'b'} { // the fork has one, and not the other
			clone := must(r.Fork(ctx, &reposit.ForkOptions{Owner: fmt.Sprintf("c%d", i)}))(t)
			before := must(clone.Info(ctx))(t).Size
			if err := store(must(clone.Storer(ctx))(t), b); err != nil {
				t.Fatal(err)
			}
			grown[i] = must(clone.Info(ctx))(t).Size - before
			remove(t, clone)
		}
		if grown[0] != grown[1] || grown[0] == 0 {
			t.Errorf("%s grows by %d what a fork has, and by %d what none has", name, grown[0], grown[1])
		}
	}
}

// TestForkAbbreviations holds that the abbreviated hash in an archive does not tell what a fork holds.
func TestForkAbbreviations(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	who := reposit.Signature{Name: "n", Email: "e@e", When: time.Unix(1e9, 0).UTC()}
	files := []reposit.Change{
		reposit.Put(".gitattributes", []byte("f export-subst")), reposit.Put("f", []byte("$Format:%h$")),
	}
	tree := commit(t, create(t, s, "scratch", nil), nil, files...).Tree
	const tries = 1 << 16 // of each; 28 bits must be the same
	sum := func(kind, body string) (h [20]byte) {
		return sha1.Sum([]byte(fmt.Sprintf("%s %d\x00%s", kind, len(body), body)))
	}
	messages := map[string]string{}
	for i := range tries {
		message := fmt.Sprint("m", i)
		h := sum("commit", fmt.Sprintf("tree %s\nauthor n <e@e> 1000000000 +0000\ncommitter n <e@e> 1000000000 +0000\n\n%s",
			tree, message))
		messages[fmt.Sprintf("%x", h)[:7]] = message
	}
	for i := range tries {
		content := fmt.Sprint("b", i)
		message, ok := messages[fmt.Sprintf("%x", sum("blob", content))[:7]]
		if !ok {
			continue
		}
		r := create(t, s, "r", nil)
		tip := commit(t, r, &reposit.CommitOptions{Message: message, Author: &who}, files...)
		fork := must(r.Fork(ctx, &reposit.ForkOptions{Owner: "bob"}))(t)
		made := commit(t, fork, nil, reposit.Put("b", []byte(content)))
		for of, want := range map[*reposit.Repo]string{r: tip.Hash.String()[:7], fork: tip.Hash.String()[:8]} {
			var b bytes.Buffer
			if err := of.Archive(ctx, &b, &reposit.ArchiveOptions{Format: reposit.Tar, Revision: tip.Hash.String(),
				Paths: []string{"f"}}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(b.Bytes(), []byte("\x00"+want+"\x00")) {
				t.Errorf("the archive of %s beside %s does not hold %q", tip.Hash, made.Hash, want)
			}
		}
		return
	}
	t.Fatal("no two hashes begin alike")
}
