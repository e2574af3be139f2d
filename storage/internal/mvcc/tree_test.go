package mvcc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// nodesOf returns what is below a branch, in order, and looks whether all is as it should be: low is at or below each
// key, high above it unless it is empty.
func nodesOf(t *testing.T, b *branch[int], low, high string) (nodes []*node[int], leaves int) {
	t.Helper()
	if b.size() < 1 || b.size() > width {
		t.Fatalf("a branch has %d kids", b.size())
	}
	for i, f := range b.forks(nil) {
		from, to := low, high
		if i > 0 {
			from = f.key
		}
		if i+1 < b.size() {
			to = b.keys[i+1]
		}
		if k := f.kid; k.branch != nil {
			more, n := nodesOf(t, k.branch, from, to)
			nodes, leaves = append(nodes, more...), leaves+n
			continue
		}
		leaves++
		l := f.kid.leaf
		var room content[int]
		c, count := l.sorted(&room)
		for j, n := range c.nodes[:count] {
			nodes = append(nodes, n)
			if n.key < from || to != "" && n.key >= to {
				t.Fatalf("key %q in a leaf from %q to %q", n.key, from, to)
			}
			if got := c.starts[j]; got != l.prefix.start(n.key) {
				t.Fatalf("start of %q = %x", n.key, got)
			}
		}
	}
	return nodes, leaves
}

// treeKeys returns keys of several shapes: ascending ones in several sequences, random ones, such as begin alike for
// longer than a prefix is, and such as begin with each other.
func treeKeys(r *rand.Rand, n int) []string {
	var keys []string
	for i := range n {
		keys = append(keys,
			fmt.Sprintf("a sequence %09d", i), fmt.Sprintf("another sequence of owner %d, %09d", i%7, i),
			fmt.Sprintf("r%016x", r.Uint64()),
			fmt.Sprintf("a text that is longer than what is kept of a prefix %d", r.Uint32()))
		if i < 100 {
			keys = append(keys, string(make([]byte, i+1)), "z"+string(make([]byte, i)))
		}
	}
	return keys
}

func TestTree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var m tree[int]
	m.init()
	have := map[string]*node[int]{}
	look := func() int {
		t.Helper()
		nodes, leaves := nodesOf(t, m.root.Load(), "", "")
		if len(nodes) != len(have) {
			t.Fatalf("%d nodes, want %d", len(nodes), len(have))
		}
		for i, n := range nodes {
			if have[n.key] != n || i > 0 && nodes[i-1].key >= n.key {
				t.Fatalf("node %q is not one, or not behind the one before it", n.key)
			}
		}
		return leaves
	}
	keys := treeKeys(r, 3000)
	for i, key := range keys {
		have[key] = &node[int]{key: key}
		m.insert(have[key])
		if i%1000 == 0 {
			look()
		}
	}
	if leaves := look(); leaves > 2*len(keys)/width {
		t.Errorf("%d leaves of %d keys", leaves, len(keys))
	}
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for len(keys) > 0 {
		last := keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		m.remove(have[last])
		delete(have, last)
		if len(keys)%997 == 0 {
			if leaves := look(); leaves > 1+len(keys)/2 {
				t.Errorf("%d leaves of %d keys", leaves, len(keys))
			}
		}
	}
	if leaves := look(); leaves != 1 || m.root.Load().kids[0].leaf.Load() == nil {
		t.Errorf("%d leaves, or more than one level, in an empty tree", leaves)
	}
}

// TestFind compares what is found in a tree with a search in a sorted list.
func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var m tree[int]
	m.init()
	keys := treeKeys(r, 500)
	for _, key := range keys[:len(keys)/2] {
		m.insert(&node[int]{key: key})
	}
	sorted := slices.Sorted(slices.Values(keys[:len(keys)/2]))
	for _, key := range append(keys, "", "a", "\xff") {
		l, low, high := m.find(key)
		var room content[int]
		c, count := l.sorted(&room)
		if key < low || high != "" && key >= high {
			t.Fatalf("find(%q) = leaf from %q to %q", key, low, high)
		}
		want, _ := slices.BinarySearch(sorted, key)
		if i := c.rank(&l.prefix, key, count); i < count && (want == len(sorted) || c.nodes[i].key != sorted[want]) {
			t.Fatalf("find(%q) leads to %q, want %q", key, c.nodes[i].key, sorted[want:min(want+1, len(sorted))])
		}
		if key == "" {
			continue
		}
		l, low, high = m.findBelow(key)
		if key <= low && low != "" || high != "" && key > high {
			t.Fatalf("findBelow(%q) = leaf from %q to %q", key, low, high)
		}
		c, count = l.sorted(&room)
		if i := c.rank(&l.prefix, key, count); i > 0 && c.nodes[i-1].key != sorted[want-1] {
			t.Fatalf("findBelow(%q) leads to %q, want %q", key, c.nodes[i-1].key, sorted[want-1])
		}
	}
}
