package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
)

// judge exports the repository to a bare one on disk, and asks git whether it is sound.
func judge(ctx context.Context, repo *reposit.Repo, dir string, p *printer) error {
	git, err := exec.LookPath("git")
	if err != nil {
		p.note("git is not installed: its verdict is left out")
		return nil
	}
	if err := repo.Export(ctx, osfs.New(dir), nil); err != nil {
		return err
	}
	p.step("exported to a bare repository")

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
