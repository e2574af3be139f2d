package blame

import (
	"container/heap"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
)

// A commit is one that lines wait at, or may.
type commit struct {
	hash    git.Hash
	node    history.Node
	origins []*origin
	queued  bool
	number  int // in the order in which they were queued
}

// commit returns a commit, which is read if it is not known.
func (b *blame) commit(h git.Hash) (*commit, error) {
	if c := b.commits[h]; c != nil {
		return c, nil
	}
	node, err := b.src.Node(b.ctx, h)
	if err != nil {
		return nil, err
	}
	c := &commit{hash: h, node: node}
	b.commits[h] = c
	return c, nil
}

// known returns the origin of a path, or nil.
func (c *commit) known(path string) *origin {
	for _, o := range c.origins {
		if o.path == path {
			return o
		}
	}
	return nil
}

// origin returns the origin of a path, which is made if it is not known.
func (c *commit) origin(path string) *origin {
	if o := c.known(path); o != nil {
		return o
	}
	o := &origin{commit: c, path: path}
	c.origins = append(c.origins, o)
	return o
}

// A queue has the latest commit first, and of several with the same time the one that was queued first.
type queue struct {
	all    []*commit
	pushed int
}

func (q *queue) push(c *commit) {
	q.pushed++
	c.number = q.pushed
	heap.Push((*commits)(&q.all), c)
}

func (q *queue) pop() *commit { return heap.Pop((*commits)(&q.all)).(*commit) }

type commits []*commit

func (c commits) Len() int { return len(c) }

func (c commits) Less(i, j int) bool {
	if c[i].node.When != c[j].node.When {
		return c[i].node.When > c[j].node.When
	}
	return c[i].number < c[j].number
}

func (c commits) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c *commits) Push(x any)   { *c = append(*c, x.(*commit)) }

func (c *commits) Pop() any {
	last := len(*c) - 1
	x := (*c)[last]
	(*c)[last] = nil
	*c = (*c)[:last]
	return x
}
