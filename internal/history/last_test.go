package history

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// made is a Source of commits that are made up, whose trees have files alone.
type made struct {
	commits []git.Hash
	nodes   map[git.Hash]Node
	trees   map[git.Hash]*git.Tree
	reads   int
}

func numbered(kind byte, n int) (h git.Hash) {
	h[0] = kind
	binary.BigEndian.PutUint32(h[1:], uint32(n))
	return h
}

// makeHistory makes commits with merges, each of which changes some of a directory's files.
func makeHistory(r *rand.Rand, commits, files int) *made {
	m := &made{nodes: map[git.Hash]Node{}, trees: map[git.Hash]*git.Tree{}}
	for n := range commits {
		h := numbered(1, n)
		node := Node{When: int64(n), Tree: numbered(2, n)}
		tree := &git.Tree{}
		if n > 0 {
			node.Parents = append(node.Parents, m.commits[max(0, n-1-r.IntN(2))])
			tree = m.trees[m.nodes[node.Parents[0]].Tree]
		}
		if other := m.commits[max(0, n-3):]; n > 3 && r.IntN(4) == 0 && other[0] != node.Parents[0] {
			node.Parents = append(node.Parents, other[0])
		}
		var edits []git.Edit
		for f := range files {
			if n == 0 || r.IntN(files) == 0 {
				edits = append(edits, git.Edit{Name: fmt.Sprint("f", f), Mode: git.ModeRegular, Hash: numbered(3, r.IntN(1000))})
			}
		}
		if len(edits) > 0 {
			tree, _ = tree.Apply(edits)
		}
		m.commits, m.nodes[h], m.trees[node.Tree] = append(m.commits, h), node, tree
	}
	return m
}

func (m *made) Node(_ context.Context, h git.Hash) (Node, error) {
	m.reads++
	return m.nodes[h], nil
}

func (m *made) Commit(context.Context, git.Hash) (*git.Commit, error) {
	return nil, errors.ErrUnsupported
}

func (m *made) Tree(_ context.Context, h git.Hash) (*git.Tree, error) { return m.trees[h], nil }

func (m *made) Blob(context.Context, git.Hash) ([]byte, error) { return nil, errors.ErrUnsupported }

func (m *made) Filter(string) func(git.Hash) bool { return nil }

func (m *made) lasts(t *testing.T, tip git.Hash, cache *LastCache) []Last {
	t.Helper()
	w, err := NewLastWalk(t.Context(), m, tip, "", m.trees[m.nodes[tip].Tree], cache, storage.ID{})
	if err != nil {
		t.Fatal(err)
	}
	var all []Last
	for {
		last, err := w.Next(t.Context(), 1<<20)
		if errors.Is(err, ErrEnd) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, last)
	}
}

// TestLastCache finds last commits with what earlier walks found, and without.
func TestLastCache(t *testing.T) {
	for seed := range uint64(10) {
		m := makeHistory(rand.New(rand.NewPCG(seed, 1)), 400, 30)
		cache, plain, cached := NewLastCache(1<<20), 0, 0
		for n := 200; n < len(m.commits); n += 1 + n%7 {
			tip := m.commits[n]
			want := m.lasts(t, tip, nil)
			plain, m.reads = plain+m.reads, 0
			got := m.lasts(t, tip, cache)
			cached, m.reads = cached+m.reads, 0
			if len(want) != 30 || !slices.Equal(got, want) {
				t.Fatalf("seed %d: the last commits at %d are %v, want %v", seed, n, got, want)
			}
		}
		if cached > plain/3 {
			t.Errorf("seed %d: %d commits were read, %d without the cache", seed, cached, plain)
		}
		if len(cache.dirs) != 1 || len(cache.dirs[lastDir{}]) > lastMemos || cache.bytes <= 0 {
			t.Errorf("the cache has %d directories, of one %d commits", len(cache.dirs), len(cache.dirs[lastDir{}]))
		}
	}
}

// TestLastCacheBounds holds how much is kept, and that what was of use stays.
func TestLastCacheBounds(t *testing.T) {
	tree := &git.Tree{}
	memo := func(n int) *lastMemo {
		return &lastMemo{lastDir{path: fmt.Sprint(n)}, numbered(1, n), tree, make([]lastChange, 10)}
	}
	limit := 20 * memo(0).cost()
	c := NewLastCache(limit)
	c.add(memo(1))
	for n := 2; n < 100; n++ {
		c.add(memo(n))
		c.used(c.of(lastDir{path: "1"})[0])
		if c.bytes > limit || len(c.dirs) > 20 || c.order.Len() != len(c.dirs) {
			t.Fatalf("%d bytes and %d directories are kept", c.bytes, len(c.dirs))
		}
	}
	if len(c.of(lastDir{path: "99"})) != 1 || len(c.of(lastDir{path: "2"})) != 0 {
		t.Error("what came last is not what is kept")
	}
	large := lastDir{path: "large"}
	if c.add(&lastMemo{large, git.Hash{}, tree, make([]lastChange, 10_000)}); len(c.of(large)) > 0 {
		t.Error("what fills the cache is kept")
	}
}
