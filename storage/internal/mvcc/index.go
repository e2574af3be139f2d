package mvcc

import (
	"hash/maphash"
	"sync/atomic"
)

// An index finds the node of a key in one step, without the comparisons of the way through the tree. Reading takes
// no lock. It is open addressing over atomic pointers, at most half full; growing swaps in a new table, and a reader of
// the old one sees what was there when it began.
type index[V any] struct {
	seed maphash.Seed
	now  atomic.Pointer[table[V]]

	// The fields below belong to the writer.
	used    int      // slots that are not empty
	live    int      // slots that hold a node of the tree
	removed *node[V] // fills the slots of nodes that were taken out
}

// A table has the hash of each slot beside it, so that other keys are told apart without a look at them, and growing
// looks at none. Hashes are set after nodes, and never change. 0 is an empty slot.
type table[V any] struct {
	hashes []atomic.Uint32
	nodes  []atomic.Pointer[node[V]]
}

func newTable[V any](size int) *table[V] {
	return &table[V]{make([]atomic.Uint32, size), make([]atomic.Pointer[node[V]], size)}
}

func newIndex[V any]() *index[V] {
	x := &index[V]{seed: maphash.MakeSeed(), removed: &node[V]{}}
	x.now.Store(newTable[V](16))
	return x
}

// hash returns the hash of a key, which is not 0.
func (x *index[V]) hash(key string) uint32 { return uint32(maphash.String(x.seed, key)) | 1<<31 }

// find returns the node of key, or nil.
func (x *index[V]) find(key string, hash uint32) *node[V] {
	t := x.now.Load()
	mask := len(t.hashes) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		switch t.hashes[i].Load() {
		case hash:
			if n := t.nodes[i].Load(); n.key == key && n != x.removed {
				return n
			}
		case 0:
			return nil
		}
	}
}

// add puts in a node whose key is not there.
func (x *index[V]) add(n *node[V], hash uint32) {
	if 2*(x.used+1) > len(x.now.Load().hashes) {
		x.grow()
	}
	x.now.Load().put(n, hash)
	x.used++
	x.live++
}

// put stores n in the first slot that is free.
func (t *table[V]) put(n *node[V], hash uint32) {
	mask := len(t.hashes) - 1
	i := int(hash) & mask
	for t.hashes[i].Load() != 0 {
		i = (i + 1) & mask
	}
	t.nodes[i].Store(n)
	t.hashes[i].Store(hash)
}

// remove takes out a node that is there.
func (x *index[V]) remove(n *node[V], hash uint32) {
	t := x.now.Load()
	mask := len(t.hashes) - 1
	i := int(hash) & mask
	for t.nodes[i].Load() != n {
		i = (i + 1) & mask
	}
	t.nodes[i].Store(x.removed)
	x.live--
}

func (x *index[V]) grow() {
	size := 16
	for size < 4*(x.live+1) {
		size *= 2
	}
	from, to := x.now.Load(), newTable[V](size)
	for i := range from.hashes {
		if n := from.nodes[i].Load(); n != nil && n != x.removed {
			to.put(n, from.hashes[i].Load())
		}
	}
	x.used = x.live
	x.now.Store(to)
}
