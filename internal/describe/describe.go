// Package describe names commits by the tags that they come after, as git-describe does.
package describe

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
)

// ErrNone says that no tag describes a commit.
var ErrNone = errors.New("no tag describes it")

// A Tag is a tag of a commit.
type Tag struct {
	Name      string // that it is called by
	Annotated bool
	Misnamed  bool  // an annotated tag has another name in itself
	Date      int64 // of the tagger, in seconds since 1970
}

// Tags are the tags by the commits that they lead to, of each the one that names it best.
type Tags map[git.Hash]Tag

// Add adds a tag. Of several of one commit, an annotated one counts, the latest of these, and else the first that came.
func (ts Tags) Add(commit git.Hash, t Tag) {
	old, ok := ts[commit]
	if !ok || !old.Annotated && t.Annotated || old.Annotated && t.Annotated && old.Date < t.Date {
		ts[commit] = t
	}
}

// Options say which tags may describe a commit, and how far they are looked for.
type Options struct {
	Lightweight bool // tags that are not annotated, too
	Candidates  int  // how many tags are considered; 0: only those of the commit itself
	FirstParent bool
}

// MaxCandidates is how many tags can be considered at most (git's MAX_TAGS).
const MaxCandidates = 27

// A Description is the tag that describes a commit.
type Description struct {
	Tag
	Depth int // number of commits that it lacks
	Exact bool
}

// Describe returns what describes a commit, or ErrNone. It walks the history, by date, until the tags that come into
// question are found, which is to its beginning if there are none. Of the commits that read returns, the parents and
// the committer's time count.
func Describe(ctx context.Context, read graph.Reader, tags Tags, commit git.Hash, o Options) (Description, error) {
	if t, ok := tags[commit]; ok && (o.Lightweight || t.Annotated) {
		return Description{t, 0, true}, nil
	}
	if o.Candidates == 0 || len(tags) == 0 {
		return Description{}, ErrNone
	}
	w := &walk{read: read, tags: tags, Options: o, nodes: map[git.Hash]*node{}}
	if err := w.push(ctx, commit); err != nil {
		return Description{}, err
	}
	if err := w.find(ctx); err != nil {
		return Description{}, err
	}
	if len(w.found) == 0 {
		return Description{}, ErrNone
	}
	slices.SortStableFunc(w.found, func(a, b *candidate) int { return cmp.Compare(a.depth, b.depth) })
	best := w.found[0]
	if err := w.finish(ctx, best); err != nil {
		return Description{}, err
	}
	return Description{best.tag, best.depth, false}, nil
}

// A candidate is a tag that was found, with the number of commits that it lacks of those that were seen.
type candidate struct {
	tag    Tag
	within uint32 // the flag of the commits that it has
	depth  int
}

type node struct {
	hash    git.Hash
	parents []git.Hash
	date    int64
	order   int // among those that were queued
	flags   uint32
	queued  bool
}

type walk struct {
	Options
	read   graph.Reader
	tags   Tags
	nodes  map[git.Hash]*node
	queue  queue
	orders int
	found  []*candidate
	gaveUp *node
	seen   int

	watched uint32 // a flag
	without int    // how many in the queue lack it
}

// push queues a commit that was not seen yet.
func (w *walk) push(ctx context.Context, h git.Hash) error {
	c, err := w.read(ctx, h)
	if err != nil {
		return err
	}
	n := &node{hash: h, parents: c.Parents, date: max(c.Committer.When.Unix(), 0)}
	w.nodes[h] = n
	w.enqueue(n)
	return nil
}

func (w *walk) enqueue(n *node) {
	w.orders++
	n.order, n.queued = w.orders, true
	if n.flags&w.watched == 0 {
		w.without++
	}
	heap.Push(&w.queue, n)
}

func (w *walk) pop(ctx context.Context) (*node, error) {
	n := heap.Pop(&w.queue).(*node)
	n.queued = false
	if n.flags&w.watched == 0 {
		w.without--
	}
	if w.seen++; w.seen%1024 == 0 {
		return n, ctx.Err()
	}
	return n, nil
}

// spread passes the flags of a commit on to its parents.
func (w *walk) spread(ctx context.Context, n *node, firstOnly bool) error {
	for i, h := range n.parents {
		if i > 0 && firstOnly {
			break
		}
		p := w.nodes[h]
		if p == nil {
			if err := w.push(ctx, h); err != nil {
				return err
			}
			p = w.nodes[h]
		}
		if p.queued && p.flags&w.watched == 0 && n.flags&w.watched != 0 {
			w.without--
		}
		p.flags |= n.flags
	}
	return nil
}

// find collects candidates.
func (w *walk) find(ctx context.Context) error {
	annotated := false
	for len(w.queue) > 0 {
		n, err := w.pop(ctx)
		if err != nil {
			return err
		}
		if t, ok := w.tags[n.hash]; ok && (w.Lightweight || t.Annotated) {
			if len(w.found) == min(w.Candidates, MaxCandidates) {
				w.gaveUp = n
				return nil
			}
			c := &candidate{t, 1 << len(w.found), w.seen - 1}
			n.flags |= c.within
			w.found = append(w.found, c)
			annotated = annotated || t.Annotated
		}
		for _, c := range w.found {
			if n.flags&c.within == 0 {
				c.depth++
			}
		}
		if annotated && len(w.queue) == 0 && w.covered(n) {
			return nil
		}
		if err := w.spread(ctx, n, w.FirstParent); err != nil {
			return err
		}
	}
	return nil
}

// covered reports whether the best candidates all have a commit.
func (w *walk) covered(n *node) bool {
	best := slices.MinFunc(w.found, func(a, b *candidate) int { return cmp.Compare(a.depth, b.depth) }).depth
	for _, c := range w.found {
		if c.depth == best && n.flags&c.within == 0 {
			return false
		}
	}
	return true
}

// finish counts the commits that the best candidate lacks of those that were not seen yet.
func (w *walk) finish(ctx context.Context, best *candidate) error {
	if w.gaveUp != nil {
		w.enqueue(w.gaveUp)
	}
	w.watched, w.without = best.within, 0
	for _, n := range w.queue {
		if n.flags&w.watched == 0 {
			w.without++
		}
	}
	for len(w.queue) > 0 {
		n, err := w.pop(ctx)
		if err != nil {
			return err
		}
		if n.flags&best.within == 0 {
			best.depth++
		} else if w.without == 0 {
			return nil
		}
		if err := w.spread(ctx, n, false); err != nil {
			return err
		}
	}
	return nil
}

// A queue yields the latest commit first, of those of one date the one that was queued first.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].date > q[j].date || q[i].date == q[j].date && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*node)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	n := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return n
}
