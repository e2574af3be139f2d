package reposit_test

import (
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/revlist"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/reposit/reposit"
)

// storerOf returns the repository as go-git sees it.
func storerOf(t testing.TB, r *reposit.Repo) gogitstorage.Storer {
	t.Helper()
	s, err := r.Storer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// exportToDisk writes all that the refs of a storer lead to, and the refs, into an ordinary bare repository in dir.
// Unlike store.export, it knows nothing but go-git.
func exportToDisk(t testing.TB, from gogitstorage.Storer, dir string) {
	t.Helper()
	disk := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	if _, err := gogit.Init(disk, nil); err != nil {
		t.Fatal(err)
	}
	refs := references(t, from)
	var tips []plumbing.Hash
	for _, r := range refs {
		if r.Type() == plumbing.HashReference {
			tips = append(tips, r.Hash())
		}
	}
	hashes, err := revlist.Objects(from, tips, nil)
	if err != nil {
		t.Fatalf("objects that the refs lead to: %v", err)
	}
	for _, h := range hashes {
		o, err := from.EncodedObject(plumbing.AnyObject, h)
		if err == nil {
			_, err = disk.SetEncodedObject(o)
		}
		if err != nil {
			t.Fatalf("object %s: %v", h, err)
		}
	}
	for _, r := range refs {
		if err := disk.SetReference(r); err != nil {
			t.Fatalf("ref %s: %v", r, err)
		}
	}
}

func references(t testing.TB, s gogitstorage.Storer) []*plumbing.Reference {
	t.Helper()
	it, err := s.IterReferences()
	if err != nil {
		t.Fatal(err)
	}
	var refs []*plumbing.Reference
	if err := it.ForEach(func(r *plumbing.Reference) error { refs = append(refs, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return refs
}
