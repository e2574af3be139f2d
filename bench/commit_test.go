package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// BenchmarkCommit commits one file in a tree of 10,000.
func BenchmarkCommit(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		b.Run("store="+p.name+"/engine=reposit", func(b *testing.B) { benchmarkCommit(b, p, tenThousand) })
		b.Run("store="+p.name+"/engine=floor", func(b *testing.B) { benchmarkFloor(b, p) })
	}
	b.Run("store=memory/engine=go-git-storer", benchmarkBareStorer)
	b.Run("store=memory/engine=go-git-worktree", benchmarkWorktree)
}

// BenchmarkCommitGrowth commits one file in trees of more and more files, while the directories on its path keep their
// size: the files that are added stand in directories beside it.
func BenchmarkCommitGrowth(b *testing.B) {
	for _, files := range []int{1000, 10000, 100000, 1000000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) { benchmarkGrowth(b, files) })
	}
}

func benchmarkCommit(b *testing.B, p place, l layout) {
	ctx := context.Background()
	r := fill(b, openStore(b, p), "bench", l)
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Write(ctx, l.path(i*7), content(i+1000000), "change"); err != nil {
			b.Fatal(err)
		}
	}
}

// floorCommit makes what a commit of one file stores: the blob, two trees and the commit, hashed, and whole.
type floorCommit struct {
	root, dir []byte
}

func newFloorCommit(l layout) *floorCommit {
	f := &floorCommit{}
	for i := range l.dirs {
		f.root = fmt.Appendf(f.root, "40000 dir%03d\x00%020d", i, i)
	}
	for i := range l.files {
		f.dir = fmt.Appendf(f.dir, "100644 file%02d.txt\x00%020d", i, i)
	}
	return f
}

func (f *floorCommit) objects(i int) ([4]storage.Object, error) {
	objects := [4]storage.Object{
		{Type: storage.Blob, Data: content(i + 1000000)},
		{Type: storage.Tree, Data: append([]byte(nil), f.dir...)},
		{Type: storage.Tree, Data: append([]byte(nil), f.root...)},
		{Type: storage.Commit, Data: fmt.Appendf(nil,
			"tree %040d\nparent %040d\nauthor reposit <reposit@localhost> 1700000000 +0000\n"+
				"committer reposit <reposit@localhost> 1700000000 +0000\n\nchange", i, i)},
	}
	copy(objects[1].Data[30:], fmt.Sprintf("%020d", i))
	copy(objects[2].Data[30:], fmt.Sprintf("%020d", i))
	for k := range objects {
		h, err := git.Sum(objects[k].Type, objects[k].Data)
		if err != nil {
			return objects, err
		}
		objects[k].Hash, objects[k].Size = h, int64(len(objects[k].Data))
	}
	return objects, nil
}

// benchmarkFloor hashes and stores the same bytes, with no engine around.
func benchmarkFloor(b *testing.B, p place) {
	ctx := context.Background()
	backend := p.open(b)
	defer backend.Close()
	pool := storage.ID([]byte("00000000000000000001"))
	f := newFloorCommit(tenThousand)
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		objects, err := f.objects(i)
		if err != nil {
			b.Fatal(err)
		}
		err = backend.Update(ctx, func(tx storage.Tx) error {
			for k := range objects {
				if _, err := tx.PutObject(pool, objects[k]); err != nil {
					return err
				}
			}
			return tx.PutRef(pool, storage.Ref{Name: "refs/heads/main", Hash: objects[3].Hash}, nil)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// growthPath names the files of BenchmarkCommitGrowth: 1,000 under "hot", which are changed, the rest under "cold".
func growthPath(i int) string {
	if i < 1000 {
		return fmt.Sprintf("hot/dir%02d/file%02d.txt", i/50, i%50)
	}
	return fmt.Sprintf("cold/%03d/%02d/file%02d.txt", i/5000, i/50%100, i%50)
}

func benchmarkGrowth(b *testing.B, files int) {
	ctx := context.Background()
	r := fillPaths(b, openStore(b, inMemory), "growth", files, growthPath)
	b.ReportAllocs()
	defer reportCPU(b)()
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Write(ctx, growthPath(i*7%1000), content(i+10000000), "change"); err != nil {
			b.Fatal(err)
		}
	}
}

const writers = 32

// BenchmarkSyncedWriters has 32 goroutines commit to one Badger, each commit synced: on 32 repositories, on one branch,
// and beside it 32 that each sync a transaction of their own on a plain Badger, of the same bytes.
func BenchmarkSyncedWriters(b *testing.B) {
	b.Run("engine=reposit/on=repositories", func(b *testing.B) {
		s := openStore(b, syncedBdg)
		repos := make([]*reposit.Repo, writers)
		for i := range repos {
			repos[i] = fill(b, s, fmt.Sprintf("repo-%d", i), layout{20, 20})
		}
		benchmarkWriters(b, func(w, i int) error {
			_, err := repos[w].Write(context.Background(), layout{20, 20}.path(i), content(i*64+w+1<<30), "change")
			return err
		})
	})
	b.Run("engine=reposit/on=branch", func(b *testing.B) {
		r := fill(b, openStore(b, syncedBdg), "one", layout{20, 20})
		benchmarkWriters(b, func(w, i int) error {
			_, err := r.Write(context.Background(), layout{20, 20}.path(i), content(i*64+w+1<<30), "change")
			return err
		})
	})
	b.Run("engine=badger/on=keys", func(b *testing.B) {
		db, err := engine.Open(engine.DefaultOptions(b.TempDir()).WithSyncWrites(true).WithLogger(nil))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		f := newFloorCommit(layout{20, 20})
		benchmarkWriters(b, func(w, i int) error {
			objects, err := f.objects(i*64 + w)
			if err != nil {
				return err
			}
			return db.Update(func(txn *engine.Txn) error {
				for _, o := range objects {
					if err := txn.Set(o.Hash[:], o.Data); err != nil {
						return err
					}
				}
				return txn.Set(fmt.Appendf(nil, "ref %d", w), objects[3].Hash[:])
			})
		})
	})
}

// benchmarkWriters runs op in 32 goroutines.
func benchmarkWriters(b *testing.B, op func(writer, i int) error) {
	defer reportCPU(b)()
	b.ResetTimer()
	var next atomic.Int64
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := op(w, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}
