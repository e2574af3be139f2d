// Package history lists commits as git-log does: in its orders, with its ranges, dates and simplification of the
// history of paths, through renames. It also finds, for the entries of a directory, which commits changed them last.
//
// A walk keeps about 50 bytes for each commit that it has seen, and reads a commit when it comes to it. It is resumed
// for each commit that is asked for, so nothing of it runs while nobody asks.
package history

import (
	"context"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// A Node is what a walk needs of a commit. Its Parents must not be changed.
type Node struct {
	Tree    git.Hash
	Parents []git.Hash
	When    int64 // when it was committed, in seconds since 1970; not negative
}

// A Source is what a walk reads from. Its errors end the walk.
type Source interface {
	// Node returns what is needed of a commit.
	Node(ctx context.Context, h git.Hash) (Node, error)
	// Commit returns a commit, which must not be changed.
	Commit(ctx context.Context, h git.Hash) (*git.Commit, error)
	// Tree returns a tree.
	Tree(ctx context.Context, h git.Hash) (*git.Tree, error)
	// Blob returns the content of a file, which must not be changed.
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
	// Filter returns a function that reports whether a commit may differ at or below a path from its first parent, or if
	// it has none from the empty tree. A false is sure, and comes without reading. Nil: it is not known of any commit.
	Filter(path string) func(commit git.Hash) bool
}

// Objects is a Source that reads the objects of a pool, and of commits what it can from the pool's graph. It is for one
// goroutine.
type Objects struct {
	Store  *object.Store
	Pool   storage.ID
	Graphs *graph.Store // nil: all is read as objects

	read   int
	nodes  *graph.Nodes // nil: not opened yet
	passed int          // commits since a tree was read
	sparse bool         // many commits are passed by between those whose trees are read
}

// sparse is how many commits lie between two whose trees are read if what is made of deltas on the way to one is of no
// use to the next.
const sparse = 8

// cachedCommits is how many commits a walk puts into the cache: after so many, the rest would only drive out what
// others have there.
const cachedCommits = 1 << 15

// Commit is part of a Source.
func (o *Objects) Commit(ctx context.Context, h git.Hash) (*git.Commit, error) {
	if o.read < cachedCommits {
		o.read++
		return o.Store.Commit(ctx, o.Pool, h)
	}
	if item := o.Store.Cached(o.Pool, h); item != nil && item.Commit != nil {
		return item.Commit, nil
	}
	t, data, err := o.Store.Pass(ctx, o.Pool, h)
	if err != nil {
		return nil, err
	}
	if t != storage.Commit {
		return nil, fmt.Errorf("object %s is a %s, not a %s: %w", h, t, storage.Commit, storage.ErrNotFound)
	}
	c, err := git.ParseCommit(data)
	if err != nil {
		err = fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
	}
	return c, err
}

// Node is part of a Source.
func (o *Objects) Node(ctx context.Context, h git.Hash) (Node, error) {
	o.passed++
	if o.nodes == nil && o.Graphs != nil {
		var err error
		if o.nodes, err = o.Graphs.Nodes(ctx, o.Pool); err != nil {
			return Node{}, err
		}
	}
	if o.nodes != nil {
		n, ok, err := o.nodes.Node(ctx, h)
		if ok || err != nil {
			return Node{Tree: n.Tree, Parents: n.Parents, When: max(n.Date, 0)}, err
		}
	}
	c, err := o.Commit(ctx, h)
	if err != nil {
		return Node{}, err
	}
	return NodeOf(c), nil
}

// NodeOf returns what a walk needs of a commit.
func NodeOf(c *git.Commit) Node {
	return Node{Tree: c.Tree, Parents: c.Parents, When: max(c.Committer.When.Unix(), 0)}
}

// Tree is part of a Source.
func (o *Objects) Tree(ctx context.Context, h git.Hash) (*git.Tree, error) {
	if h == git.EmptyTree || h.IsZero() {
		return &git.Tree{}, nil
	}
	if o.passed > 0 {
		o.sparse, o.passed = o.passed > sparse, 0
	}
	read := o.Store.TreeAlong
	if o.sparse {
		read = o.Store.Tree
	}
	item, err := read(ctx, o.Pool, h)
	if err != nil {
		return nil, err
	}
	return item.Tree, nil
}

// Blob is part of a Source.
func (o *Objects) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	_, data, err := o.Store.Pass(ctx, o.Pool, h)
	return data, err
}

