package reposit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	fixtures "github.com/go-git/go-git-fixtures/v4"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"
	gogitmemory "github.com/go-git/go-git/v5/storage/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// contents returns the objects of a storer, as "hash type size".
func contents(t testing.TB, s gogitstorer.EncodedObjectStorer) []string {
	t.Helper()
	it, err := s.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	err = it.ForEach(func(o plumbing.EncodedObject) error {
		all = append(all, fmt.Sprintf("%s %s %d", o.Hash(), o.Type(), o.Size()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestStorerPacks reads the packs of go-git's fixtures, and compares with what go-git makes of them.
func TestStorerPacks(t *testing.T) {
	t.Parallel()
	type sample struct {
		name string
		pack []byte
		want []string
	}
	var samples []sample
	for _, f := range fixtures.ByTag("packfile") {
		pack, err := io.ReadAll(f.Packfile())
		if err != nil {
			t.Fatal(err)
		}
		if f.Is("thinpack") || len(pack) > 1<<20 {
			continue
		}
		made := gogitmemory.NewStorage()
		if err := packfile.UpdateObjectStorage(made, bytes.NewReader(pack)); err != nil {
			t.Fatal(err)
		}
		samples = append(samples, sample{f.PackfileHash, pack, contents(t, made)})
	}
	eachKind(t, func(t *testing.T, open opener) {
		st := open(nil)
		for _, f := range samples {
			s := storerOf(t, create(t, st, "pack-"+f.name, nil))
			if err := writePack(s, f.pack); err != nil {
				t.Errorf("pack %s = %v", f.name, err)
			}
			if diff := cmp.Diff(f.want, contents(t, s)); diff != "" {
				t.Errorf("pack %s (-go-git +reposit):\n%s", f.name, diff)
			}
			if len(f.want) > 200 {
				continue
			}
			var again bytes.Buffer
			if _, err := packfile.NewEncoder(&again, s, false).Encode(hashesOf(f.want), 10); err != nil {
				t.Errorf("packing %s again = %v", f.name, err)
			}
			if err := writePack(storerOf(t, create(t, st, "again-"+f.name, nil)), again.Bytes()); err != nil {
				t.Errorf("what was packed again of %s = %v", f.name, err)
			}
		}
	})
}

func hashesOf(contents []string) []plumbing.Hash {
	var hashes []plumbing.Hash
	for _, c := range contents {
		hashes = append(hashes, plumbing.NewHash(c[:40]))
	}
	return hashes
}

// TestStorerThinPacks pushes what git makes against a base.
func TestStorerThinPacks(t *testing.T) {
	needGit(t)
	dir := newGit(t)
	text := strings.Repeat("some line of text\n", 200)
	commitAs := func(content, message string, parents ...string) string {
		blob := git(t, dir, []byte(content), "hash-object", "-w", "--stdin")
		tree := git(t, dir, []byte("100644 blob "+blob+"\tfile\n"), "mktree")
		args := []string{"-c", "user.name=A", "-c", "user.email=a@example.com", "commit-tree", tree, "-m", message}
		for _, p := range parents {
			args = append(args, "-p", p)
		}
		return git(t, dir, nil, args...)
	}
	one := commitAs(text, "one")
	two := commitAs(text+"more\n", "two", one)
	packOf := func(revs string) []byte {
		out, err := tryGit(t, dir, []byte(revs), "pack-objects", "--stdout", "--revs", "--thin", "-q")
		if err != nil {
			t.Fatal(err)
		}
		return []byte(out)
	}
	whole, thin := packOf(one+"\n"), packOf(two+"\n^"+one+"\n")
	if len(thin) > 600 {
		t.Fatalf("the thin pack has %d bytes: it is none", len(thin))
	}
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		other := create(t, st, "other", nil)
		if err := writePack(storerOf(t, other), whole); err != nil {
			t.Fatal(err)
		}
		r := create(t, st, "thin", nil)
		s := storerOf(t, r)
		if err := writePack(s, thin); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("a thin pack whose base only another repository has = %v, want %v", err, reposit.ErrInvalid)
		}
		if n := st.objects(t, storageID(r)); n != 0 {
			t.Errorf("%d objects are left of a refused pack", n)
		}
		for _, pack := range [][]byte{whole, thin} {
			if err := writePack(s, pack); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SetReference(hashRef("refs/heads/main", plumbing.NewHash(two))); err != nil {
			t.Fatal(err)
		}
		if b, err := r.Read(t.Context(), "main", "file"); err != nil || string(b) != text+"more\n" {
			t.Errorf("Read(file) = %d bytes, %v", len(b), err)
		}
		fsck(t, st.export(t, r))
	})
}

// TestStorerPackIsAtomic gives a Storer packs that are damaged in every possible way.
func TestStorerPackIsAtomic(t *testing.T) {
	st := openMemory(t, nil)
	r := create(t, st, "damage", nil)
	pack, err := io.ReadAll(fixtures.Basic().One().Packfile())
	if err != nil {
		t.Fatal(err)
	}
	before := st.digest(t)
	refuse := func(what string, damaged []byte) {
		t.Helper()
		if err := writePack(storerOf(t, r), damaged); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("pack %s = %v, want %v", what, err, reposit.ErrInvalid)
		}
		if after := st.digest(t); after != before {
			t.Fatalf("pack %s left something behind", what)
		}
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	for range 300 {
		at := random.IntN(len(pack))
		damaged := bytes.Clone(pack)
		damaged[at] ^= 1 << random.IntN(8)
		refuse(fmt.Sprintf("with a flipped bit in byte %d", at), damaged)
	}
	for range 100 {
		n := 1 + random.IntN(len(pack)-1)
		refuse(fmt.Sprintf("cut at byte %d", n), pack[:n])
	}
	tree := memoryObject(plumbing.TreeObject, treeOf("100644 a"))
	refuse("with a tree whose file is missing", encodePack(t, tree))
	all := fourObjects()
	refuse("with a commit whose tree is missing", encodePack(t, all[0], all[2]))
	c := memoryObject(plumbing.CommitObject, strings.Replace(someCommit, emptyTree, all[0].Hash().String(), 1))
	refuse("with a commit whose tree is a blob", encodePack(t, all[0], c))
	refuse("with a commit before the blob that is its tree", encodePack(t, c, all[0]))
	if err := writePack(storerOf(t, r), nil); err != nil {
		t.Errorf("pack of no bytes = %v, want nil", err)
	}
	if err := writePack(storerOf(t, r), pack); err != nil {
		t.Errorf("the pack itself = %v", err)
	}
}

func TestStorerShallow(t *testing.T) {
	s := storerOf(t, create(t, openMemory(t, nil), "shallow", nil))
	all := fourObjects()
	c := memoryObject(plumbing.CommitObject, strings.Replace(someCommit, "\nauthor", "\nparent "+emptyTree+"\nauthor", 1))
	pack := encodePack(t, all[1], c)
	if err := writePack(s, pack); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("pack with a commit whose parent is missing = %v, want %v", err, reposit.ErrInvalid)
	}
	if err := s.SetShallow([]plumbing.Hash{c.Hash()}); err != nil {
		t.Fatal(err)
	}
	if err := writePack(s, pack); err == nil {
		err = s.SetReference(hashRef("refs/heads/main", c.Hash()))
		if err != nil {
			t.Errorf("SetReference() = %v", err)
		}
	} else if !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("pack of a shallow history = %v", err)
	}
}

// TestStorerLimits stores what is just over each limit.
func TestStorerLimits(t *testing.T) {
	t.Parallel()
	limits := reposit.Limits{BlobSize: 3 << 20, CommitSize: 8 << 20, RepoSize: 20 << 20}
	eachKind(t, func(t *testing.T, open opener) {
		st := open(&reposit.Options{Limits: limits})
		r := create(t, st, "limits", nil)
		s := storerOf(t, r)
		for _, size := range []int{storage.LargeObject - 1, storage.LargeObject, 3 << 20} {
			o := memoryObject(plumbing.BlobObject, strings.Repeat("x", size))
			h, err := s.SetEncodedObject(o)
			if err != nil || h != o.Hash() {
				t.Errorf("SetEncodedObject(blob of %d bytes) = %v, %v, want %s", size, h, err, o.Hash())
			} else if got := contentOf(t, s, h); len(got) != size {
				t.Errorf("blob of %d bytes has %d", size, len(got))
			}
		}
		over := memoryObject(plumbing.BlobObject, strings.Repeat("y", 3<<20+1))
		if _, err := s.SetEncodedObject(over); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("SetEncodedObject(blob over the limit) = %v, want %v", err, reposit.ErrTooLarge)
		}
		if err := writePack(s, encodePack(t, over)); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("pack with a blob over the limit = %v, want %v", err, reposit.ErrTooLarge)
		}
		if err := writePack(s, make([]byte, 8<<20+1)); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("pack over the limit = %v, want %v", err, reposit.ErrTooLarge)
		}
		var err error
		for i := 0; err == nil && i < 20; i++ {
			o := memoryObject(plumbing.BlobObject, strings.Repeat(string(rune('a'+i)), 2<<20))
			if i%2 == 0 {
				_, err = s.SetEncodedObject(o)
			} else {
				err = writePack(s, encodePack(t, o))
			}
		}
		if !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("storing more than the repository may hold = %v, want %v", err, reposit.ErrTooLarge)
		}
	})
}

