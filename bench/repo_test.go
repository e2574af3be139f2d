package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// BenchmarkOpen opens and closes an empty store in memory.
func BenchmarkOpen(b *testing.B) {
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		s, err := reposit.Open(ctx, memory.New(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList lists a page in the middle of 1,000 and of 100,000 repositories, in each order, on Badger, and opens
// the store.
func BenchmarkList(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1000, many(100_000)} {
		dir := b.TempDir()
		var tokens map[reposit.Sort]string
		b.Run(fmt.Sprintf("repos=%d/op=fill", n), func(b *testing.B) {
			for b.Loop() {
				if tokens != nil {
					continue
				}
				tokens = fillList(b, dir, n)
			}
			b.ReportMetric(float64(diskUse(b, dir))/float64(n), "disk-B/repo")
		})
		b.Run(fmt.Sprintf("repos=%d/op=open", n), func(b *testing.B) {
			for b.Loop() {
				if err := openList(b, dir).Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
		s := openList(b, dir)
		for sort, token := range tokens {
			b.Run(fmt.Sprintf("repos=%d/op=page/sort=%d", n, sort), func(b *testing.B) {
				for b.Loop() {
					if _, err := s.List(ctx, &reposit.ListOptions{Sort: sort, PageToken: token}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// many returns n, or with -short, which shows only that a benchmark runs, a tenth of it.
func many(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func openList(b *testing.B, dir string) *reposit.Store {
	backend, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
	if err != nil {
		b.Fatal(err)
	}
	s, err := reposit.Open(context.Background(), backend, nil)
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// fillList creates n repositories and returns, for each order, the token of a page in the middle.
func fillList(b *testing.B, dir string, n int) map[reposit.Sort]string {
	ctx := context.Background()
	s := openList(b, dir)
	for i := range n {
		if _, err := s.Create(ctx, fmt.Sprintf("repo-%d", i), nil); err != nil {
			b.Fatal(err)
		}
	}
	tokens := map[reposit.Sort]string{}
	for _, sort := range []reposit.Sort{reposit.SortCreated, reposit.SortUpdated, reposit.SortPushed, reposit.SortName} {
		page, err := s.List(ctx, &reposit.ListOptions{Sort: sort, PageSize: 100, Page: n / 200})
		if err != nil {
			b.Fatal(err)
		}
		tokens[sort] = page.NextPageToken
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return tokens
}

func diskUse(b *testing.B, dir string) int64 {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += allocated(info)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return total
}
