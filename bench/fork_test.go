package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit"
)

// BenchmarkFork forks a repository with 10 or 1,000 branches, and 10 or 100,000 objects. Neither may matter.
func BenchmarkFork(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		for _, size := range []struct{ branches, objects int }{{10, 10}, {1000, 10}, {1000, 100_000}} {
			name := fmt.Sprintf("store=%s/branches=%d/objects=%d", p.name, size.branches, size.objects)
			b.Run(name, func(b *testing.B) { benchmarkFork(b, p, size.branches, size.objects) })
		}
	}
}

func benchmarkFork(b *testing.B, p place, branches, objects int) {
	ctx := context.Background()
	s := openStore(b, p)
	r, err := s.Create(ctx, "origin", nil)
	if err != nil {
		b.Fatal(err)
	}
	var changes []reposit.Change
	for i := range objects {
		changes = append(changes, reposit.Put(fmt.Sprintf("d%d/f%d", i/100, i), fmt.Append(nil, i)))
	}
	c, err := r.Commit(ctx, nil, changes...)
	if err != nil {
		b.Fatal(err)
	}
	var updates []reposit.RefUpdate
	for i := range branches {
		updates = append(updates, reposit.RefUpdate{Name: fmt.Sprintf("refs/heads/b%d", i), New: c.Hash})
	}
	if err := r.Refs().Update(ctx, updates...); err != nil {
		b.Fatal(err)
	}
	var next atomic.Int64
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if _, err := r.Fork(ctx, &reposit.ForkOptions{Slug: fmt.Sprint("fork-", next.Add(1))}); err != nil {
			b.Fatal(err)
		}
	}
}