// TestStorerLargePack pushes a pack that is too large for memory, with large blobs and deltas of them.
func TestStorerLargePack(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	needGit(t)
	dir := newGit(t)
	content := make([]byte, 18<<20)
	rand.NewChaCha8([32]byte{1}).Read(content)
	var tree strings.Builder
	for i := range 3 {
		name := filepath.Join(t.TempDir(), "content")
		if err := os.WriteFile(name, append(content, fmt.Sprintf("version %d\n", i)...), 0o600); err != nil {
			t.Fatal(err)
		}
		blob := git(t, dir, nil, "hash-object", "-w", name)
		fmt.Fprintf(&tree, "100644 blob %s\tfile%d\n", blob, i)
	}
	want := git(t, dir, []byte(tree.String()), "mktree")
	pack, err := tryGit(t, dir, []byte(want+"\n"), "pack-objects", "--stdout", "--revs", "-q")
	if err != nil || len(pack) > 30<<20 {
		t.Fatalf("git pack-objects makes %d bytes, %v, want a delta", len(pack), err)
	}
	eachKind(t, func(t *testing.T, open opener) {
		st := open(nil)
		r := create(t, st, "large", nil)
		s := storerOf(t, r)
		w, err := s.(gogitstorer.PackfileWriter).PackfileWriter()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, strings.NewReader(pack)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.SetReference(hashRef("refs/tags/large", plumbing.NewHash(want))); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			blob := git(t, dir, nil, "rev-parse", fmt.Sprintf("%s:file%d", want, i))
			if got := contentOf(t, s, plumbing.NewHash(blob)); got != string(content)+fmt.Sprintf("version %d\n", i) {
				t.Errorf("file%d has %d bytes, and not what it had", i, len(got))
			}
		}
		if n := st.objects(t, storageID(r)); n != 4 {
			t.Errorf("%d objects are stored, want 4", n)
		}
	})
}

