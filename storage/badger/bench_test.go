package badger

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

var (
	testRepo = storage.ID([]byte("repo0000000000000000"))
	testPool = storage.ID([]byte("pool0000000000000000"))
)

// testObject returns a blob of n bytes, made from the number i.
func testObject(i, n int) storage.Object {
	data := make([]byte, n)
	for j := range data {
		data[j] = byte(i>>(8*(j%4))) ^ byte(j*j>>3)
	}
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i))
	return storage.Object{
		Hash: storage.Hash(sha1.Sum(append(seed[:], data...))),
		Type: storage.Blob, Size: int64(n), Data: data,
	}
}

func openTest(tb testing.TB, dir string, opts *Options) *backend {
	tb.Helper()
	b, err := open(dir, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

// commitLike does what a commit of one file does: 4 objects, a ref with its log, 10 records.
func commitLike(tx storage.Tx, branch string, i int) error {
	old, err := tx.Ref(testRepo, branch)
	if err != nil && err != storage.ErrNotFound {
		return err
	}
	var last storage.Hash
	for k := range 4 {
		o := testObject(i*4+k, 250)
		if _, err := tx.PutObject(testPool, o); err != nil {
			return err
		}
		last = o.Hash
	}
	for k := range 5 {
		key := fmt.Appendf(nil, "stat/%s/%d", branch, k)
		if _, err := tx.Record(key); err != nil && err != storage.ErrNotFound {
			return err
		}
		if err := tx.PutRecord(key, last[:]); err != nil {
			return err
		}
		if err := tx.PutRecord(fmt.Appendf(nil, "event/%s/%d/%d", branch, i, k), last[:]); err != nil {
			return err
		}
	}
	return tx.PutRef(testRepo, storage.Ref{Name: branch, Hash: last}, &storage.LogEntry{
		Old: old.Hash, New: last, Name: "A U Thor", Email: "author@example.com",
		When: time.Unix(int64(i), 0), Message: "commit: something",
	})
}

func BenchmarkUpdate(b *testing.B) {
	for name, opts := range map[string]*Options{
		"durability=sync":     {},
		"durability=nosync":   {Durability: storage.NoSync},
		"durability=volatile": {InMemory: true},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			if opts.InMemory {
				dir = ""
			}
			s := openTest(b, dir, opts)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				err := s.Update(b.Context(), func(tx storage.Tx) error { return commitLike(tx, "refs/heads/main", i) })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	s := openTest(b, b.TempDir(), &Options{Durability: storage.NoSync})
	err := s.Update(b.Context(), func(tx storage.Tx) error { return commitLike(tx, "refs/heads/main", 1) })
	if err != nil {
		b.Fatal(err)
	}
	o := testObject(7, 250)
	b.Run("read=ref", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			err := s.View(b.Context(), func(v storage.View) error {
				_, err := v.Ref(testRepo, "refs/heads/main")
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("read=object", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Object(b.Context(), testPool, o.Hash); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWriters compares 32 writers here with as many on a plain Badger, which syncs each of their transactions.
func BenchmarkWriters(b *testing.B) {
	const writers = 32
	each := func(b *testing.B, fn func(w, i int) error) {
		var next atomic.Int64
		var wg sync.WaitGroup
		b.ResetTimer()
		for w := range writers {
			wg.Go(func() {
				for {
					i := int(next.Add(1))
					if i > b.N {
						return
					}
					if err := fn(w, i); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	b.Run("store=reposit", func(b *testing.B) {
		s := openTest(b, b.TempDir(), nil)
		from := s.ts
		each(b, func(w, i int) error {
			return s.Update(b.Context(), func(tx storage.Tx) error {
				return commitLike(tx, fmt.Sprint("refs/heads/", w), i)
			})
		})
		b.ReportMetric(float64(b.N)/float64(s.ts-from), "updates/commit")
	})
	b.Run("store=badger", func(b *testing.B) {
		db, err := engine.Open(engine.DefaultOptions(b.TempDir()).WithSyncWrites(true).WithLogger(nil))
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		value := make([]byte, 200)
		each(b, func(w, i int) error {
			return db.Update(func(txn *engine.Txn) error {
				_, err := txn.Get(fmt.Appendf(nil, "ref/%d", w))
				if err != nil && err != engine.ErrKeyNotFound {
					return err
				}
				for k := range 15 {
					if err := txn.Set(fmt.Appendf(nil, "object/%d/%d", i, k), value); err != nil {
						return err
					}
				}
				return txn.Set(fmt.Appendf(nil, "ref/%d", w), value)
			})
		})
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := openTest(b, dir, nil)
	for i := range 1000 {
		err := s.Update(b.Context(), func(tx storage.Tx) error { return step(tx, i, 100) })
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := open(dir, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
