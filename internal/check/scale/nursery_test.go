package scale_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

// A nursery is a repository with many forks, each with a commit of its own.
type nursery struct {
	*fixture.Store
	t       *testing.T
	dir     string
	root    *reposit.Repo
	forks   []*reposit.Repo
	commits []*reposit.Commit // of the forks
	lost    []reposit.Hash    // what a deleted branch and a forced one of the root held
}

// TestForkScale makes many forks of a large repository, has each go its own way, and deletes the root. No fork sees
// what only another one, or a deleted branch, holds, by any door.
func TestForkScale(t *testing.T) {
	objects, branches, forks, probes := 500, 40, 60, 40
	if *scale {
		objects, branches, forks, probes = 1_000_000, 1000, 10_000, 100
	}
	n := newNursery(t)
	n.plant(objects, branches)
	n.fork(forks)
	n.commit()
	n.check("before")
	n.probe(probes)
	fixture.Remove(t, n.root)
	n.check("after the root is gone")
	n.probe(min(probes, 10))
	for _, r := range n.forks {
		fixture.Remove(t, r)
	}
	n.Store.Check(t)
	n.Store.MustClose(t)
}

func newNursery(t *testing.T) *nursery {
	dir := t.TempDir()
	b, err := badger.Open(dir, &badger.Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	return &nursery{Store: fixture.Open(t, b, dir, nil), t: t, dir: dir}
}

// plant fills the root.
func (n *nursery) plant(objects, branches int) {
	n.root = fixture.Create(n.t, n.Store.Store, "root", &reposit.CreateOptions{Owner: "root"})
	const perCommit = 50_000
	for at := 0; at < objects; at += perCommit {
		var changes []reposit.Change
		for i := at; i < min(objects, at+perCommit); i++ {
			changes = append(changes, reposit.Put(fmt.Sprintf("%d/%d/f%d", i/10_000, i/100%100, i%100), fmt.Append(nil, i)))
		}
		if _, err := n.root.Commit(n.t.Context(), nil, changes...); err != nil {
			n.t.Fatal(err)
		}
	}
	for i := range branches {
		if _, err := n.root.Branches().Create(n.t.Context(), fmt.Sprint("b", i), ""); err != nil {
			n.t.Fatal(err)
		}
	}
	for _, branch := range []string{"gone", "forced"} {
		c, err := n.root.Commit(n.t.Context(), &reposit.CommitOptions{Branch: branch}, reposit.Put(branch, []byte(branch)))
		if err != nil {
			n.t.Fatal(err)
		}
		e, err := n.root.Stat(n.t.Context(), branch, branch)
		if err != nil {
			n.t.Fatal(err)
		}
		n.lost = append(n.lost, c.Hash, c.Tree, e.Hash)
	}
	main, err := n.root.Resolve(n.t.Context(), "main")
	if err == nil {
		err = n.root.Branches().Delete(n.t.Context(), "gone")
	}
	if err == nil {
		err = n.root.Refs().Update(n.t.Context(), reposit.RefUpdate{Name: "refs/heads/forced", New: main})
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *nursery) fork(count int) {
	before := diskUse(n.dir)
	start := time.Now()
	for i := range count {
		r, err := n.root.Fork(n.t.Context(), &reposit.ForkOptions{Owner: fmt.Sprint("u", i)})
		if err != nil {
			n.t.Fatal(err)
		}
		n.forks = append(n.forks, r)
	}
	n.t.Logf("%d forks, %v each; on disk %s before, %s after", count, time.Since(start)/time.Duration(count), before,
		diskUse(n.dir))
}

// eachFork calls fn for all forks, from eight goroutines.
func (n *nursery) eachFork(fn func(i int, r *reposit.Repo) error) {
	n.t.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(n.forks) && !n.t.Failed(); i = int(next.Add(1)) - 1 {
				if err := fn(i, n.forks[i]); err != nil {
					n.t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if n.t.Failed() {
		n.t.FailNow()
	}
}

func (n *nursery) commit() {
	n.commits = make([]*reposit.Commit, len(n.forks))
	start := time.Now()
	n.eachFork(func(i int, r *reposit.Repo) (err error) {
		n.commits[i], err = r.Write(n.t.Context(), "own", fmt.Append(nil, "fork ", i), "m")
		return err
	})
	n.t.Logf("a commit to each: %v; on disk %s", time.Since(start), diskUse(n.dir))
}

func (n *nursery) check(when string) {
	n.eachFork(func(i int, r *reposit.Repo) error {
		data, err := r.Read(n.t.Context(), "", "own")
		if err != nil || string(data) != fmt.Sprint("fork ", i) {
			return fmt.Errorf("%s: Read() of fork %d = %q, %v", when, i, data, err)
		}
		if data, err = r.Read(n.t.Context(), n.commits[i].Hash.String()+"~1", "0/0/f7"); err != nil || string(data) != "7" {
			return fmt.Errorf("%s: Read() of what fork %d began with = %q, %v", when, i, data, err)
		}
		if data, err = r.Read(n.t.Context(), "b1", "0/0/f8"); err != nil || string(data) != "8" {
			return fmt.Errorf("%s: Read() of another branch of fork %d = %q, %v", when, i, data, err)
		}
		return nil
	})
}

// probe asks each fork for hashes that it must not know, by every door that takes one.
func (n *nursery) probe(each int) {
	var asked atomic.Int64
	start := time.Now()
	n.eachFork(func(i int, r *reposit.Repo) error {
		random := rand.New(rand.NewPCG(*fixture.Seed, uint64(i)))
		for range (each + len(probes) - 1) / len(probes) {
			other := random.IntN(len(n.forks) - 1)
			if other >= i {
				other++
			}
			c := n.commits[other]
			held := append([]reposit.Hash{c.Hash, c.Tree, fixture.BlobHash(fmt.Sprint("fork ", other))}, n.lost...)
			h := held[random.IntN(len(held))]
			for door, try := range probes {
				asked.Add(1)
				if err := try(n.t.Context(), r, h); !errors.Is(err, reposit.ErrNotFound) &&
					!errors.Is(err, plumbing.ErrObjectNotFound) {
					return fmt.Errorf("%s of fork %d, asked for %s of fork %d = %v, want %v", door, i, h, other, err,
						reposit.ErrNotFound)
				}
			}
		}
		return nil
	})
	n.t.Logf("%d probes, %v each", asked.Load(), time.Since(start)/time.Duration(max(1, asked.Load())))
}

// probes are the doors that take a hash or a revision.
var probes = map[string]func(context.Context, *reposit.Repo, reposit.Hash) error{
	"Resolve": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Resolve(ctx, h.String())
		return err
	},
	"Resolve of a short hash": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Resolve(ctx, h.String()[:20])
		return err
	},
	"Resolve of its tree": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Resolve(ctx, h.String()+"^{tree}")
		return err
	},
	"Read": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Read(ctx, h.String(), "own")
		return err
	},
	"Stat": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Stat(ctx, h.String(), "")
		return err
	},
	"List": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.List(ctx, h.String(), "")
		return err
	},
	"Walk": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		for _, err := range r.Walk(ctx, h.String(), "") {
			return err
		}
		return nil
	},
	"FS": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.FS(ctx, h.String())
		return err
	},
	"Archive": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		return r.Archive(ctx, io.Discard, &reposit.ArchiveOptions{Revision: h.String()})
	},
	"Branches.Create": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Branches().Create(ctx, "stolen", h.String())
		return err
	},
	"Tags.Create": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Tags().Create(ctx, "stolen", h.String(), nil)
		return err
	},
	"Refs.Update": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		return r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/tags/stolen", New: h})
	},
	"CommitOptions.From": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Commit(ctx, &reposit.CommitOptions{Branch: "stolen", From: h.String()}, reposit.Put("x", nil))
		return err
	},
	"PutBlob": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		_, err := r.Commit(ctx, nil, reposit.PutBlob("stolen", h))
		return err
	},
	"Storer.EncodedObject": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		s, err := r.Storer(ctx)
		if err == nil {
			_, err = s.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
		}
		return err
	},
	"Storer.HasEncodedObject": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		s, err := r.Storer(ctx)
		if err == nil {
			err = s.HasEncodedObject(plumbing.Hash(h))
		}
		return err
	},
	"Storer.SetReference": func(ctx context.Context, r *reposit.Repo, h reposit.Hash) error {
		s, err := r.Storer(ctx)
		if err == nil {
			err = s.SetReference(plumbing.NewHashReference("refs/tags/stolen", plumbing.Hash(h)))
		}
		return err
	},
}