// TestStorerManyObjects sets more objects than are held back, children first and parents first.
func TestStorerManyObjects(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open opener) {
		for _, order := range []string{"children first", "parents first"} {
			st := open(nil)
			r := create(t, st, "many", nil)
			s := storerOf(t, r)
			all := []*plumbing.MemoryObject{}
			var tree strings.Builder
			for i := range 1000 {
				o := memoryObject(plumbing.BlobObject, fmt.Sprintf("file %d\n", i))
				h := o.Hash()
				all = append(all, o)
				fmt.Fprintf(&tree, "100644 f%04d\x00%s", i, h[:])
			}
			root := memoryObject(plumbing.TreeObject, tree.String())
			c := memoryObject(plumbing.CommitObject, strings.Replace(someCommit, emptyTree, root.Hash().String(), 1))
			all = append(all, root, c)
			if order == "parents first" {
				slices.Reverse(all)
			}
			for _, o := range all {
				if _, err := s.SetEncodedObject(o); err != nil {
					t.Fatal(err)
				}
			}
			if got := contents(t, s); len(got) != len(all) {
				t.Errorf("%s: %d objects are seen, want %d", order, len(got), len(all))
			}
			if err := s.SetReference(hashRef("refs/heads/main", c.Hash())); err != nil {
				t.Errorf("%s: SetReference() = %v", order, err)
			}
			if n := st.objects(t, storageID(r)); n != len(all) {
				t.Errorf("%s: %d objects are stored, want %d", order, n, len(all))
			}
			h := c.Hash()
			type prefixed interface {
				HashesWithPrefix([]byte) ([]plumbing.Hash, error)
			}
			if got, err := s.(prefixed).HashesWithPrefix(h[:4]); err != nil || len(got) != 1 || got[0] != h {
				t.Errorf("%s: HashesWithPrefix(%x) = %v, %v, want %s", order, h[:4], got, err, h)
			}
		}
	})
}
