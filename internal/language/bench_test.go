package language

import (
	"fmt"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

func eachBackend(b *testing.B, fn func(*testing.B, storage.Backend)) {
	b.Run("backend=memory", func(b *testing.B) {
		backend := memory.New()
		b.Cleanup(func() { backend.Close() })
		fn(b, backend)
	})
	b.Run("backend=badger", func(b *testing.B) {
		backend, err := badger.Open(b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { backend.Close() })
		fn(b, backend)
	})
}

// BenchmarkCount counts the standard library's source.
func BenchmarkCount(b *testing.B) {
	root := goPath(b, "env", "GOROOT") + "/src"
	eachBackend(b, func(b *testing.B, backend storage.Backend) {
		f := fixtureOn(b, backend)
		tree, n := f.load(root)
		b.ReportAllocs()
		for b.Loop() {
			fixtureOn(b, backend).count(tree)
		}
		b.ReportMetric(float64(n), "files")
	})
}

// BenchmarkAdvance goes from one tree of 10,000 files to the next, in which one is changed, and may keep the counts,
// which is an Update. The trees are in memory, as after a commit; the file's old content is not.
func BenchmarkAdvance(b *testing.B) {
	eachBackend(b, func(b *testing.B, backend storage.Backend) {
		for _, dirs := range []int{1, 100} {
			for _, kept := range []bool{false, true} {
				b.Run(fmt.Sprintf("dirs=%d/kept=%t", dirs, kept), func(b *testing.B) { benchmarkAdvance(b, backend, dirs, kept) })
			}
		}
	})
}

func benchmarkAdvance(b *testing.B, backend storage.Backend, dirs int, kept bool) {
	f := fixtureOn(b, backend)
	content := func(i int) []byte {
		body := goFile
		for n := range 60 {
			body += fmt.Sprintf("\nfunc F%d() int { return %d }\n", n, i)
		}
		return []byte(body)
	}
	at := func(version int) git.Hash {
		var top []git.Entry
		blob := f.put(storage.Blob, content(version))
		other := f.put(storage.Blob, content(0))
		for d := range dirs {
			var below []git.Entry
			for i := range 10_000 / dirs {
				e := git.Entry{Name: fmt.Sprintf("file%05d.go", i), Mode: git.ModeRegular, Hash: other}
				if d == dirs/2 && i == 5_000/dirs {
					e.Hash = blob
				}
				below = append(below, e)
			}
			top = append(top, git.Entry{Name: fmt.Sprintf("dir%05d", d), Mode: git.ModeDir, Hash: f.treeOf(below)})
		}
		return f.treeOf(top)
	}
	trees := []git.Hash{at(1), at(2)}
	counts := f.count(trees[0])
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		var err error
		to := trees[(i+1)%2]
		if counts, _, err = f.counter.Advance(b.Context(), pool, trees[i%2], to, counts); err != nil {
			b.Fatal(err)
		}
		if kept {
			update(b, backend, func(tx storage.Tx) error { return Save(tx, repoID(1), Kept{Tree: to, Counts: counts}) })
		}
	}
}
