package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reposit/reposit"
)

// BenchmarkListBesideWriters lists a page of 30 repositories of Go, Ruby and C while another goroutine commits to one
// after the other, and without it, which is the floor.
func BenchmarkListBesideWriters(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		for _, writes := range []bool{false, true} {
			b.Run(fmt.Sprintf("store=%s/writer=%t", p.name, writes), func(b *testing.B) { benchmarkList(b, p, writes) })
		}
	}
}

func benchmarkList(b *testing.B, p place, writes bool) {
	ctx, cancel := context.WithCancel(context.Background())
	s := openStore(b, p)
	var repos []*reposit.Repo
	for i := range 30 {
		r, err := s.Create(ctx, fmt.Sprintf("repo-%d", i), nil)
		if err != nil {
			b.Fatal(err)
		}
		repos = append(repos, r)
	}
	commits := 0
	commit := func() error {
		name := [...]string{"a.go", "a.rb", "a.c"}[commits%3]
		_, err := repos[commits%len(repos)].Write(ctx, name, source(commits), "m")
		commits++
		return err
	}
	var writer sync.WaitGroup
	if writes {
		writer.Go(func() {
			for ctx.Err() == nil {
				if err := commit(); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	for b.Loop() {
		if page, err := s.List(ctx, nil); err != nil || len(page.Items) != len(repos) {
			b.Fatal(len(page.Items), err)
		}
	}
	cancel()
	writer.Wait()
	b.ReportMetric(float64(commits)/float64(b.N), "commits/page")
}

// BenchmarkLanguages asks for the languages of a tree of 10,000 files after each commit of one file. Beside the time of
// both, it reports that of the commit and that of the question; "ask=never" is the commit alone. "op=first" counts all.
func BenchmarkLanguages(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		for _, asks := range []bool{false, true} {
			b.Run(fmt.Sprintf("store=%s/op=next/asks=%t", p.name, asks), func(b *testing.B) { benchmarkLanguages(b, p, asks) })
		}
		b.Run(fmt.Sprintf("store=%s/op=first", p.name), func(b *testing.B) {
			r := sources(b, openStore(b, p))
			for b.Loop() {
				if got, err := r.Languages(b.Context(), "other"); err != nil || got["Go"] == 0 {
					b.Fatal(got, err)
				}
			}
		})
	}
}

// sources makes a repository of 10,000 Go files, and a branch that has no file of its default one.
func sources(b *testing.B, s *reposit.Store) *reposit.Repo {
	ctx := context.Background()
	r, err := s.Create(ctx, "sources", nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := r.Write(ctx, "empty", nil, "first"); err != nil {
		b.Fatal(err)
	}
	changes := []reposit.Change{reposit.Delete("empty")}
	for i := range 10_000 {
		changes = append(changes, reposit.Put(sourcePath(i), source(i)))
	}
	if _, err := r.Commit(ctx, &reposit.CommitOptions{Branch: "other"}, changes...); err != nil {
		b.Fatal(err)
	}
	return r
}

func sourcePath(i int) string { return fmt.Sprintf("dir%02d/file%03d.go", i%100, i/100) }

// source returns about 2 KB of Go.
func source(i int) []byte {
	text := fmt.Appendf(nil, "// Package p%d does nothing.\npackage p%d\n", i, i)
	for n := range 50 {
		text = fmt.Appendf(text, "\nfunc F%d() int { return %d }\n", n, i)
	}
	return text
}

func benchmarkLanguages(b *testing.B, p place, asks bool) {
	ctx := context.Background()
	r := sources(b, openStore(b, p))
	branch := "other"
	if _, err := r.Update(ctx, &reposit.RepoUpdate{DefaultBranch: &branch}); err != nil {
		b.Fatal(err)
	}
	var commit, ask time.Duration
	n := 0
	for ; b.Loop(); n++ {
		start := time.Now()
		if _, err := r.Write(ctx, sourcePath(n*7%10_000), source(10_000+n), "m"); err != nil {
			b.Fatal(err)
		}
		commit += time.Since(start)
		if !asks {
			continue
		}
		start = time.Now()
		if got, err := r.Languages(ctx, ""); err != nil || got["Go"] == 0 {
			b.Fatal(got, err)
		}
		ask += time.Since(start)
	}
	b.ReportMetric(float64(commit.Nanoseconds())/float64(n), "commit-ns")
	b.ReportMetric(float64(ask.Nanoseconds())/float64(n), "ask-ns")
}
