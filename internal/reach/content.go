package reach

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// cover makes known all that a commit leads to, without its parents. It reports false if it must be called again.
func (p *pool) cover(ctx context.Context, n uint32) (done bool, err error) {
	if p.treeIndexed.has(n) {
		return true, nil
	}
	left := p.quantum.trees
	if done, err = p.expand(ctx, n, true, &left); done {
		p.treeIndexed.add(n)
		p.setMarked(n)
	}
	return done, err
}

// mark makes known what the nodes of a complete set introduced, until h is found. It ends before if others wait for the
// lock.
// Nodes that are damaged are left out, and put into damaged.
func (p *pool) mark(ctx context.Context, s *set, h storage.Hash,
	damaged map[uint32]error) (found, all bool, err error) {
	left := p.quantum.trees
	for n := range s.nodes.minus(&p.indexed) {
		if damaged[n] != nil {
			continue
		}
		done, err := p.expand(ctx, n, false, &left)
		switch {
		case errors.Is(err, storage.ErrCorrupt):
			damaged[n] = err
		case err != nil || !done:
			return false, false, err
		default:
			p.setMarked(n)
		}
		if p.introduces(s, h) {
			return true, false, nil
		}
	}
	p.trees = trees{}
	if len(damaged) == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		s.full = true
		if p.firstFull == 0 {
			p.firstFull = p.known()
		}
	}
	return p.introduces(s, h), true, nil
}

func (p *pool) setMarked(n uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.indexed.add(n)
}

// An expansion finds what a node introduced: what its tree has where the trees of its parents have it not. To find more
// than that is no mistake, since the node has all of it.
type expansion struct {
	stack []comparison
	seen  map[storage.Hash]struct{} // trees that were put on the stack: a tree that stands at many places is compared once
}

// A comparison is one of a tree with those that stand at its place in the parents.
type comparison struct {
	tree storage.Hash
	with []storage.Hash
}

// expansions that were begun are kept: a commit may introduce a million files.
type expanding struct {
	node  uint32
	cover bool // compare with nothing
}

// expand makes known what a node introduced. It reports false if it must be called again, with left gone.
func (p *pool) expand(ctx context.Context, n uint32, cover bool, left *int) (bool, error) {
	name := expanding{n, cover}
	e := p.expansions[name]
	if e == nil {
		e = &expansion{seen: map[storage.Hash]struct{}{}}
		p.begin(e, n, cover)
	}
	for len(e.stack) > 0 {
		if *left--; *left < 0 {
			p.expansions[name] = e
			return false, nil
		}
		last := len(e.stack) - 1
		c := e.stack[last]
		e.stack = e.stack[:last]
		if err := p.compare(ctx, e, n, c); err != nil {
			if e.stack = append(e.stack, c); !errors.Is(err, storage.ErrCorrupt) {
				p.expansions[name] = e
			}
			return false, err
		}
	}
	delete(p.expansions, name)
	return true, nil
}

// begin puts the tree of a node on the stack.
func (p *pool) begin(e *expansion, n uint32, cover bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.nodes[n]
	c := comparison{tree: of.tree}
	switch of.kind {
	case aTree:
		c.tree = of.hash
	case aCommit:
		if !cover {
			for _, m := range p.links(nil, n) {
				if parent := &p.nodes[m]; parent.kind == aCommit {
					c.with = append(c.with, parent.tree)
				}
			}
		}
	default:
		return
	}
	for _, h := range c.with {
		if h == c.tree {
			return
		}
	}
	p.put(c.tree, n)
	e.stack = append(e.stack, c)
}

// compare makes known what of one tree is new, and puts the trees that differ on the stack.
func (p *pool) compare(ctx context.Context, e *expansion, n uint32, c comparison) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own, err := p.tree(ctx, c.tree)
	if err != nil || own == nil {
		return err
	}
	from, to := 0, own.Len()
	var with []*git.Tree
	for _, h := range c.with {
		other, err := p.tree(ctx, h)
		if err != nil {
			return err
		}
		if other != nil {
			with = append(with, other)
			lo, hi := own.Changed(other)
			from, to = max(from, lo), min(to, hi)
		}
	}
	if from >= to {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := from; i < to; i++ {
		entry := own.Entry(i)
		if entry.Mode == git.ModeSubmodule {
			continue
		}
		below, same := entryIn(with, entry)
		if same {
			continue
		}
		p.put(entry.Hash, n)
		if _, again := e.seen[entry.Hash]; entry.IsDir() && !again {
			e.seen[entry.Hash] = struct{}{}
			e.stack = append(e.stack, comparison{entry.Hash, below})
		}
	}
	return nil
}

// entryIn reports whether one of the trees has the same entry. If not, it returns the trees of that name that they
// have.
func entryIn(trees []*git.Tree, e git.Entry) (below []storage.Hash, same bool) {
	for _, t := range trees {
		other, ok := t.Find(e.Name)
		if !ok || other.IsDir() != e.IsDir() || other.Mode == git.ModeSubmodule {
			continue
		}
		if other.Hash == e.Hash {
			return nil, true
		}
		if e.IsDir() {
			below = append(below, other.Hash)
		}
	}
	return below, false
}

// put notes that a node has an object. The caller holds the lock.
func (p *pool) put(h storage.Hash, n uint32) {
	first, ok := p.introduced[h]
	switch {
	case !ok:
		p.introduced[h] = n
		p.grow(entryCost)
	case first != n:
		others := p.again[h]
		if len(others) > 0 && others[len(others)-1] == n {
			return
		}
		p.again[h] = append(others, n)
		p.grow(againCost)
	}
}

// tree returns a tree, or nil if there is no such tree.
func (p *pool) tree(ctx context.Context, h storage.Hash) (*git.Tree, error) {
	if t := p.trees.find(h); t != nil {
		return t, nil
	}
	t, data, err := p.objects.Pass(ctx, p.id, h)
	if errors.Is(err, storage.ErrNotFound) || err == nil && t != storage.Tree {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	read, err := git.ParseTree(data)
	if err != nil {
		return nil, errors.Join(storage.ErrCorrupt, err)
	}
	p.trees.keep(h, read)
	return read, nil
}

// trees are those that were read last: most are read twice, for a commit and for its child.
type trees struct {
	young, old map[storage.Hash]*git.Tree
	bytes      int64 // of the young ones
}

const maxTrees = 2 << 20 // bytes, for each of the two

func (t *trees) find(h storage.Hash) *git.Tree {
	if found := t.young[h]; found != nil {
		return found
	}
	found := t.old[h]
	if found != nil {
		t.keep(h, found)
	}
	return found
}

func (t *trees) keep(h storage.Hash, tree *git.Tree) {
	if t.bytes += tree.Cost(); t.bytes > maxTrees || t.young == nil {
		t.young, t.old, t.bytes = map[storage.Hash]*git.Tree{}, t.young, tree.Cost()
	}
	t.young[h] = tree
}
