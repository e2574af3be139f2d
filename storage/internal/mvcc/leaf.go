package mvcc

import (
	"sort"
	"sync/atomic"
)

// width is how many nodes a leaf has at most, and how many kids a branch has.
const width = 32

// A leaf holds nodes, mostly in the order of their keys. The writer adds behind what is there, so readers sort what is
// out of order for themselves. Any other change makes a new leaf.
type leaf[V any] struct {
	state  atomic.Int32 // how many nodes there are, negative if some are out of order
	prefix prefix
	content[V]
}

// A content is nodes with their starts behind a prefix.
type content[V any] struct {
	starts [width + 1]start
	nodes  [width + 1]*node[V] // a leaf has one less; the room is for a node that comes into a whole one
}

// count returns how many nodes there are.
func (l *leaf[V]) count() int {
	n := int(l.state.Load())
	return max(n, -n)
}

// sorted returns the nodes in order. It may use room to sort them.
func (l *leaf[V]) sorted(room *content[V]) (c *content[V], count int) {
	n := int(l.state.Load())
	if n >= 0 {
		return &l.content, n
	}
	for i := range -n {
		room.insert(room.upTo(i, l.starts[i], l.nodes[i].key), i, l.starts[i], l.nodes[i])
	}
	return room, -n
}

// upTo returns how many of the first n nodes come before a key with that start. It looks from the end, where most are
// to be added.
func (c *content[V]) upTo(n int, s start, key string) int {
	for n > 0 && (c.starts[n-1] > s || c.starts[n-1] == s && c.nodes[n-1].key > key) {
		n--
	}
	return n
}

// insert puts a node at its place among n others.
func (c *content[V]) insert(at, n int, s start, node *node[V]) {
	if at < n {
		copy(c.starts[at+1:n+1], c.starts[at:n])
		copy(c.nodes[at+1:n+1], c.nodes[at:n])
	}
	c.starts[at], c.nodes[at] = s, node
}

// rank returns how many of the first n nodes have keys that are less than key.
func (c *content[V]) rank(p *prefix, key string, n int) int {
	if !p.starts(key) {
		if p.below(key) {
			return 0
		}
		return n
	}
	lo, hi := around(c.starts[:n], p.start(key))
	return lo + sort.Search(hi-lo, func(i int) bool { return c.nodes[lo+i].key >= key })
}

// push adds a node behind what is there, and reports whether it could.
func (l *leaf[V]) push(n *node[V]) bool {
	state := l.state.Load()
	count := max(state, -state)
	if count == width || !l.prefix.starts(n.key) {
		return false
	}
	s := l.prefix.start(n.key)
	l.starts[count], l.nodes[count] = s, n
	if state >= 0 && l.upTo(int(count), s, n.key) == int(count) {
		l.state.Store(count + 1)
	} else {
		l.state.Store(-count - 1)
	}
	return true
}

// keepPrefix is how many bytes longer a prefix must become to be worth a look at all keys.
const keepPrefix = 4

// newLeaf returns a leaf of some nodes in order. Their starts are behind the prefix, if known.
func newLeaf[V any](nodes []*node[V], starts []start, p prefix, known bool) *leaf[V] {
	l := &leaf[V]{prefix: p}
	copy(l.nodes[:], nodes)
	l.state.Store(int32(len(nodes)))
	first, last := nodes[0].key, nodes[len(nodes)-1].key
	if known && (len(nodes) == 1 || shared(first, last) < int(p.n)+keepPrefix) {
		copy(l.starts[:], starts)
		return l
	}
	l.prefix = sharedPrefix(first, last)
	for i, n := range nodes {
		l.starts[i] = l.prefix.start(n.key)
	}
	return l
}

// with returns leaves of the nodes of l and one more: a second one if there is no room in one.
func (l *leaf[V]) with(n *node[V]) (left, right *leaf[V]) {
	var room content[V]
	c, count := l.sorted(&room)
	known := l.prefix.starts(n.key)
	at := c.rank(&l.prefix, n.key, count)
	// In a sequence of ascending keys, the next one mostly comes right behind this one. Then that is the end of a leaf.
	sequence := at > 0 && c.nodes[at-1] == l.nodes[count-1]
	if at == width && sequence && c == &l.content {
		right = &leaf[V]{prefix: sharedPrefix(l.nodes[width-1].key, n.key)}
		right.push(n)
		return l, right
	}
	if c == &l.content {
		copy(room.starts[:], c.starts[:count])
		copy(room.nodes[:], c.nodes[:count])
	}
	var s start
	if known {
		s = l.prefix.start(n.key)
	}
	room.insert(at, count, s, n)
	cut := count + 1
	switch {
	case count < width:
	case sequence:
		cut = min(at+1, width)
	default:
		cut /= 2
	}
	left = newLeaf(room.nodes[:cut], room.starts[:cut], l.prefix, known)
	if cut <= count {
		right = newLeaf(room.nodes[cut:], room.starts[cut:], l.prefix, known)
	}
	return left, right
}

// without returns the leaf without one of its nodes.
func (l *leaf[V]) without(n *node[V]) *leaf[V] {
	count := l.count()
	less := &leaf[V]{prefix: l.prefix}
	kept := 0
	for i := range count {
		if l.nodes[i] != n {
			less.nodes[kept], less.starts[kept] = l.nodes[i], l.starts[i]
			kept++
		}
	}
	less.state.Store(int32(kept))
	if l.state.Load() < 0 {
		less.state.Store(int32(-kept))
	}
	return less
}

// join returns a leaf of the nodes of two, all of which there is room for.
func (l *leaf[V]) join(right *leaf[V]) *leaf[V] {
	var left, more content[V]
	a, n := l.sorted(&left)
	nodes := append(make([]*node[V], 0, width), a.nodes[:n]...)
	b, n := right.sorted(&more)
	return newLeaf(append(nodes, b.nodes[:n]...), nil, prefix{}, false)
}

// last returns the greatest key of leaf in order.
func (l *leaf[V]) last() string { return l.nodes[l.count()-1].key }
