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
	return k.branch.size()
}

// join returns one kid of the content of two that are side by side. All below right is at or above key.
func (k kid[V]) join(key string, right kid[V]) kid[V] {
	if k.leaf != nil {
		return kid[V]{leaf: k.leaf.join(right.leaf)}
	}
	forks := append(k.branch.forks(nil), right.branch.forks(nil)...)
	forks[k.branch.size()].key = key
	return kid[V]{branch: newBranch(forks)}
}

// A branch leads to leaves, or to branches of the level below. What a place of it leads to changes from one state of
// the same range of keys to the next, and behind the last place there may come more. Any other change makes a new
// branch.
type branch[V any] struct {
	count  atomic.Int32
	prefix prefix
	starts [width]start // of keys
	// all below a kid is at or above its key, and all before it below that; the first key does not count
	keys [width]string
	kids [width]place[V]
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

func (b *branch[V]) size() int { return int(b.count.Load()) }

// push adds a fork behind the others, and reports whether it could. Nothing that is below the last one may be at or
// above its key: who does not see the new one yet must not miss anything that was there.
func (b *branch[V]) push(f fork[V]) bool {
	n := b.size()
	if n < 2 || n == width || !b.prefix.starts(f.key) {
		return false
	}
	b.keys[n], b.starts[n] = f.key, b.prefix.start(f.key)
	b.kids[n].store(f.kid)
	b.count.Store(int32(n + 1))
	return true
}

// newBranch returns a branch of up to width forks.
func newBranch[V any](forks []fork[V]) *branch[V] {
	b := &branch[V]{}
	b.count.Store(int32(len(forks)))
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

// forks appends the forks of the branch to others.
func (b *branch[V]) forks(to []fork[V]) []fork[V] {
	for i := range b.size() {
		to = append(to, fork[V]{b.keys[i], b.kids[i].load()})
	}
	return to
}

// at returns the place of the kid, one of the first count, that has key or, with below, what is right below key.
func (b *branch[V]) at(key string, below bool, count int) int {
	n := count - 1
	if !b.prefix.starts(key) {
		if b.prefix.below(key) {
			return 0
		}
		return n
	}
	keys := b.keys[1:count]
	lo, hi := around(b.starts[1:count], b.prefix.start(key))
	return lo + sort.Search(hi-lo, func(i int) bool { return keys[lo+i] > key || below && keys[lo+i] == key })
}
