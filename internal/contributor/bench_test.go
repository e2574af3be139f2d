package contributor

import (
	"fmt"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// BenchmarkContributors is about a line of 100,000 commits by 1,000 authors: the first count, the next after one more
// commit, and reading what is kept.
func BenchmarkContributors(b *testing.B) {
	for _, name := range []string{"memory", "badger"} {
		b.Run("backend="+name, func(b *testing.B) {
			backend := memory.New()
			if name == "badger" {
				var err error
				if backend, err = badger.Open(b.TempDir(), nil); err != nil {
					b.Fatal(err)
				}
			}
			b.Cleanup(func() { backend.Close() })
			tip, next := line(b, backend, 100_000)
			counter := NewCounter(object.New(backend, 64<<20))
			tally, err := counter.Count(b.Context(), pool, tip)
			if err != nil {
				b.Fatal(err)
			}
			update(b, backend, func(tx storage.Tx) error { return Save(tx, repo, nil, tally) })
			b.Run("op=count", func(b *testing.B) {
				for b.Loop() {
					if _, err := counter.Count(b.Context(), pool, tip); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("op=advance", func(b *testing.B) {
				for b.Loop() {
					if _, _, err := counter.Advance(b.Context(), pool, tally, next); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("op=load", func(b *testing.B) {
				for b.Loop() {
					if got := load(b, backend); len(got.Authors) != len(tally.Authors) {
						b.Fatal("authors are missing")
					}
				}
			})
		})
	}
}

// line stores n commits, each the parent of the next, and one more.
func line(b *testing.B, backend storage.Backend, n int) (tip, next git.Hash) {
	stage, err := backend.Stage(b.Context(), pool)
	if err != nil {
		b.Fatal(err)
	}
	for i := range n + 1 {
		c := &git.Commit{Tree: git.Hash{1, byte(i)}, Message: "a message of some length\n"}
		if i > 0 {
			c.Parents = []git.Hash{next}
		}
		c.Author = git.Signature{Name: fmt.Sprint("Author ", i*7919%1000), Email: fmt.Sprint(i*7919%1000, "@example.com")}
		c.Committer = c.Author
		c.Committer.When = time.Unix(int64(1_000_000_000+60*i), 0)
		data := c.Append(nil)
		h, err := git.Sum(storage.Commit, data)
		if err != nil {
			b.Fatal(err)
		}
		if err := stage.Put(b.Context(), storage.Object{Hash: h, Type: storage.Commit, Size: int64(len(data)),
			Data: data}); err != nil {
			b.Fatal(err)
		}
		tip, next = next, h
	}
	if err := stage.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	return tip, next
}
