package graph

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
)

var million = flag.Int("million", 0, "commits of the history in TestMillion, which is left out without it")

// TestMillion measures a long history in a store that was just opened.
func TestMillion(t *testing.T) {
	if *million == 0 {
		t.Skip("needs -million")
	}
	dir := t.TempDir()
	open := func() storage.Backend {
		b, err := badger.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ctx, b := t.Context(), open()
	var pool storage.ID
	copy(pool[:], "poolpoolpoolpoolpool")
	stage, err := b.Stage(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []git.Hash
	put := func(parents ...git.Hash) git.Hash {
		who := git.Signature{Name: fmt.Sprint("author", len(hashes)%50), Email: "a@example.org",
			When: time.Unix(1e9+int64(len(hashes)), 0)}
		c := &git.Commit{Tree: git.EmptyTree, Parents: parents, Author: who, Committer: who, Message: "x\n"}
		data := c.Append(nil)
		h, err := git.Sum(storage.Commit, data)
		if err == nil {
			err = stage.Put(ctx, storage.Object{Hash: h, Type: storage.Commit, Size: int64(len(data)), Data: data})
		}
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
		return h
	}
	start := time.Now()
	tip := put()
	for len(hashes) < *million {
		side := tip
		tip = put(tip)
		if len(hashes)%10 == 0 { // a branch of two, which is merged
			tip = put(tip, put(put(side)))
		}
	}
	other := tip
	for range 20 {
		tip, other = put(tip), put(other)
	}
	if err := stage.Close(ctx); err != nil {
		t.Fatal(err)
	}
	report := func(what string) {
		t.Logf("%-40s %v", what, time.Since(start).Round(10*time.Microsecond))
		start = time.Now()
	}
	report("making the commits")
	s := NewStore(b, object.New(b, 1<<20), 0)
	k := &Keeper{Store: s, Update: b.Update}
	if err := k.Advance(ctx, pool, []git.Hash{tip, other}); err != nil {
		t.Fatal(err)
	}
	report("giving them numbers")
	r := rand.New(rand.NewPCG(1, 1))
	cold := func(what string, fn func(context.Context, *Graph) error) {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open()
		start = time.Now()
		s = NewStore(b, object.New(b, 1<<20), 0)
		g, err := s.Open(ctx, pool, nil)
		if err == nil {
			err = fn(ctx, g)
		}
		if err != nil {
			t.Fatal(err)
		}
		report(what)
	}
	cold("merge base of two branches", func(ctx context.Context, g *Graph) error {
		_, err := g.MergeBases(ctx, tip, other)
		return err
	})
	cold("ahead, behind", func(ctx context.Context, g *Graph) error {
		ahead, behind, err := g.AheadBehind(ctx, tip, other)
		if ahead != 20 || behind != 20 {
			t.Errorf("ahead %d, behind %d", ahead, behind)
		}
		return err
	})
	cold("is the first an ancestor", func(ctx context.Context, g *Graph) error {
		is, err := g.IsAncestor(ctx, hashes[0], tip)
		if !is {
			t.Error("it is not")
		}
		return err
	})
	cold("100 merge bases of any two", func(ctx context.Context, g *Graph) error {
		for range 100 {
			g, err := s.Open(ctx, pool, nil)
			if err == nil {
				_, err = g.MergeBases(ctx, hashes[r.IntN(len(hashes))], hashes[r.IntN(len(hashes))])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	cold("all that a branch reaches", func(ctx context.Context, g *Graph) error {
		set, err := g.Reach(ctx, tip)
		if err == nil && set.Len() != len(hashes)-20 {
			t.Errorf("%d of %d", set.Len(), len(hashes))
		}
		return err
	})
	cold("the author of each", func(ctx context.Context, g *Graph) error {
		set, err := g.Reach(ctx, tip)
		if err != nil {
			return err
		}
		return g.Each(ctx, set, func(*Item) error { return nil })
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
