package mvcc

import (
	"slices"
	"sync/atomic"
)

// A tree keeps nodes in the order of their keys: a B+ tree whose leaves and branches readers use without locks, while
// one writer changes it. What a reader has in hand stays as complete as it was when they got it, so they find at least
// what was there when they began.
type tree[V any] struct {
	root atomic.Pointer[branch[V]]

	// The fields below belong to the writer.
	path []step[V]
	room []fork[V] // for those of a branch that changes
}

// A step is where the way to a leaf went on from a branch.
type step[V any] struct {
	branch *branch[V]
	at     int
}

func (t *tree[V]) init() {
	t.root.Store(newBranch([]fork[V]{{kid: kid[V]{leaf: &leaf[V]{}}}}))
}

// find returns the leaf in whose range a key is, and that range: what is at or above low and, unless high is empty,
// below high.
func (t *tree[V]) find(key string) (l *leaf[V], low, high string) {
	return t.descend(func(b *branch[V], count int) int { return b.at(key, false, count) })
}

// findBelow returns the leaf in whose range is what is right below key, or the last one if key is empty.
func (t *tree[V]) findBelow(key string) (l *leaf[V], low, high string) {
	return t.descend(func(b *branch[V], count int) int {
		if key == "" {
			return count - 1
		}
		return b.at(key, true, count)
	})
}

func (t *tree[V]) descend(choose func(b *branch[V], count int) int) (l *leaf[V], low, high string) {
	b := t.root.Load()
	for {
		count := b.size()
		i := choose(b, count)
		if i > 0 {
			low = b.keys[i]
		}
		if i+1 < count {
			high = b.keys[i+1]
		}
		k := b.kids[i].load()
		if k.leaf != nil {
			return k.leaf, low, high
		}
		b = k.branch
	}
}

// walk returns the leaf in whose range a key is, and notes the way.
func (t *tree[V]) walk(key string) *leaf[V] {
	t.path = t.path[:0]
	b := t.root.Load()
	for {
		i := b.at(key, false, b.size())
		t.path = append(t.path, step[V]{b, i})
		k := b.kids[i].load()
		if k.leaf != nil {
			return k.leaf
		}
		b = k.branch
	}
}

// insert adds a node whose key is not there.
func (t *tree[V]) insert(n *node[V]) {
	l := t.walk(n.key)
	if l.push(n) {
		return
	}
	bottom := len(t.path) - 1
	left, right := l.with(n)
	if right == nil {
		t.put(bottom, kid[V]{leaf: left})
		return
	}
	t.split(bottom, kid[V]{leaf: left}, between(left.last(), right.nodes[0].key), kid[V]{leaf: right})
}

// put makes the way lead to a kid at a level.
func (t *tree[V]) put(level int, k kid[V]) {
	if level < 0 {
		t.root.Store(k.branch)
		return
	}
	t.path[level].branch.kids[t.path[level].at].store(k)
}

// split makes the way at a level lead to two kids in place of one. The second begins at key.
func (t *tree[V]) split(level int, left kid[V], key string, right kid[V]) {
	if level < 0 {
		t.root.Store(newBranch([]fork[V]{{kid: left}, {key, right}}))
		return
	}
	b, at, count := t.path[level].branch, t.path[level].at, t.path[level].branch.size()
	more := fork[V]{key, right}
	if at == count-1 && b.kids[at].load() == left { // of a sequence: the same again
		if b.push(more) {
			return
		}
		if count == width {
			t.split(level-1, kid[V]{branch: b}, key, kid[V]{branch: newBranch([]fork[V]{more})})
			return
		}
	}
	forks := t.forks(b)
	forks[at].kid = left
	forks = slices.Insert(forks, at+1, more)
	if len(forks) <= width {
		t.put(level-1, kid[V]{branch: newBranch(forks)})
		return
	}
	half := len(forks) / 2
	t.split(level-1, kid[V]{branch: newBranch(forks[:half])}, forks[half].key, kid[V]{branch: newBranch(forks[half:])})
}

// forks returns the forks of a branch, in a room that is used again.
func (t *tree[V]) forks(b *branch[V]) []fork[V] {
	clear(t.room)
	t.room = b.forks(t.room[:0])
	return t.room
}

// remove takes a node out.
func (t *tree[V]) remove(n *node[V]) {
	l := t.walk(n.key)
	t.shrink(len(t.path)-1, kid[V]{leaf: l.without(n)})
}

// few is the size from which a kid is joined with the one beside it, if both are not more than half of a whole one.
const few = width / 4

// shrink puts a kid that has become smaller in its place, or nothing if it is empty.
func (t *tree[V]) shrink(level int, k kid[V]) {
	if level < 0 {
		for k.branch.size() == 1 && k.branch.kids[0].load().branch != nil {
			k = k.branch.kids[0].load()
		}
		t.root.Store(k.branch)
		return
	}
	b, at := t.path[level].branch, t.path[level].at
	count := b.size()
	if k.size() > few || count == 1 && (k.size() > 0 || level == 0) {
		t.put(level, k)
		return
	}
	if k.size() == 0 {
		if count == 1 {
			t.shrink(level-1, kid[V]{branch: &branch[V]{}})
			return
		}
		t.shrink(level-1, kid[V]{branch: newBranch(slices.Delete(t.forks(b), at, at+1))})
		return
	}
	left := min(at, count-2)
	forks := t.forks(b)
	forks[at].kid = k
	if forks[left].kid.size()+forks[left+1].kid.size() > width/2 {
		t.put(level, k)
		return
	}
	forks[left].kid = forks[left].kid.join(forks[left+1].key, forks[left+1].kid)
	t.shrink(level-1, kid[V]{branch: newBranch(slices.Delete(forks, left+1, left+2))})
}
