package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	gogitmemory "github.com/go-git/go-git/v5/storage/memory"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// BenchmarkCreate makes empty repositories, and beside it what these put into the store is put there by hand. go-git's
// Init keeps no list of them.
func BenchmarkCreate(b *testing.B) {
	for _, p := range []place{inMemory, onBadger} {
		b.Run("store="+p.name+"/engine=reposit", func(b *testing.B) { benchmarkCreate(b, p) })
		b.Run("store="+p.name+"/engine=floor", func(b *testing.B) { benchmarkCreateFloor(b, p) })
	}
	b.Run("store=memory/engine=go-git", func(b *testing.B) {
		b.ReportAllocs()
		defer reportCPU(b)()
		for b.Loop() {
			if _, err := gogit.Init(gogitmemory.NewStorage(), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// creators has 8 callers on 2 cores do b.N things.
func creators(b *testing.B, do func(i int) error) {
	var next atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(4)
	b.ResetTimer()
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := do(int(next.Add(1)) - 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "repos/s")
}

func createName(i int) string { return fmt.Sprintf("repo-%d", i) }

func benchmarkCreate(b *testing.B, p place) {
	s := openStore(b, p)
	creators(b, func(i int) error {
		_, err := s.Create(context.Background(), createName(i), nil)
		return err
	})
}

// benchmarkCreateFloor puts what creating b.N repositories put into another store, each time in one Update.
func benchmarkCreateFloor(b *testing.B, p place) {
	ctx := context.Background()
	n := &noted{Backend: memory.New()}
	s, err := reposit.Open(ctx, n, nil)
	if err != nil {
		b.Fatal(err)
	}
	n.updates = nil // what Open put
	for i := range b.N {
		if _, err := s.Create(ctx, createName(i), nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	backend := p.open(b)
	defer backend.Close()
	creators(b, func(i int) error {
		return backend.Update(ctx, func(tx storage.Tx) error {
			for _, put := range n.updates[i] {
				if err := put(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// A noted backend notes what Updates have put, for others to put it again.
type noted struct {
	storage.Backend
	updates [][]func(storage.Tx) error
}

func (n *noted) Update(ctx context.Context, fn func(storage.Tx) error) error {
	var t notedTx
	err := n.Backend.Update(ctx, func(tx storage.Tx) error {
		t = notedTx{Tx: tx}
		return fn(&t)
	})
	if err == nil {
		n.updates = append(n.updates, t.puts)
	}
	return err
}

type notedTx struct {
	storage.Tx
	puts []func(storage.Tx) error
}

func (t *notedTx) note(put func(storage.Tx) error) error {
	t.puts = append(t.puts, put)
	return put(t.Tx)
}

func (t *notedTx) PutRecord(key, value []byte) error {
	key, value = bytes.Clone(key), bytes.Clone(value)
	return t.note(func(tx storage.Tx) error { return tx.PutRecord(key, value) })
}

func (t *notedTx) DeleteRecord(key []byte) error {
	key = bytes.Clone(key)
	return t.note(func(tx storage.Tx) error { return tx.DeleteRecord(key) })
}

func (t *notedTx) CreateRepo(repo, pool storage.ID) error {
	return t.note(func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) })
}

func (t *notedTx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	return t.note(func(tx storage.Tx) error { return tx.PutRef(repo, r, entry) })
}
