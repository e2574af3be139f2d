package memory_test

import (
	"fmt"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

func numbered(n int) storage.ID { return storage.ID(fmt.Appendf(nil, "%020d", n)) }

// manyBranches returns a store in which repository 0 has n branches.
func manyBranches(b *testing.B, n int) storage.Backend {
	s := memory.New()
	err := s.Update(b.Context(), func(tx storage.Tx) error {
		for i := range n {
			if err := tx.PutRef(numbered(0), branch(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func branch(i int) storage.Ref {
	return storage.Ref{Name: fmt.Sprintf("refs/heads/branch-%06d", i), Hash: storage.Hash{1, byte(i)}}
}

// BenchmarkFork forks one repository again and again, with a change of a branch before each fork.
func BenchmarkFork(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprintf("branches=%d", n), func(b *testing.B) {
			s := manyBranches(b, n)
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				err := s.Update(b.Context(), func(tx storage.Tx) error {
					if err := tx.PutRef(numbered(0), branch(i%5), nil); err != nil {
						return err
					}
					return tx.ForkRepo(numbered(i), numbered(0))
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead reads a tag that is not there and a branch that is.
func BenchmarkRead(b *testing.B) {
	s := manyBranches(b, 1000)
	read := func(name string, repo storage.ID) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := s.View(b.Context(), func(v storage.View) error {
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
	read("of=repository", numbered(0))
	err := s.Update(b.Context(), func(tx storage.Tx) error { return tx.ForkRepo(numbered(1), numbered(0)) })
	if err != nil {
		b.Fatal(err)
	}
	read("of=parent", numbered(0))
	read("of=fork", numbered(1))
}
