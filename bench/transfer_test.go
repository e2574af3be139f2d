package bench

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

var realRepo = flag.String("real", "", "a bare repository that BenchmarkTransfer moves, in place of one that it makes")

// bareSource returns a bare repository, packed by git gc, with 2,000 commits to 1,000 files, or the one that was asked
// for.
func bareSource(b *testing.B, git string) string {
	if *realRepo != "" {
		return *realRepo
	}
	ctx := context.Background()
	s := newStore(b)
	r, err := s.Create(ctx, "source", nil)
	if err != nil {
		b.Fatal(err)
	}
	var changes []reposit.Change
	for i := range 1000 {
		changes = append(changes, reposit.Put(fmt.Sprintf("dir%d/file%d", i%30, i), textOf(i, 0)))
	}
	for i := range 2000 {
		if _, err := r.Commit(ctx, &reposit.CommitOptions{Message: "m\n"}, changes...); err != nil {
			b.Fatal(err)
		}
		n := i * 7 % 1000
		changes = []reposit.Change{reposit.Put(fmt.Sprintf("dir%d/file%d", n%30, n), textOf(n, i+1))}
	}
	dir := filepath.Join(b.TempDir(), "source.git")
	if err := r.Export(ctx, osfs.New(dir), nil); err != nil {
		b.Fatal(err)
	}
	runGit(b, git, "-C", dir, "gc", "-q")
	return dir
}

// textOf returns a file of some 4 KB of which one line differs between versions.
func textOf(n, version int) []byte {
	var t []byte
	for line := range 100 {
		if line == version%100 {
			t = fmt.Appendf(t, "version %d\n", version)
		}
		t = fmt.Appendf(t, "line %d of file %d: %x\n", line, n, uint64(line*n)*0x9e3779b97f4a7c15)
	}
	return t
}

func newStore(b *testing.B) *reposit.Store {
	s, err := reposit.Open(context.Background(), openBadger(b, storage.NoSync), &reposit.Options{
		Upkeep: reposit.Upkeep{Off: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkTransfer moves a repository in and out, beside git, which works on the same one, packed.
func BenchmarkTransfer(b *testing.B) {
	git := needGit(b)
	ctx := context.Background()
	dir := bareSource(b, git)
	n := 0
	b.Run("op=import", func(b *testing.B) {
		for b.Loop() {
			s := newStore(b)
			if _, err := s.Import(ctx, "r", osfs.New(dir), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=import/peer=git-index-pack", func(b *testing.B) {
		for b.Loop() {
			packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack"))
			if err != nil || len(packs) == 0 {
				b.Fatal(packs, err)
			}
			for _, p := range packs {
				runGit(b, git, "index-pack", "-o", filepath.Join(b.TempDir(), "x.idx"), p)
			}
		}
	})
	s := newStore(b)
	r, err := s.Import(ctx, "r", osfs.New(dir), nil)
	if err != nil {
		b.Fatal(err)
	}
	out := b.TempDir()
	b.Run("op=bundle", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Create(filepath.Join(out, "ours.bundle"))
			if err == nil {
				err = r.Bundle(ctx, f, nil)
			}
			if err != nil {
				b.Fatal(err)
			}
			size, _ := f.Seek(0, io.SeekCurrent)
			b.ReportMetric(float64(size), "bytes")
			f.Close()
		}
	})
	b.Run("op=bundle/peer=git", func(b *testing.B) {
		for b.Loop() {
			name := filepath.Join(out, "git.bundle")
			runGit(b, git, "-C", dir, "bundle", "create", "-q", name, "--all")
			if st, err := os.Stat(name); err == nil {
				b.ReportMetric(float64(st.Size()), "bytes")
			}
		}
	})
	b.Run("op=export", func(b *testing.B) {
		for b.Loop() {
			n++
			if err := r.Export(ctx, osfs.New(filepath.Join(out, fmt.Sprint("ours", n))), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("op=export/peer=git-clone-bare", func(b *testing.B) {
		for b.Loop() {
			n++
			runGit(b, git, "clone", "-q", "--bare", "--no-local", dir, filepath.Join(out, fmt.Sprint("git", n)))
		}
	})
}
