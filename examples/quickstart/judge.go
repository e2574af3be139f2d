package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/reposit/reposit"
)

// judge copies the repository into a bare one on disk, by go-git's own interfaces, and asks git whether it is sound.
func judge(ctx context.Context, repo *reposit.Repo, dir string, p *printer) error {
	git, err := exec.LookPath("git")
	if err != nil {
		p.note("git is not installed: its verdict is left out")
		return nil
	}
	if out, err := exec.CommandContext(ctx, git, "init", "--quiet", "--bare", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("git init: %w: %s", err, out)
	}
	if err := export(ctx, repo, dir); err != nil {
		return err
	}
	p.step("exported to a bare repository, by go-git")

	out, err := exec.CommandContext(ctx, git, "-C", dir, "fsck", "--strict", "--no-progress").CombinedOutput()
	if err != nil {
		return fmt.Errorf("git fsck: %w: %s", err, out)
	}
	count, err := exec.CommandContext(ctx, git, "-C", dir, "rev-list", "--all", "--count").Output()
	if err != nil {
		return fmt.Errorf("git rev-list: %w", err)
	}
	p.step("git fsck --strict finds %s commits sound", strings.TrimSpace(string(count)))
	return nil
}

// export writes all objects into one pack, then the refs.
func export(ctx context.Context, repo *reposit.Repo, dir string) (err error) {
	src, err := repo.Storer(ctx)
	if err != nil {
		return err
	}
	dst := filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRUDefault())
	var hashes []plumbing.Hash
	objects, err := src.IterEncodedObjects(plumbing.AnyObject)
	if err != nil {
		return err
	}
	err = objects.ForEach(func(o plumbing.EncodedObject) error {
		hashes = append(hashes, o.Hash())
		return nil
	})
	if err != nil {
		return err
	}
	pack, err := dst.PackfileWriter()
	if err != nil {
		return err
	}
	_, err = packfile.NewEncoder(pack, src, false).Encode(hashes, 0)
	if err := errors.Join(err, pack.Close()); err != nil {
		return err
	}
	return copyRefs(src, dst)
}

func copyRefs(src, dst storer.ReferenceStorer) error {
	refs, err := src.IterReferences()
	if err != nil {
		return err
	}
	return refs.ForEach(dst.SetReference)
}
