package graph

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// Nodes reads single commits of a pool, as far as they are stored. It is for one goroutine. However many it reads, it
// holds few of them in memory.
type Nodes struct {
	g     *Graph
	hints []hint // places of commits that it told of or was asked about, by their hashes

	filtered uint32 // how many chunks have filters
	filters  [recent]*filters
	chunks   [recent]uint32
}

// A hint says which number a commit has. It is checked before it is believed.
type hint struct {
	prefix uint64
	number uint32
	known  bool
}

const hints = 1 << 11

// Nodes returns what reads the commits of a pool that have numbers now.
func (s *Store) Nodes(ctx context.Context, pool storage.ID) (*Nodes, error) {
	g, err := s.Open(ctx, pool, nil)
	if err != nil {
		return nil, err
	}
	n := &Nodes{g: g}
	if g.stored == 0 {
		return n, nil
	}
	h, err := s.head(ctx, pool)
	if err != nil {
		return nil, err
	}
	n.hints, n.filtered = make([]hint, hints), h.filtered
	if h.filtered < h.chunks {
		s.want(pool, git.Hash{})
	}
	return n, nil
}

// A Node is what is stored of a commit: its tree, its parents, and its committer's date in seconds since 1970.
type Node struct {
	Tree    git.Hash
	Parents []git.Hash
	Date    int64
}

// Node returns what is stored of a commit. It reports false if that is nothing, or can't be read since it is damaged:
// then the object says it all.
func (n *Nodes) Node(ctx context.Context, h git.Hash) (Node, bool, error) {
	number, ok, err := n.number(ctx, h)
	if !ok || err != nil {
		return Node{}, false, n.unlessDamaged(err)
	}
	node, err := n.read(ctx, number)
	if err != nil {
		return Node{}, false, n.unlessDamaged(err)
	}
	return node, node.Date < maxDate && node.Date > -maxDate, nil
}

func (n *Nodes) read(ctx context.Context, number uint32) (Node, error) {
	l, i, err := n.g.linksOf(ctx, number)
	if err != nil {
		return Node{}, err
	}
	own, _, err := n.g.namesOf(ctx, number)
	if err != nil {
		return Node{}, err
	}
	node := Node{Tree: own.tree(i), Date: l.date[i]}
	n.g.buffer = l.parents(n.g.buffer[:0], i)
	if len(n.g.buffer) > 0 {
		node.Parents = make([]git.Hash, len(n.g.buffer))
	}
	for j, p := range n.g.buffer {
		of, at, err := n.g.namesOf(ctx, p)
		if err != nil {
			return Node{}, err
		}
		node.Parents[j] = of.hash(at)
		n.hint(node.Parents[j], p)
	}
	return node, nil
}

// unlessDamaged returns nil for an error that says that what is stored is damaged. Then nothing of it is read any more.
func (n *Nodes) unlessDamaged(err error) error {
	if isDamage(err) {
		n.g.stored = 0
		return nil
	}
	return err
}

// Keys are what filters are asked for: a path.
type Keys struct{ keys []bloomKey }

// KeysOf returns the Keys of a path.
func KeysOf(path string) Keys { return Keys{bloomKeysOf(path)} }

// MayChange reports whether a commit may differ from its first parent at or below a path, or if it has none, from the
// empty tree. A false is sure. What it asks for is mostly in memory.
func (n *Nodes) MayChange(h git.Hash, path Keys) bool {
	ctx := context.Background() // a record at most, of one commit in some hundreds
	number, ok, err := n.number(ctx, h)
	if err != nil || !ok || number/chunkSize >= n.filtered {
		return true
	}
	chunk := number / chunkSize
	f := n.filters[chunk%recent]
	if f == nil || n.chunks[chunk%recent] != chunk {
		if f, err = n.g.store.filters(ctx, n.g.pool, chunk); err == nil {
			err = n.g.current()
		} else if isDamage(err) {
			n.g.store.setFaulty(n.g.pool, true)
			n.g.store.want(n.g.pool, git.Hash{})
			n.filtered = 0
		}
		if err != nil {
			return true
		}
		n.filters[chunk%recent], n.chunks[chunk%recent] = f, chunk
	}
	return mayHave(f.of(int(number%chunkSize)), path.keys)
}

func (n *Nodes) hint(h git.Hash, number uint32) {
	p := prefixOf(h)
	n.hints[p%hints] = hint{p, number, true}
}

// number returns the number of a commit, and whether it has one.
func (n *Nodes) number(ctx context.Context, h git.Hash) (uint32, bool, error) {
	if n.g.stored == 0 {
		return 0, false, nil
	}
	p := prefixOf(h)
	if at := &n.hints[p%hints]; at.known && at.prefix == p {
		own, i, err := n.g.namesOf(ctx, at.number)
		if err != nil || own.hash(i) == h {
			return at.number, true, err
		}
	}
	number, ok, err := n.g.store.find(ctx, n.g.pool, h)
	if err == nil {
		err = n.g.current()
	}
	if !ok || err != nil || number >= n.g.stored {
		return 0, false, err
	}
	n.hint(h, number)
	return number, true, nil
}
