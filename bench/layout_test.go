package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// A layout is a tree of dirs directories with files files each.
type layout struct{ dirs, files int }

// tenThousand is the tree of most figures.
var tenThousand = layout{500, 20}

func (l layout) path(i int) string {
	return fmt.Sprintf("dir%03d/file%02d.txt", i/l.files%l.dirs, i%l.files)
}

// content returns 200 bytes that differ by i.
func content(i int) []byte {
	b := make([]byte, 0, 224)
	for len(b) < 200 {
		b = fmt.Appendf(b, "line %d of file\n", i)
	}
	return b[:200]
}

// A place is a backend to measure on.
type place struct {
	name string
	open func(tb testing.TB) storage.Backend
}

var (
	inMemory  = place{"memory", func(testing.TB) storage.Backend { return memory.New() }}
	onBadger  = place{"badger", func(tb testing.TB) storage.Backend { return openBadger(tb, storage.NoSync) }}
	syncedBdg = place{"badger-sync", func(tb testing.TB) storage.Backend { return openBadger(tb, storage.Sync) }}
)

func openBadger(tb testing.TB, d storage.Durability) storage.Backend {
	tb.Helper()
	b, err := badger.Open(tb.TempDir(), &badger.Options{Durability: d})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// openStore opens a store that ends with the benchmark.
func openStore(tb testing.TB, p place) *reposit.Store {
	tb.Helper()
	s, err := reposit.Open(context.Background(), p.open(tb), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// fill makes a repository that holds the layout.
func fill(tb testing.TB, s *reposit.Store, name string, l layout) *reposit.Repo {
	tb.Helper()
	return fillPaths(tb, s, name, l.dirs*l.files, l.path)
}

// fillPaths makes a repository of n files, in commits of a bounded size.
func fillPaths(tb testing.TB, s *reposit.Store, name string, n int, path func(int) string) *reposit.Repo {
	tb.Helper()
	ctx := context.Background()
	r, err := s.Create(ctx, name, nil)
	if err != nil {
		tb.Fatal(err)
	}
	const batch = 50000
	for at := 0; at < n; at += batch {
		changes := make([]reposit.Change, 0, batch)
		for i := at; i < min(at+batch, n); i++ {
			changes = append(changes, reposit.Put(path(i), content(i)))
		}
		if _, err := r.Commit(ctx, &reposit.CommitOptions{Message: "fill"}, changes...); err != nil {
			tb.Fatal(err)
		}
	}
	return r
}
