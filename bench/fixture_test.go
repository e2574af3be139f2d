package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/reposit/reposit/reposittest"
)

// fixtureFiles is how many files the fixture of a test has; each of its three commits writes some of them.
const fixtureFiles = 20

func fixtureFile(i, n int) (path, text string) {
	return fmt.Sprintf("dir%d/file%d.txt", i%4, i), strings.Repeat(fmt.Sprintf("line %d of %d\n", i, n), 20)
}

// BenchmarkFixture makes a repository of 20 files and 3 commits for a test: of an archive by reposittest, and by
// go-git's worktree and storage in memory.
func BenchmarkFixture(b *testing.B) {
	var archive strings.Builder
	for n := range 3 {
		fmt.Fprintf(&archive, "-- commit: number %d --\n", n)
		for i := range fixtureFiles {
			if n == 0 || i%3 == n {
				path, text := fixtureFile(i, n)
				fmt.Fprintf(&archive, "-- %s --\n%s", path, text)
			}
		}
	}
	b.Run("reposittest", func(b *testing.B) {
		b.ReportAllocs()
		done := reportCPU(b)
		for b.Loop() {
			s := reposittest.New(b, nil)
			reposittest.Repo(b, s, archive.String())
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		}
		done()
	})
	b.Run("go-git", func(b *testing.B) {
		b.ReportAllocs()
		done := reportCPU(b)
		for b.Loop() {
			goGitFixture(b)
		}
		done()
	})
}

func goGitFixture(b *testing.B) {
	files := memfs.New()
	repo, err := git.Init(memory.NewStorage(), files)
	if err != nil {
		b.Fatal(err)
	}
	w, err := repo.Worktree()
	if err != nil {
		b.Fatal(err)
	}
	author := object.Signature{Name: "reposit", Email: "reposit@localhost", When: reposittest.Epoch}
	for n := range 3 {
		for i := range fixtureFiles {
			if n > 0 && i%3 != n {
				continue
			}
			path, text := fixtureFile(i, n)
			if err := util.WriteFile(files, path, []byte(text), 0o644); err != nil {
				b.Fatal(err)
			}
			if _, err := w.Add(path); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Commit(fmt.Sprintf("number %d", n), &git.CommitOptions{Author: &author}); err != nil {
			b.Fatal(err)
		}
	}
}