// Size returns the size of a file in bytes.
func (o *Objects) Size(ctx context.Context, h git.Hash) (int64, error) {
	_, size, err := o.Store.Stat(ctx, o.Pool, h)
	return size, err
}

// Filter is part of a Source.
func (o *Objects) Filter(path string) func(git.Hash) bool {
	if o.Graphs == nil {
		return nil
	}
	keys := graph.KeysOf(path)
	return func(h git.Hash) bool { return o.nodes == nil || o.nodes.MayChange(h, keys) }
}

// A filter reports whether a commit may differ from its first parent at one of some paths.
type filter []func(git.Hash) bool

func newFilter(src Source, paths []string) filter {
	f := make(filter, 0, len(paths))
	for _, p := range paths {
		one := src.Filter(p)
		if one == nil {
			return nil
		}
		f = append(f, one)
	}
	return f
}

func (f filter) mayChange(h git.Hash) bool {
	for _, one := range f {
		if one(h) {
			return true
		}
	}
	return len(f) == 0
}

// nodes are the commits that a walk has seen, by number.
type nodes struct {
	chunks [][]node
	count  uint32
	index  []uint32 // an open-addressing table of numbers plus one, a power of two long
	more   map[uint32][]uint32
}

const chunkSize = 4096

// A node is a commit that was seen. Its links are numbers, plus one, of its parents that the walk has not simplified
// away, if there are at most two, and else are in nodes.more.
type node struct {
	hash  git.Hash
	flags flags
	when  int64
	links [2]uint32
}

type flags uint32

const (
	parsed   flags = 1 << iota // its parents and its time are known
	seen                       // it was queued
	added                      // its parents were queued
	excluded                   // it is an ancestor of what is excluded, or too old
	bottom                     // it was named as one whose history is excluded
	same                       // nothing changed at the paths
	queued                     // it is in the queue
	listed                     // it is in the list that a limited walk made
	more                       // its parents are in nodes.more
)

func (ns *nodes) at(n uint32) *node { return &ns.chunks[n/chunkSize][n%chunkSize] }

// add returns the number of a commit.
func (ns *nodes) add(h git.Hash) uint32 {
	if len(ns.index) < int(ns.count+ns.count/2+8) {
		ns.grow()
	}
	slot := ns.slot(h)
	for ; ns.index[slot] != 0; slot = (slot + 1) & (len(ns.index) - 1) {
		if n := ns.index[slot] - 1; ns.at(n).hash == h {
			return n
		}
	}
	n := ns.count
	if n%chunkSize == 0 {
		size := chunkSize
		if n == 0 {
			size = 64 // most walks are short; append makes room for more
		}
		ns.chunks = append(ns.chunks, make([]node, 0, size))
	}
	last := &ns.chunks[n/chunkSize]
	*last = append(*last, node{hash: h})
	ns.count++
	ns.index[slot] = n + 1
	return n
}

func (ns *nodes) slot(h git.Hash) int {
	// The hash is as good as random.
	return int(uint32(h[0])|uint32(h[1])<<8|uint32(h[2])<<16|uint32(h[3])<<24) & (len(ns.index) - 1)
}

func (ns *nodes) grow() {
	ns.index = make([]uint32, max(128, 2*len(ns.index)))
	for n := range ns.count {
		slot := ns.slot(ns.at(n).hash)
		for ns.index[slot] != 0 {
			slot = (slot + 1) & (len(ns.index) - 1)
		}
		ns.index[slot] = n + 1
	}
}

// parents appends the parents of a commit to a slice.
func (ns *nodes) parents(to []uint32, n uint32) []uint32 {
	at := ns.at(n)
	if at.flags&more != 0 {
		return append(to, ns.more[n]...)
	}
	for _, link := range at.links {
		if link != 0 {
			to = append(to, link-1)
		}
	}
	return to
}

// setParents replaces the parents of a commit.
func (ns *nodes) setParents(n uint32, parents []uint32) {
	if at := ns.at(n); at.flags&more != 0 {
		at.flags &^= more
		delete(ns.more, n)
	}
	ns.at(n).links = [2]uint32{}
	if len(parents) > 2 {
		if ns.more == nil {
			ns.more = map[uint32][]uint32{}
		}
		ns.more[n] = slices.Clone(parents)
		ns.at(n).flags |= more
		return
	}
	for i, p := range parents {
		ns.at(n).links[i] = p + 1
	}
}
