package bench

import (
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

var author = object.Signature{Name: "reposit", Email: "reposit@localhost", When: time.Unix(1700000000, 0)}

// benchmarkWorktree commits one file as go-git's users do: through its worktree, on memfs.
func benchmarkWorktree(b *testing.B) {
	fs := memfs.New()
	repo, err := gogit.Init(memory.NewStorage(), fs)
	if err != nil {
		b.Fatal(err)
	}
	tree, err := repo.Worktree()
	if err != nil {
		b.Fatal(err)
	}
	for i := range tenThousand.dirs * tenThousand.files {
		if err := util.WriteFile(fs, tenThousand.path(i), content(i), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	if err := tree.AddGlob("."); err != nil {
		b.Fatal(err)
	}
	if _, err := tree.Commit("fill", &gogit.CommitOptions{Author: &author}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		path := tenThousand.path(i * 7)
		if err := util.WriteFile(fs, path, content(i+1000000), 0o644); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.Add(path); err != nil {
			b.Fatal(err)
		}
		if _, err := tree.Commit("change", &gogit.CommitOptions{Author: &author}); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkBareStorer commits one file as go-git allows at its best: straight into its storage in memory, reading
// and writing the two trees and the commit by its own object types.
func benchmarkBareStorer(b *testing.B) {
	s := memory.NewStorage()
	var root object.Tree
	for d := range tenThousand.dirs {
		var dir object.Tree
		for f := range tenThousand.files {
			i := d*tenThousand.files + f
			dir.Entries = append(dir.Entries, object.TreeEntry{
				Name: tenThousand.path(i)[7:], Mode: filemode.Regular, Hash: storeBlob(b, s, content(i)),
			})
		}
		root.Entries = append(root.Entries, object.TreeEntry{
			Name: tenThousand.path(d * tenThousand.files)[:6], Mode: filemode.Dir, Hash: storeObject(b, s, &dir),
		})
	}
	tip := storeObject(b, s, &object.Commit{Author: author, Committer: author, Message: "fill",
		TreeHash: storeObject(b, s, &root)})
	main := plumbing.NewBranchReferenceName("main")
	if err := s.SetReference(plumbing.NewHashReference(main, tip)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		old, err := s.Reference(main)
		if err != nil {
			b.Fatal(err)
		}
		parent, err := object.GetCommit(s, old.Hash())
		if err != nil {
			b.Fatal(err)
		}
		root, err := object.GetTree(s, parent.TreeHash)
		if err != nil {
			b.Fatal(err)
		}
		n := i * 7
		d, f := n/tenThousand.files%tenThousand.dirs, n%tenThousand.files
		dir, err := object.GetTree(s, root.Entries[d].Hash)
		if err != nil {
			b.Fatal(err)
		}
		dir.Entries[f].Hash = storeBlob(b, s, content(i+1000000))
		root.Entries[d].Hash = storeObject(b, s, dir)
		c := &object.Commit{
			Author: author, Committer: author, Message: "change",
			TreeHash: storeObject(b, s, root), ParentHashes: []plumbing.Hash{old.Hash()},
		}
		if err := s.CheckAndSetReference(plumbing.NewHashReference(main, storeObject(b, s, c)), old); err != nil {
			b.Fatal(err)
		}
	}
}

type encoder interface {
	Encode(plumbing.EncodedObject) error
}

func storeObject(b *testing.B, s *memory.Storage, e encoder) plumbing.Hash {
	o := s.NewEncodedObject()
	if err := e.Encode(o); err != nil {
		b.Fatal(err)
	}
	h, err := s.SetEncodedObject(o)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

func storeBlob(b *testing.B, s *memory.Storage, data []byte) plumbing.Hash {
	o := s.NewEncodedObject()
	o.SetType(plumbing.BlobObject)
	w, err := o.Writer()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		b.Fatal(err)
	}
	h, err := s.SetEncodedObject(o)
	if err != nil {
		b.Fatal(err)
	}
	return h
}
