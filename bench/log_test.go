package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	gogitstorer "github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit"
)

const (
	logCommits = 20_000
	logEntries = 1_000
)

// manyCommits has git make 20,000 commits, each of which changes one file: of each two, one is among the 1,000 files of
// the directory "wide", and one is in one of 100 others. It returns the git directory, with a graph and its filters.
func manyCommits(b *testing.B, git string, commits int) string {
	rng := rand.New(rand.NewPCG(1, 1))
	var s bytes.Buffer
	s.WriteString("blob\nmark :1\ndata 2\nx\n\n")
	for i := range commits {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter A <a@example.org> %d +0000\ndata 10\nchange %3d\n",
			1_000_000_000+i*60, i%1000)
		if i == 0 {
			for n := range logEntries {
				fmt.Fprintf(&s, "M 644 :1 wide/file%d\n", n)
			}
			for n := range 10_000 {
				fmt.Fprintf(&s, "M 644 :1 dir%d/file%d\n", n%100, n)
			}
		}
		path := fmt.Sprintf("wide/file%d", rng.IntN(logEntries))
		if n := rng.IntN(10_000); i%2 == 1 {
			path = fmt.Sprintf("dir%d/file%d", n%100, n)
		}
		text := fmt.Sprintf("content %d\n", i)
		fmt.Fprintf(&s, "M 644 inline %s\ndata %d\n%s\n", path, len(text), text)
	}
	dir := fastImport(b, git, &s)
	runGit(b, git, "-C", dir, "commit-graph", "write", "--reachable", "--changed-paths")
	return dir
}

// fastImport has git make a packed repository of a stream of git fast-import.
func fastImport(b *testing.B, git string, stream io.Reader) (dir string) {
	dir = b.TempDir()
	runGit(b, git, "init", "--quiet", "--bare", "--initial-branch=main", dir)
	cmd := exec.Command(git, "-C", dir, "fast-import", "--quiet")
	cmd.Stdin = stream
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git fast-import: %v: %s", err, out)
	}
	runGit(b, git, "-C", dir, "repack", "-adq")
	return dir
}

// importPack makes a repository of what a git directory's main branch reaches.
func importPack(b *testing.B, git, dir string, s *reposit.Store) *reposit.Repo {
	ctx := context.Background()
	r, err := s.Create(ctx, "x", nil)
	if err != nil {
		b.Fatal(err)
	}
	storer, err := r.Storer(ctx)
	if err != nil {
		b.Fatal(err)
	}
	pack, err := exec.Command(git, "-C", dir, "pack-objects", "--all", "--stdout", "-q", "--delta-base-offset").Output()
	if err != nil {
		b.Fatal(err)
	}
	w, err := storer.(gogitstorer.PackfileWriter).PackfileWriter()
	if err == nil {
		_, err = w.Write(pack)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	tip, err := exec.Command(git, "-C", dir, "rev-parse", "main").Output()
	if err != nil {
		b.Fatal(err)
	}
	h := plumbing.NewHash(string(bytes.TrimSpace(tip)))
	if err := storer.SetReference(plumbing.NewHashReference("refs/heads/main", h)); err != nil {
		b.Fatal(err)
	}
	return r
}

// gitTime returns how much processor time a git command takes beyond the start of the program, the median of some runs.
func gitTime(b *testing.B, git, dir string, args ...string) time.Duration {
	run := func(args ...string) time.Duration {
		var all []time.Duration
		for range 7 {
			cmd := exec.Command(git, append([]string{"-C", dir}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				b.Fatalf("git %v: %v: %s", args, err, out)
			}
			all = append(all, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return max(run(args...)-run("rev-parse", "main"), time.Microsecond)
}

// BenchmarkLog lists histories of 20,000 commits beside git with a commit graph and filters of changed paths, process
// start left out: "git-x" is how many times git's processor time it takes.
func BenchmarkLog(b *testing.B) {
	git := needGit(b)
	commits := logCommits
	if testing.Short() {
		commits /= 20
	}
	dir := manyCommits(b, git, commits)
	paths := []string{"wide/file7", "wide/file500", "dir5/file5", "dir5"}
	for _, p := range []place{inMemory, onBadger} {
		s := openStore(b, p)
		r := importPack(b, git, dir, s)
		begin := time.Now()
		if err := s.Upkeep(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Logf("store=%s: the upkeep of %d commits takes %v", p.name, commits, time.Since(begin))
		b.Run(fmt.Sprintf("store=%s/log=path-100", p.name), func(b *testing.B) {
			var floor time.Duration
			for _, path := range paths {
				floor += gitTime(b, git, dir, "log", "-100", "main", "--", path)
			}
			compareTimes(b, floor, func() {
				for _, path := range paths {
					drain(b, r.Log(b.Context(), &reposit.LogOptions{Paths: []string{path}, Limit: 100}))
				}
			})
		})
		b.Run(fmt.Sprintf("store=%s/log=all", p.name), func(b *testing.B) {
			floor := gitTime(b, git, dir, "log", "main")
			compareTimes(b, floor, func() {
				if n := drain(b, r.Log(b.Context(), nil)); n != commits {
					b.Fatal(n)
				}
			})
		})
		b.Run(fmt.Sprintf("store=%s/last-commits", p.name), func(b *testing.B) {
			// Git has no such verb: it is asked for ten of the entries.
			var floor time.Duration
			for n := range 10 {
				floor += gitTime(b, git, dir, "log", "-1", "main", "--", fmt.Sprintf("wide/file%d", n*100))
			}
			compareTimes(b, floor*logEntries/10, func() {
				if n := drain(b, r.LastCommits(b.Context(), "", "wide")); n != logEntries {
					b.Fatal(n)
				}
			})
		})
	}
}

func compareTimes(b *testing.B, git time.Duration, fn func()) {
	b.Helper()
	begin := time.Now()
	fn() // what the caches hold is part of the matter
	b.Logf("the first time takes %v", time.Since(begin))
	b.ReportAllocs()
	start, n := cpuTime(), 0
	for b.Loop() {
		fn()
		n++
	}
	b.ReportMetric(float64(cpuTime()-start)/float64(n)/float64(git), "git-x")
}

func drain[T any](b *testing.B, seq iter.Seq2[T, error]) (n int) {
	b.Helper()
	for _, err := range seq {
		if err != nil {
			b.Fatal(err)
		}
		n++
	}
	return n
}
