package bench

import (
	"context"
	"os/exec"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	gogitstorage "github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/reposit/reposit"
)

func needGit(b *testing.B) string {
	git, err := exec.LookPath("git")
	if err != nil {
		b.Skip("needs git")
	}
	return git
}

func runGit(b *testing.B, git string, args ...string) {
	if out, err := exec.Command(git, args...).CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v: %s", args, err, out)
	}
}

func copyStorer(b *testing.B, src, dst gogitstorage.Storer) {
	objects, err := src.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		b.Fatal(err)
	}
	err = objects.ForEach(func(o plumbing.EncodedObject) error {
		_, err := dst.SetEncodedObject(o)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	copyRefs(b, src, dst)
}

func copyRefs(b *testing.B, src, dst gogitstorage.Storer) {
	refs, err := src.IterReferences()
	if err != nil {
		b.Fatal(err)
	}
	if err := refs.ForEach(dst.SetReference); err != nil {
		b.Fatal(err)
	}
}

// exportDisk writes a repository into a bare one on disk, as one pack that git made.
func exportDisk(b *testing.B, git string, r *reposit.Repo, dir string) {
	runGit(b, git, "init", "--quiet", "--bare", dir)
	src, err := r.Storer(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	dst := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	var hashes []plumbing.Hash
	objects, err := src.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		b.Fatal(err)
	}
	err = objects.ForEach(func(o plumbing.EncodedObject) error {
		hashes = append(hashes, o.Hash())
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	pack, err := dst.PackfileWriter()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := packfile.NewEncoder(pack, src, false).Encode(hashes, 0); err != nil {
		b.Fatal(err)
	}
	if err := pack.Close(); err != nil {
		b.Fatal(err)
	}
	copyRefs(b, src, dst)
	runGit(b, git, "-C", dir, "repack", "-adq")
}
