package billyfs_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

func benchOpen(b *testing.B, kind string) storage.Backend {
	b.Helper()
	root := memfs.New()
	opts := &billyfs.Options{}
	switch kind {
	case "sync":
		root = osfs.New(b.TempDir())
	case "nosync":
		root, opts = osfs.New(b.TempDir()), noSync
	}
	s, err := billyfs.Open(root, opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkCommit is a commit of one file: three objects, a ref with its log, a record.
func BenchmarkCommit(b *testing.B) {
	for _, kind := range []string{"memfs", "nosync", "sync"} {
		b.Run("fs="+kind, func(b *testing.B) {
			s := benchOpen(b, kind)
			repo, pool := id("r1"), id("p1")
			if err := s.Update(b.Context(), func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) }); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				err := s.Update(b.Context(), func(tx storage.Tx) error {
					r, err := tx.Ref(repo, "refs/heads/main")
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						return err
					}
					objects, tip := commitOf(r.Hash, fmt.Sprint(n))
					for _, o := range objects {
						if _, err := tx.PutObject(pool, o); err != nil {
							return err
						}
					}
					return errors.Join(tx.PutRecord([]byte("record"), []byte("value")),
						tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: tip}, logEntry(r.Hash, tip, "commit")))
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen opens a store of 10,000 repositories.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := billyfs.Open(osfs.New(dir), noSync)
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10_000 {
		err := s.Update(b.Context(), func(tx storage.Tx) error {
			repo := id(fmt.Sprintf("%d", i))
			err := tx.CreateRepo(repo, repo)
			for j := range 12 {
				err = errors.Join(err, tx.PutRecord(fmt.Appendf(nil, "record of some kind %d/%s", j, repo), make([]byte, 150)))
			}
			return errors.Join(err, tx.PutRef(repo, storage.Ref{Name: "HEAD", Target: "refs/heads/main"}, nil))
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := billyfs.Open(osfs.New(dir), noSync)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, kind := range []string{"memfs", "nosync"} {
		s := benchOpen(b, kind)
		repo, pool := id("r1"), id("p1")
		objects, tip := commitOf(storage.Hash{}, "x")
		err := s.Update(b.Context(), func(tx storage.Tx) error {
			_, err := tx.PutObject(pool, objects[0])
			return errors.Join(err, tx.CreateRepo(repo, pool),
				tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: tip}, nil))
		})
		if err != nil {
			b.Fatal(err)
		}
		b.Run("what=ref/fs="+kind, func(b *testing.B) {
			for b.Loop() {
				err := s.View(b.Context(), func(v storage.View) error {
					_, err := v.Ref(repo, "refs/heads/main")
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("what=object/fs="+kind, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Object(b.Context(), pool, objects[0].Hash); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFork forks a repository of 1,000 branches.
func BenchmarkFork(b *testing.B) {
	for _, kind := range []string{"memfs", "nosync", "sync"} {
		b.Run("fs="+kind, func(b *testing.B) {
			s := benchOpen(b, kind)
			repo, pool := id("r1"), id("p1")
			err := s.Update(b.Context(), func(tx storage.Tx) error {
				err := tx.CreateRepo(repo, pool)
				for i := range 1000 {
					ref := storage.Ref{Name: fmt.Sprintf("refs/heads/branch-%04d", i), Hash: storage.Hash{1, byte(i)}}
					err = errors.Join(err, tx.PutRef(repo, ref, nil))
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				err := s.Update(b.Context(), func(tx storage.Tx) error { return tx.ForkRepo(id(fmt.Sprintf("f%d", n)), repo) })
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
