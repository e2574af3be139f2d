package mvcc

import (
	"sort"
	"sync/atomic"
)

// A kid is a leaf or a branch. Which one it is depends on its level alone.
type kid[V any] struct {
	leaf   *leaf[V]
	branch *branch[V]
}

// size returns how many nodes or kids it has.
func (k kid[V]) size() int {
	if k.leaf != nil {
		return k.leaf.count()
	}
	return k.branch.count
}

// join returns one kid of the content of two that are side by side. All below right is at or above key.
func (k kid[V]) join(key string, right kid[V]) kid[V] {
	if k.leaf != nil {
		return kid[V]{leaf: k.leaf.join(right.leaf)}
	}
	forks := append(k.branch.forks(), right.branch.forks()...)
	forks[k.branch.count].key = key
	return kid[V]{branch: newBranch(forks)}
}

// A branch leads to leaves, or to branches of the level below. Only what a place of it leads to changes: from one state
// of the same range of keys to the next.
type branch[V any] struct {
	count  int
	prefix prefix
	starts [width]start  // of keys
	keys   [width]string // all below a kid is at or above its key, and all before it below that; the first key does not count
	kids   [width]place[V]
}

type place[V any] struct {
	leaf   atomic.Pointer[leaf[V]]
	branch atomic.Pointer[branch[V]]
}

func (p *place[V]) load() kid[V] { return kid[V]{p.leaf.Load(), p.branch.Load()} }

func (p *place[V]) store(k kid[V]) {
	if k.leaf != nil {
		p.leaf.Store(k.leaf)
	} else {
		p.branch.Store(k.branch)
	}
}

// A fork is a kid and its key.
type fork[V any] struct {
	key string
	kid kid[V]
}

// newBranch returns a branch of up to width forks.
func newBranch[V any](forks []fork[V]) *branch[V] {
	b := &branch[V]{count: len(forks)}
	if len(forks) > 1 {
		b.prefix = sharedPrefix(forks[1].key, forks[len(forks)-1].key)
	}
	for i, f := range forks {
		b.kids[i].store(f.kid)
		if i > 0 {
			b.keys[i], b.starts[i] = f.key, b.prefix.start(f.key)
		}
	}
	return b
}

func (b *branch[V]) forks() []fork[V] {
	forks := make([]fork[V], b.count, b.count+1)
	for i := range forks {
		forks[i] = fork[V]{b.keys[i], b.kids[i].load()}
	}
	return forks
}

// at returns the place of the kid that has key or, with below, what is right below key.
func (b *branch[V]) at(key string, below bool) int {
	n := b.count - 1
	if !b.prefix.starts(key) {
		if b.prefix.below(key) {
			return 0
		}
		return n
	}
	keys := b.keys[1:b.count]
	lo, hi := around(b.starts[1:b.count], b.prefix.start(key))
	return lo + sort.Search(hi-lo, func(i int) bool { return keys[lo+i] > key || below && keys[lo+i] == key })
}
