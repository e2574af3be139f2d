package mvcc

import (
	"hash/maphash"
	"sync/atomic"
)

// An index finds the node of a key in one step, without the comparisons of the way through the list. Reading takes
// no lock. It is open addressing over atomic pointers, at most half full; growing swaps in a new array, and a reader of
// the old one sees what was there when it began.
type index[V any] struct {
	seed  maphash.Seed
	slots atomic.Pointer[[]atomic.Pointer[node[V]]]

	// The fields below belong to the writer.
	used    int      // slots that are not nil
	live    int      // slots that hold a node of the list
	removed *node[V] // fills the slots of nodes that were taken out
}

func newIndex[V any]() *index[V] {
	x := &index[V]{seed: maphash.MakeSeed(), removed: &node[V]{}}
	slots := make([]atomic.Pointer[node[V]], 16)
	x.slots.Store(&slots)
	return x
}

// find returns the node of key, or nil.
func (x *index[V]) find(key string) *node[V] {
	slots := *x.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := maphash.String(x.seed, key) & mask; ; i = (i + 1) & mask {
		n := slots[i].Load()
		if n == nil || n.key == key && n != x.removed {
			return n
		}
	}
}

// add puts in a node whose key is not there.
func (x *index[V]) add(n *node[V]) {
	if 2*(x.used+1) > len(*x.slots.Load()) {
		x.grow()
	}
	put(*x.slots.Load(), x.seed, n)
	x.used++
	x.live++
}

// put stores n in the first slot that is free.
func put[V any](slots []atomic.Pointer[node[V]], seed maphash.Seed, n *node[V]) {
	mask := uint64(len(slots) - 1)
	i := maphash.String(seed, n.key) & mask
	for slots[i].Load() != nil {
		i = (i + 1) & mask
	}
	slots[i].Store(n)
}

// remove takes out a node.
func (x *index[V]) remove(n *node[V]) {
	slots := *x.slots.Load()
	mask := uint64(len(slots) - 1)
	for i := maphash.String(x.seed, n.key) & mask; ; i = (i + 1) & mask {
		switch slots[i].Load() {
		case n:
			slots[i].Store(x.removed)
			x.live--
			return
		case nil:
			return
		}
	}
}

func (x *index[V]) grow() {
	old := *x.slots.Load()
	size := 16
	for size < 4*(x.live+1) {
		size *= 2
	}
	slots := make([]atomic.Pointer[node[V]], size)
	for i := range old {
		if n := old[i].Load(); n != nil && n != x.removed {
			put(slots, x.seed, n)
		}
	}
	x.used = x.live
	x.slots.Store(&slots)
}
