package contributor

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// sides tell which of two tips reach a commit.
type sides uint8

const (
	ofNew sides = 1 << iota
	ofOld
	ofBoth = ofNew | ofOld
)

// A difference finds the commits that only one of two tips reaches. It walks back from both, the latest commits first,
// and tells each commit who reaches it. When only such wait that both reach, nothing more is to be found, but what was
// found may still turn out to be reached by both, through one that waits: unless all that wait are too early for that.
type difference struct {
	objects *object.Store
	pool    storage.ID
	span    span // of what the old tip reaches
	seen    map[git.Hash]*node
	order   []*node // as they were seen
	queue   queue
	open    int   // how many in the queue are of one side only
	first   int64 // the earliest time of those that were of one side only at some time
}

type node struct {
	hash   git.Hash
	commit *git.Commit
	when   int64
	sides  sides
	queued bool
	latest int64 // of a new one: no ancestor is later
}

func (d *difference) find(ctx context.Context, from, to git.Hash) error {
	d.first = math.MaxInt64
	if err := d.mark(ctx, to, ofNew); err != nil {
		return err
	}
	if err := d.mark(ctx, from, ofOld); err != nil {
		return err
	}
	tried := false
	for len(d.queue) > 0 {
		if d.open == 0 {
			if d.queue[0].when+d.span.skew < d.first {
				return nil
			}
			if !tried && d.onTopOf(from) {
				return nil
			}
			tried = true
		}
		n := heap.Pop(&d.queue).(*node)
		n.queued = false
		if n.sides != ofBoth {
			d.open--
		}
		for _, parent := range n.commit.Parents {
			if err := d.mark(ctx, parent, n.sides); err != nil {
				return err
			}
		}
	}
	return nil
}

// onTopOf reports whether all new commits lead to the old tip and to nothing else: then none can be its ancestor,
// whatever the times are.
func (d *difference) onTopOf(from git.Hash) bool {
	for _, n := range d.order {
		switch n.sides {
		case ofOld:
			return false
		case ofNew:
			if len(n.commit.Parents) == 0 {
				return false
			}
			for _, p := range n.commit.Parents {
				if p != from && d.seen[p].sides != ofNew {
					return false
				}
			}
		}
	}
	return true
}

// mark tells a commit who reaches it, and has its parents be told too.
func (d *difference) mark(ctx context.Context, h git.Hash, s sides) error {
	n := d.seen[h]
	if n == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := d.objects.Commit(ctx, d.pool, h)
		if err != nil {
			return err
		}
		n = &node{hash: h, commit: c, when: graph.DateOf(c)}
		d.seen[h] = n
		d.order = append(d.order, n)
	}
	before := n.sides
	if n.sides |= s; n.sides == before {
		return nil
	}
	if n.queued && before != ofBoth {
		d.open--
	}
	if n.sides != ofBoth {
		d.open++
		d.first = min(d.first, n.when)
	}
	if !n.queued {
		n.queued = true
		heap.Push(&d.queue, n)
	}
	return nil
}

// apply returns the tally of the new tip.
func (d *difference) apply(from *Tally, tip git.Hash) *Tally {
	s := newSum(from.Authors)
	gone := false
	for _, n := range d.only() {
		switch {
		case !d.counts(n):
		case n.sides == ofNew:
			s.add(newAuthor(n.commit), 1)
		default:
			s.add(newAuthor(n.commit), -1)
			gone = true
		}
	}
	if gone {
		s.authors = slices.DeleteFunc(s.authors, func(a Author) bool { return a.Commits <= 0 })
	}
	return &Tally{Tip: tip, Authors: s.authors, span: d.newSpan(), serial: from.serial}
}

// only returns the commits that one tip alone reaches, in the order in which they were found.
func (d *difference) only() []*node {
	var nodes []*node
	for _, n := range d.order {
		if n.sides != ofBoth {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// counts reports whether a commit of only is a contribution.
func (d *difference) counts(n *node) bool {
	switch parents := n.commit.Parents; len(parents) {
	case 0:
		return n.commit.Tree != git.EmptyTree
	case 1:
		return n.commit.Tree != d.seen[parents[0]].commit.Tree
	}
	return false
}

// newSpan returns the span of what the new tip reaches: that of what the old one did, and more for new commits.
func (d *difference) newSpan() span {
	s := d.span
	for _, n := range d.order {
		if n.sides == ofNew {
			s.latest = max(s.latest, n.when)
		}
	}
	const unknown, waiting = math.MinInt64, math.MinInt64 + 1
	for _, n := range d.order {
		n.latest = unknown
		if n.sides != ofNew {
			n.latest = min(n.when+d.span.skew, d.span.latest)
		}
	}
	for _, n := range d.order {
		// A commit waits on the stack until its parents are known.
		for stack := []*node{n}; len(stack) > 0; {
			top := stack[len(stack)-1]
			switch top.latest {
			case unknown:
				top.latest = waiting
				for _, p := range top.commit.Parents {
					if d.seen[p].latest == unknown {
						stack = append(stack, d.seen[p])
					}
				}
				continue
			case waiting:
				top.latest = top.when
				for _, p := range top.commit.Parents {
					top.latest = max(top.latest, d.seen[p].latest)
				}
				s.skew = max(s.skew, top.latest-top.when)
			}
			stack = stack[:len(stack)-1]
		}
	}
	return s
}

// A queue has the latest commit first, so that one is mostly reached after all its children.
type queue []*node

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].when > q[j].when }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(*node)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	n := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return n
}

// parse decodes a commit that is read just once.
func parse(h git.Hash, t storage.Type, data []byte) (*git.Commit, error) {
	if t != storage.Commit {
		return nil, fmt.Errorf("object %s is a %s, not a commit: %w", h, t, storage.ErrNotFound)
	}
	c, err := git.ParseCommit(data)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
	}
	return c, nil
}
