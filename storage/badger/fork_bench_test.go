package badger

import (
	"fmt"
	"testing"

	"github.com/reposit/reposit/storage"
)

// numbered returns the n-th ID of a series.
func numbered(kind byte, n int) storage.ID { return storage.ID(fmt.Appendf(nil, "%c%019d", kind, n)) }

// manyBranches makes testRepo, with n branches.
func manyBranches(tb testing.TB, b *backend, n int) {
	tb.Helper()
	for from := 0; from < n; from += 1000 {
		err := b.Update(tb.Context(), func(tx storage.Tx) error {
			for i := from; i < min(from+1000, n); i++ {
				r := storage.Ref{Name: fmt.Sprintf("refs/heads/branch-%06d", i), Hash: storage.Hash{1, byte(i), byte(i >> 8)}}
				if err := tx.PutRef(testRepo, r, &storage.LogEntry{New: r.Hash}); err != nil {
					return err
				}
			}
			return tx.PutRef(testRepo, storage.Ref{Name: "HEAD", Target: "refs/heads/branch-000000"}, nil)
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// BenchmarkFork forks one repository again and again: as it is, and with a commit to it before each fork.
func BenchmarkFork(b *testing.B) {
	for _, branches := range []int{10, 1000, 100_000} {
		for _, commit := range []bool{false, true} {
			b.Run(fmt.Sprintf("branches=%d/commit=%v", branches, commit), func(b *testing.B) {
				s := openTest(b, b.TempDir(), &Options{Durability: storage.NoSync})
				manyBranches(b, s, branches)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if commit {
						b.StopTimer()
						err := s.Update(b.Context(), func(tx storage.Tx) error { return commitLike(tx, "refs/heads/main", i) })
						if err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
					err := s.Update(b.Context(), func(tx storage.Tx) error { return tx.ForkRepo(numbered('f', i), testRepo) })
					if err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

// BenchmarkForkRead reads as a page of a web site does: a record, a tag that is not there, a branch that is.
func BenchmarkForkRead(b *testing.B) {
	s := openTest(b, b.TempDir(), &Options{Durability: storage.NoSync})
	manyBranches(b, s, 1000)
	other := numbered('o', 0)
	update(b, s, func(tx storage.Tx) error {
		if err := tx.PutRecord([]byte("k"), []byte("v")); err != nil {
			return err
		}
		return tx.PutRef(other, storage.Ref{Name: "refs/heads/branch-000500", Hash: storage.Hash{1}}, nil)
	})
	read := func(name string, repo storage.ID) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := s.View(b.Context(), func(v storage.View) error {
					if _, err := v.Record([]byte("k")); err != nil {
						return err
					}
					if _, err := v.Ref(repo, "refs/tags/branch-000500"); err != storage.ErrNotFound {
						return fmt.Errorf("Ref() of a missing tag = %w", err)
					}
					_, err := v.Ref(repo, "refs/heads/branch-000500")
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	read("of=repository/forks=none", other)
	fork := numbered('f', 0)
	update(b, s, func(tx storage.Tx) error { return tx.ForkRepo(fork, testRepo) })
	read("of=repository/forks=some", other)
	read("of=parent/forks=some", testRepo)
	read("of=fork/forks=some", fork)
}

// BenchmarkForkRefs lists 1,000 branches, of a repository by itself and of a fork with a commit of its own.
func BenchmarkForkRefs(b *testing.B) {
	s := openTest(b, b.TempDir(), &Options{Durability: storage.NoSync})
	manyBranches(b, s, 1000)
	list := func(name string, repo storage.ID) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := s.View(b.Context(), func(v storage.View) error {
					n := 0
					for _, err := range v.Refs(repo, "", "") {
						if err != nil {
							return err
						}
						n++
					}
					if n < 1000 {
						return fmt.Errorf("%d refs", n)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	list("of=repository", testRepo)
	fork := numbered('f', 0)
	update(b, s, func(tx storage.Tx) error { return tx.ForkRepo(fork, testRepo) })
	update(b, s, func(tx storage.Tx) error {
		return tx.PutRef(fork, storage.Ref{Name: "refs/heads/branch-000500", Hash: storage.Hash{9}}, nil)
	})
	list("of=parent", testRepo)
	list("of=fork", fork)
}
