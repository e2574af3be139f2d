package reach

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/storage"
)

// commits are those that the tips of one origin reach, as a graph that is stored tells. They never change.
type commits struct {
	version version
	tips    map[git.Hash]struct{} // the commits that tips name, tags followed
	numbers bitset                // of commits that had numbers
	extra   map[git.Hash]struct{} // those that had none
	bytes   int64
	used    atomic.Bool
}

const (
	extraCost = 60
	// maxUnstored is how many commits may lack a number. Beyond it, what is known of each object is held in memory.
	maxUnstored = 8192
)

// graphed reports whether a commit that the pool holds is reached, and whether that is sure: it is not where too much
// of the graph is not stored, or damaged, or the history lacks something.
func (q *question) graphed(ctx context.Context) (found, sure bool, err error) {
	if q.index.graphs == nil {
		return false, false, nil
	}
	c, err := q.commits(ctx)
	if c == nil || err != nil {
		return false, false, unlessUnsure(err)
	}
	if _, ok := c.extra[q.hash]; ok {
		return true, true, nil
	}
	n, ok, err := q.index.graphs.Find(ctx, q.pool.id, q.hash)
	if err != nil {
		return false, false, unlessUnsure(err)
	}
	return ok && c.numbers.has(n), true, nil
}

// unlessUnsure returns nil for an error that is about what is stored.
func unlessUnsure(err error) error {
	if isDamage(err) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, graph.ErrUnstored) {
		return nil
	}
	return err
}

func isDamage(err error) bool {
	return errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat)
}

// commits returns those of the question's origin and version, or nil if some tips can't be read.
func (q *question) commits(ctx context.Context) (*commits, error) {
	p, k := q.pool, q.repo.key(q.origin)
	p.mu.RLock()
	old := p.graphed[k]
	p.mu.RUnlock()
	if old != nil && old.version.equal(q.version) {
		if !old.used.Load() {
			old.used.Store(true)
		}
		return old, nil
	}
	if err := p.walking.take(ctx); err != nil {
		return nil, err
	}
	defer p.walking.give()
	if old = p.graphed[k]; old != nil && old.version.equal(q.version) {
		return old, nil
	}
	t, err := q.index.tips(q.repo, q.origin, q.version)
	if err != nil || t.err != nil {
		return nil, err
	}
	c, err := q.walkGraph(ctx, t, old)
	if err != nil {
		return nil, err
	}
	_, unsure := q.repo.View.(storage.Tx) // see set
	if !unsure && (old == nil || old.version.moves <= c.version.moves) {
		p.keepCommits(k, c)
		if len(p.graphed) > keptSets && q.index.bytes.Load() > q.index.budget {
			p.trim()
		}
	}
	return c, nil
}

// walkGraph finds what tips reach. Of an older set it takes over what it can.
func (q *question) walkGraph(ctx context.Context, t *tips, old *commits) (*commits, error) {
	g, err := q.index.graphs.Open(ctx, q.pool.id, func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		return q.index.objects.Commit(ctx, q.pool.id, h)
	})
	if err != nil {
		return nil, err
	}
	g.MaxRead = maxUnstored
	c := &commits{version: t.version, tips: map[git.Hash]struct{}{}, extra: map[git.Hash]struct{}{}}
	var heads []git.Hash
	for _, h := range t.hashes {
		h, is, err := q.peel(ctx, h, old)
		if err != nil {
			return nil, err
		}
		if _, again := c.tips[h]; is && !again {
			c.tips[h] = struct{}{}
			heads = append(heads, h)
		}
	}
	if old != nil {
		done, err := c.goOn(ctx, g, old)
		if done || err != nil {
			return c, err
		}
	}
	s, err := g.Reach(ctx, heads...)
	if err != nil {
		return nil, err
	}
	c.add(g, s)
	share := old
	if share == nil {
		share = q.pool.latestCommits()
	}
	if share != nil {
		// Who else has them may be reading, so what is shared is not changed from here on.
		c.numbers.share(&bitset{chunks: share.numbers.chunks})
	} else {
		c.numbers.share(&bitset{})
	}
	return c, nil
}

// peel returns the commit that a tip names, tags followed, and whether there is one.
func (q *question) peel(ctx context.Context, h git.Hash, old *commits) (git.Hash, bool, error) {
	for {
		if old != nil {
			if _, ok := old.tips[h]; ok {
				return h, true, nil
			}
		}
		if _, ok, err := q.index.graphs.Find(ctx, q.pool.id, h); ok || err != nil {
			return h, ok, err
		}
		t, _, err := q.index.objects.Stat(ctx, q.pool.id, h)
		if err != nil || t != storage.Tag {
			return h, err == nil && t == storage.Commit, err
		}
		_, data, err := q.index.objects.Pass(ctx, q.pool.id, h)
		if err != nil {
			return h, false, err
		}
		tag, err := git.ParseTag(data)
		if err != nil {
			return h, false, errors.Join(storage.ErrCorrupt, err)
		}
		h = tag.Object
	}
}

// goOn makes c of an older set and of what its new tips add, if they are seen to lead to all tips that are gone.
func (c *commits) goOn(ctx context.Context, g *graph.Graph, old *commits) (bool, error) {
	var heads []git.Hash
	for h := range c.tips {
		if _, ok := old.tips[h]; !ok {
			heads = append(heads, h)
		}
	}
	slices.SortFunc(heads, func(a, b git.Hash) int { return slices.Compare(a[:], b[:]) })
	added, border, err := g.Grow(ctx, heads, old.numbers.has, old.extra)
	if err != nil {
		return false, err
	}
	met := map[git.Hash]struct{}{}
	for _, h := range border {
		met[h] = struct{}{}
	}
	for h := range old.tips {
		_, isTip := c.tips[h]
		if _, isMet := met[h]; !isTip && !isMet {
			return false, nil
		}
	}
	c.numbers = bitset{chunks: slices.Clone(old.numbers.chunks)}
	for h := range old.extra {
		c.extra[h] = struct{}{}
	}
	c.add(g, added)
	return true, nil
}

func (c *commits) add(g *graph.Graph, s *graph.Set) {
	for n := range s.Numbers() {
		c.numbers.add(n)
	}
	for _, h := range g.Extras(s) {
		c.extra[h] = struct{}{}
	}
}

// keepCommits makes c what k names. The caller holds walking.
func (p *pool) keepCommits(k key, c *commits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.graphed[k]; old != nil {
		p.grow(-old.bytes)
	}
	c.bytes = setCost + c.numbers.cost() + extraCost*int64(len(c.extra)+len(c.tips)) +
		int64(len(storage.Hash{})*cap(c.version.refs))
	c.numbers.tag = nil // what follows from it copies what it changes
	p.grow(c.bytes)
	p.graphed[k] = c
	c.used.Store(true)
	if k.origin == refs {
		p.lastGraphed = c
	}
}

// latestCommits returns the last set that was made of refs, or nil. The caller holds walking.
func (p *pool) latestCommits() *commits { return p.lastGraphed }

// knownCommit reports whether an object is a commit that is known to be reached.
func (x *Index) knownCommit(r *Repo, o origin, at *version, h storage.Hash) (bool, error) {
	p := x.find(r.Pool)
	if p == nil {
		return false, nil
	}
	p.mu.RLock()
	c := p.graphed[r.key(o)]
	p.mu.RUnlock()
	if c == nil || !c.version.equal(*at) {
		return false, nil
	}
	if _, ok := c.extra[h]; ok {
		return true, nil
	}
	n, ok, err := x.graphs.Find(context.Background(), p.id, h)
	return ok && c.numbers.has(n), unlessUnsure(err)
}
