package reach

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A pool is what is known of the objects of one pool, whichever repositories led there: the commits with their parents,
// and for each other object the commits that introduced it. Objects never change, so none of that is ever wrong; it is
// forgotten when memory is short. What a repository reaches is a set of nodes.
type pool struct {
	id      storage.ID
	objects *object.Store
	graphs  *graph.Store
	quantum quantum

	walking lock // of those who add nodes and make sets
	marking lock // of those who add to introduced

	// Who holds one of these locks changes what is named beside it, and for that holds mu, too.
	mu          sync.RWMutex
	index       map[storage.Hash]uint32   // walking: the numbers of nodes
	nodes       []node                    // walking
	more        map[uint32][]uint32       // walking: the parents after the second
	sets        map[key]*set              // walking
	graphed     map[key]*commits          // walking
	introduced  map[storage.Hash]uint32   // marking: an object, and a node that introduced it
	again       map[storage.Hash][]uint32 // marking: further such nodes
	indexed     bitset                    // marking: nodes of which it is known what they introduced
	latest      *set                      // walking, without mu: the last set that was made of refs
	lastGraphed *commits                  // walking: the same of commits that a stored graph tells of
	treeIndexed bitset                    // marking, without mu: nodes of which all that their trees hold is in introduced
	expansions  map[expanding]*expansion  // marking, without mu: those that were begun
	trees       trees                     // marking, without mu

	used  atomic.Bool   // since memory was short last
	bytes atomic.Int64  // about what all this takes
	total *atomic.Int64 // the same of all pools

	// What known was when a set was complete first, and when one was full first. What came since then may be of use to
	// nobody any more.
	firstWhole, firstFull int64
}

// A lock is held by one goroutine at a time.
type lock chan struct{}

func (t lock) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t lock) give() { <-t }

// do calls fn, which holds the lock.
func (t lock) do(ctx context.Context, fn func() error) error {
	if err := t.take(ctx); err != nil {
		return err
	}
	defer t.give()
	return fn()
}

// A node is an object that refs may lead to by way of commits and tags alone.
type node struct {
	hash  storage.Hash
	tree  storage.Hash // of a commit
	links [2]uint32    // numbers, plus one, of a commit's first parents, or of what a tag names
	kind  kind
	more  bool // has further parents
}

type kind uint8

const (
	unread  kind = iota
	parent       // unread, but named as a commit's parent
	missing      // it could not be read
	aCommit
	aTag
	aTree
	aBlob
)

// About what is held for each, in bytes, with its share of a map that is not full.
const (
	poolCost  = 2000
	nodeCost  = 100
	entryCost = 48
	againCost = 16
	setCost   = 300
)

func newPool(id storage.ID, x *Index) *pool {
	return &pool{
		id: id, objects: x.objects, graphs: x.graphs, quantum: x.quantum, walking: make(lock, 1), marking: make(lock, 1),
		index: map[storage.Hash]uint32{}, more: map[uint32][]uint32{}, sets: map[key]*set{},
		graphed:    map[key]*commits{},
		introduced: map[storage.Hash]uint32{}, again: map[storage.Hash][]uint32{}, expansions: map[expanding]*expansion{},
		total: &x.bytes,
	}
}

func (p *pool) grow(bytes int64) {
	p.bytes.Add(bytes)
	p.total.Add(bytes)
}

