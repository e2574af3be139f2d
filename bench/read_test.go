package bench

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	gogitmemory "github.com/go-git/go-git/v5/storage/memory"

	"github.com/reposit/reposit"
)

// BenchmarkRead reads a file of 200 bytes at the head of a branch, in a tree of 10,000 files, cached.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	paths := somePaths()
	for _, p := range []place{inMemory, onBadger} {
		b.Run("store="+p.name+"/engine=reposit", func(b *testing.B) {
			r := fill(b, openStore(b, p), "bench", tenThousand)
			b.ReportAllocs()
			defer reportCPU(b)()
			i := 0
			for b.Loop() {
				i++
				if _, err := r.Read(ctx, "main", paths[i%len(paths)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("store=memory/engine=go-git", func(b *testing.B) { benchmarkGoGitRead(b, paths) })
}

func somePaths() []string {
	paths := make([]string, 64)
	for i := range paths {
		paths[i] = tenThousand.path(i * 7)
	}
	return paths
}

// BenchmarkVerb reads by each of the verbs, from a cached tree of 1,000 files in 50 directories. Of 5,000 branches,
// none is remembered from the time before.
func BenchmarkVerb(b *testing.B) {
	ctx := context.Background()
	shape := layout{50, 20}
	path, dir := shape.path(7), filepath.Dir(shape.path(7))
	for _, p := range []place{inMemory, onBadger} {
		s := openStore(b, p)
		r := fill(b, s, "bench", shape)
		updates := make([]reposit.RefUpdate, 5000)
		head, err := r.Branches().Branch(ctx, "main")
		if err != nil {
			b.Fatal(err)
		}
		for i := range updates {
			updates[i] = reposit.RefUpdate{Name: fmt.Sprintf("refs/heads/b%04d", i), New: head.Commit.Hash}
		}
		if err := r.Refs().Update(ctx, updates...); err != nil {
			b.Fatal(err)
		}
		tree, err := r.FS(ctx, "main")
		if err != nil {
			b.Fatal(err)
		}
		for _, verb := range []struct {
			name string
			do   func(i int) error
		}{
			{"Read", func(int) error { _, err := r.Read(ctx, "main", path); return err }},
			{"Read-5000-branches", func(i int) error { _, err := r.Read(ctx, updates[i%5000].Name[11:], path); return err }},
			{"Stat", func(int) error { _, err := r.Stat(ctx, "main", path); return err }},
			{"List-20-files", func(int) error { _, err := r.List(ctx, "main", dir); return err }},
			{"Open", func(int) error {
				f, err := r.Open(ctx, "main", path)
				if err == nil {
					err = f.Close()
				}
				return err
			}},
			{"FS.ReadFile", func(int) error { _, err := fs.ReadFile(tree, path); return err }},
			{"FS.Stat", func(int) error { _, err := fs.Stat(tree, path); return err }},
			{"Store.Repo", func(int) error { _, err := s.Repo(ctx, "bench"); return err }},
			{"Info", func(int) error { _, err := r.Info(ctx); return err }},
		} {
			b.Run("store="+p.name+"/verb="+verb.name, func(b *testing.B) {
				b.ReportAllocs()
				defer reportCPU(b)()
				for i := 0; b.Loop(); i++ {
					if err := verb.do(i); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkReadTogether reads as BenchmarkRead does, on all cores at once.
func BenchmarkReadTogether(b *testing.B) {
	paths := somePaths()
	for _, p := range []place{inMemory, onBadger} {
		b.Run("store="+p.name, func(b *testing.B) {
			r := fill(b, openStore(b, p), "bench", tenThousand)
			b.ReportAllocs()
			b.ResetTimer()
			defer reportCPU(b)()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := r.Read(context.Background(), "main", paths[i%len(paths)]); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

func benchmarkGoGitRead(b *testing.B, paths []string) {
	ctx := context.Background()
	r := fill(b, openStore(b, inMemory), "bench", tenThousand)
	src, err := r.Storer(ctx)
	if err != nil {
		b.Fatal(err)
	}
	dst := gogitmemory.NewStorage()
	copyStorer(b, src, dst)
	repo, err := gogit.Open(dst, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		head, err := repo.Reference("refs/heads/main", true)
		if err != nil {
			b.Fatal(err)
		}
		c, err := object.GetCommit(dst, head.Hash())
		if err != nil {
			b.Fatal(err)
		}
		f, err := c.File(paths[i%len(paths)])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Contents(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadBesideWriters reports the 99th percentile of reads on Badger, idle and beside 16 writers that sync.
func BenchmarkReadBesideWriters(b *testing.B) {
	ctx := context.Background()
	s := openStore(b, syncedBdg)
	r := fill(b, s, "read", tenThousand)
	busy := fill(b, s, "write", layout{20, 20})
	measure := func(b *testing.B) {
		times := make([]time.Duration, 0, b.N)
		for i := 0; b.Loop(); i++ {
			start := time.Now()
			if _, err := r.Read(ctx, "main", tenThousand.path(i*13)); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
			if i%64 == 0 {
				time.Sleep(100 * time.Microsecond) // a reader among others, not one that keeps a core to itself
			}
		}
		slices.Sort(times)
		b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99-ns")
		b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns")
	}
	b.Run("writers=0", measure)
	writing, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			for writing.Err() == nil {
				_, err := busy.Write(writing, layout{20, 20}.path(w), content(rand.Int()), "change")
				if err != nil && writing.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	b.Run("writers=16", measure)
	stop()
	group.Wait()
}

// BenchmarkImport makes one commit of 10,000 files, and beside it git fast-import, which reads the same from a file.
func BenchmarkImport(b *testing.B) {
	ctx := context.Background()
	for _, p := range []place{inMemory, onBadger} {
		b.Run("store="+p.name+"/engine=reposit", func(b *testing.B) {
			s := openStore(b, p)
			i := 0
			for b.Loop() {
				i++
				fill(b, s, fmt.Sprintf("repo-%d", i), tenThousand)
			}
		})
	}
	b.Run("engine=git-fast-import", func(b *testing.B) {
		git := needGit(b)
		stream := filepath.Join(b.TempDir(), "stream")
		writeFastImport(b, stream)
		for b.Loop() {
			b.StopTimer()
			dir := b.TempDir()
			runGit(b, git, "init", "--quiet", "--bare", dir)
			in, err := os.Open(stream)
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			cmd := exec.CommandContext(ctx, git, "-C", dir, "fast-import", "--quiet")
			cmd.Stdin = in
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("%v: %s", err, out)
			}
			in.Close()
		}
	})
}

func writeFastImport(b *testing.B, name string) {
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(f, "commit refs/heads/main\ncommitter reposit <reposit@localhost> 1700000000 +0000\ndata 4\nfill\n")
	for i := range tenThousand.dirs * tenThousand.files {
		data := content(i)
		fmt.Fprintf(f, "M 100644 inline %s\ndata %d\n%s\n", tenThousand.path(i), len(data), data)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkArchive archives 10,000 files of 4 KB, and beside it git archive does.
func BenchmarkArchive(b *testing.B) {
	ctx := context.Background()
	s := openStore(b, inMemory)
	r, err := s.Create(ctx, "archive", nil)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var changes []reposit.Change
	for i := range tenThousand.dirs * tenThousand.files {
		changes = append(changes, reposit.Put(tenThousand.path(i), words(random, 4096)))
	}
	if _, err := r.Commit(ctx, &reposit.CommitOptions{Message: "fill"}, changes...); err != nil {
		b.Fatal(err)
	}
	formats := []reposit.ArchiveFormat{reposit.Tar, reposit.TarGz, reposit.Zip, reposit.TarZst}
	for _, format := range formats {
		b.Run("format="+format.String()+"/engine=reposit", func(b *testing.B) {
			defer reportCPU(b)()
			for b.Loop() {
				if err := r.Archive(ctx, io.Discard, &reposit.ArchiveOptions{Format: format}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	git := needGit(b)
	dir := b.TempDir()
	exportDisk(b, git, r, dir)
	for _, format := range formats[:3] {
		b.Run("format="+format.String()+"/engine=git", func(b *testing.B) {
			for b.Loop() {
				cmd := exec.CommandContext(ctx, git, "-C", dir, "archive", "--format="+format.String(), "main")
				cmd.Stdout = io.Discard
				if err := cmd.Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// words returns text that compresses about as source code does.
func words(r *rand.Rand, size int) []byte {
	b := make([]byte, 0, size+16)
	for len(b) < size {
		b = fmt.Appendf(b, "word%d ", r.IntN(500))
		if r.IntN(8) == 0 {
			b = append(b, '\n')
		}
	}
	return b[:size]
}
