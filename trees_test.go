package reposit_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/catalog"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// plant puts objects into a store behind its back, the last of them a commit, and makes a branch name that.
func plant(t *testing.T, st *store, r *reposit.Repo, branch string, objects ...storage.Object) storage.Hash {
	t.Helper()
	var last storage.Hash
	err := st.backend.Update(t.Context(), func(tx storage.Tx) error {
		found, err := catalog.LoadEntry(tx, storageID(r))
		if err != nil {
			return err
		}
		for _, o := range objects {
			if o.Hash, err = gitobject.Sum(o.Type, o.Data); err != nil {
				return err
			}
			o.Size = int64(len(o.Data))
			if _, err := tx.PutObject(found.Pool, o); err != nil {
				return err
			}
			last = o.Hash
		}
		found.Moved()
		if err := found.Store(tx); err != nil {
			return err
		}
		return tx.PutRef(storageID(r), storage.Ref{Name: "refs/heads/" + branch, Hash: last}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

func sumOf(t *testing.T, typ storage.Type, data string) storage.Hash {
	t.Helper()
	h, err := gitobject.Sum(typ, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestTreesThatClimb reads trees whose entries have names that lead out of them, or round in circles, as git could
// have pushed them into a directory of billyfs. Every door says which tree it is, and none yields the entry.
func TestTreesThatClimb(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		st := open(nil)
		for i, name := range []string{".", "..", "a/b", ".git", ".GIT", "git~1", ".g\u200cit", "a\\.git"} {
			r := create(t, st, fmt.Sprintf("climbs-%d", i), nil)
			blob := "x"
			blobHash := sumOf(t, storage.Blob, blob)
			leaf := "100644 a\x00" + string(blobHash[:])
			leafHash := sumOf(t, storage.Tree, leaf)
			bad := "40000 " + name + "\x00" + string(leafHash[:])
			badHash := sumOf(t, storage.Tree, bad)
			root := "40000 dir\x00" + string(badHash[:])
			c := fmt.Sprintf("tree %s\nauthor %scommitter %s\nx\n", sumOf(t, storage.Tree, root), personLine, personLine)
			plant(t, st, r, "main", storage.Object{Type: storage.Blob, Data: []byte(blob)},
				storage.Object{Type: storage.Tree, Data: []byte(leaf)}, storage.Object{Type: storage.Tree, Data: []byte(bad)},
				storage.Object{Type: storage.Tree, Data: []byte(root)}, storage.Object{Type: storage.Commit, Data: []byte(c)})
			for door, read := range treeDoors(t, r, plumbing.Hash(badHash)) {
				err := read()
				if !errors.Is(err, reposit.ErrCorrupt) {
					t.Errorf("%s of a tree with %q = %v, want ErrCorrupt", door, name, err)
				} else if text := err.Error(); !strings.Contains(text, badHash.String()) ||
					!strings.Contains(text, fmt.Sprintf("%q", name)) {
					t.Errorf("%s of a tree with %q = %v, want the tree and the entry", door, name, err)
				}
			}
		}
	})
}

// treeDoors are ways to read a tree that stands at "dir" of the default branch.
func treeDoors(t *testing.T, r *reposit.Repo, tree plumbing.Hash) map[string]func() error {
	ctx := t.Context()
	view, err := r.FS(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	s := storerOf(t, r)
	return map[string]func() error{
		"ReadDir": func() error { _, err := fs.ReadDir(view, "dir"); return err },
		"Open":    func() error { _, err := view.Open("dir"); return err },
		"WalkDir": func() error {
			return fs.WalkDir(view, ".", func(_ string, _ fs.DirEntry, err error) error { return err })
		},
		"CopyFS": func() error { return os.CopyFS(t.TempDir(), view) },
		"List":   func() error { _, err := r.List(ctx, "", "dir"); return err },
		"Walk": func() error {
			for _, err := range r.Walk(ctx, "", "") {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"Read":      func() error { _, err := r.Read(ctx, "", "dir/a"); return err },
		"Stat":      func() error { _, err := r.Stat(ctx, "", "dir/a"); return err },
		"Languages": func() error { _, err := r.Languages(ctx, ""); return err },
		"Archive":   func() error { return r.Archive(ctx, io.Discard, &reposit.ArchiveOptions{Format: reposit.Tar}) },
		"Storer": func() error {
			_, err := s.EncodedObject(plumbing.TreeObject, tree)
			return err
		},
		"DeltaObject": func() error {
			_, err := s.(gogitstorer.DeltaObjectStorer).DeltaObject(plumbing.TreeObject, tree)
			return err
		},
	}
}

// TestDeepTrees stores trees that are nested deeper than any stack, the outermost first. Those that fit into the memory
// of a Storer are kept, and nobody follows them beyond git's own bound.
func TestDeepTrees(t *testing.T) {
	t.Parallel()
	many, few := 300_000, 50_000
	if testing.Short() {
		many, few = 0, 5_000
	}
	hashes := make([]plumbing.Hash, max(many, few)+1) // hashes[i] has i trees below it
	contents := func(i int) string {
		if i == 0 {
			return ""
		}
		return "40000 d\x00" + string(hashes[i-1][:])
	}
	for i := range hashes {
		hashes[i] = plumbing.ComputeHash(plumbing.TreeObject, []byte(contents(i)))
	}
	st := openMemory(t, nil)
	r := create(t, st, "deep", nil)
	s := storerOf(t, r)
	set := func(from int) (err error) {
		for i := from; i >= 0 && err == nil; i-- {
			_, err = s.SetEncodedObject(memoryObject(plumbing.TreeObject, contents(i)))
		}
		return err
	}
	if err := set(many); many > 0 && !errors.Is(err, reposit.ErrTooLarge) {
		t.Errorf("SetEncodedObject(%d nested trees) = %v, want ErrTooLarge", many, err)
	}
	s = storerOf(t, r)
	if err := set(few); err != nil {
		t.Fatal(err)
	}
	by := object.Signature{Name: "A", Email: "a@example.com", When: newYear}
	made := s.NewEncodedObject()
	if err := (&object.Commit{Author: by, Committer: by, TreeHash: hashes[few]}).Encode(made); err != nil {
		t.Fatal(err)
	}
	h, err := s.SetEncodedObject(made)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetReference(hashRef("refs/heads/main", h)); err != nil {
		t.Fatal(err)
	}
	for door, read := range treeDoors(t, r, hashes[few]) {
		switch door {
		case "CopyFS", "Storer", "DeltaObject", "ReadDir", "Open", "List", "Read", "Stat", "Languages":
			continue // those follow no more than they are told, need the disk, or know of no languages then
		}
		if err := read(); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("%s of %d nested trees = %v, want ErrTooLarge", door, few, err)
		}
	}
}