// add returns the number of a node, which it makes if there is none.
func (p *pool) add(h storage.Hash, k kind) uint32 {
	n, ok := p.index[h]
	if ok {
		return n
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n = uint32(len(p.nodes))
	p.nodes = append(p.nodes, node{hash: h, kind: k})
	p.index[h] = n
	p.grow(nodeCost)
	return n
}

// read finds out what a node is, and what it names. One that is not there is missing, as is one that is damaged, of
// which the error tells: it wraps storage.ErrCorrupt.
func (p *pool) read(ctx context.Context, n uint32) error {
	h, was := p.nodes[n].hash, p.nodes[n].kind
	read, err := p.decode(ctx, h, was)
	if errors.Is(err, storage.ErrNotFound) {
		read, err = node{kind: missing}, nil
	}
	damaged := errors.Is(err, storage.ErrCorrupt)
	if damaged {
		read = node{kind: missing}
	}
	if err != nil && !damaged {
		return err
	}
	read.hash = h
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nodes[n] = read
	return err
}

// decode reads an object, and makes nodes of what it names.
func (p *pool) decode(ctx context.Context, h storage.Hash, was kind) (node, error) {
	if was != parent {
		t, _, err := p.objects.Stat(ctx, p.id, h)
		switch {
		case err != nil:
			return node{}, err
		case t == storage.Tree:
			return node{kind: aTree}, nil
		case t == storage.Blob:
			return node{kind: aBlob}, nil
		}
	}
	if p.graphs != nil {
		root, parents, ok, err := p.graphs.Links(ctx, p.id, h)
		if ok && err == nil {
			return p.commit(p.index[h], root, parents), nil
		}
		if err != nil && !isDamage(err) {
			return node{}, err
		}
	}
	t, data, err := p.objects.Pass(ctx, p.id, h)
	if err != nil {
		return node{}, err
	}
	switch t {
	case storage.Tree:
		return node{kind: aTree}, nil
	case storage.Blob:
		return node{kind: aBlob}, nil
	case storage.Tag:
		named, err := git.ParseTag(data)
		if err != nil {
			return node{}, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
		}
		return node{kind: aTag, links: [2]uint32{p.add(named.Object, unread) + 1}}, nil
	}
	root, parents, err := git.CommitLinks(data)
	if err != nil {
		return node{}, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
	}
	return p.commit(p.index[h], root, parents), nil
}

func (p *pool) commit(n uint32, root storage.Hash, parents []storage.Hash) node {
	made := node{kind: aCommit, tree: root}
	var more []uint32
	for i, h := range parents {
		m := p.add(h, parent)
		if i < len(made.links) {
			made.links[i] = m + 1
		} else {
			more = append(more, m)
		}
	}
	if len(more) > 0 {
		made.more = true
		p.mu.Lock()
		defer p.mu.Unlock()
		p.more[n] = more
	}
	return made
}

// links appends the nodes that a node names.
func (p *pool) links(to []uint32, n uint32) []uint32 {
	from := &p.nodes[n]
	for _, m := range from.links {
		if m != 0 {
			to = append(to, m-1)
		}
	}
	if from.more {
		to = append(to, p.more[n]...)
	}
	return to
}

// introduces reports whether a node of s introduced an object.
func (p *pool) introduces(s *set, h storage.Hash) bool {
	n, ok := p.introduced[h]
	if !ok {
		return false
	}
	return s.nodes.has(n) || slices.ContainsFunc(p.again[h], s.nodes.has)
}

// keep makes s the set that k names.
func (p *pool) keep(k key, s *set) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.sets[k]; old != nil {
		p.grow(-old.bytes)
	}
	s.key, s.bytes = k, setCost+s.tips.cost()+int64(len(storage.Hash{})*cap(s.version.refs))
	p.grow(s.bytes)
	p.sets[k] = s
	s.used.Store(true)
	if k.origin == refs {
		p.latest = s
	}
}

// trim forgets sets that were not asked for since it was called last. The caller holds walking.
func (p *pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, s := range p.sets {
		if !s.used.Swap(false) {
			delete(p.sets, k)
			p.grow(-s.bytes)
		}
	}
	for k, s := range p.graphed {
		if !s.used.Swap(false) {
			delete(p.graphed, k)
			p.grow(-s.bytes)
		}
	}
}

// known returns about how many bytes p takes without its sets. The caller holds the lock.
func (p *pool) known() int64 {
	return nodeCost*int64(len(p.nodes)) + entryCost*int64(len(p.introduced))
}

// outgrown reports whether most of what is known may be of use to nobody: commits that were forced away, and what they
// introduced. To begin anew then takes no more work than there was since the last time.
func (p *pool) outgrown() bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	first := p.firstFull
	if len(p.introduced) == 0 {
		first = p.firstWhole
	}
	return first > 0 && p.known() > 2*first
}
