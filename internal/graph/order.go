package graph

import (
	"context"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/git"
)

// An Order is one in which Walk yields commits.
type Order int

const (
	// ByDate is git's default: of those whose child was yielded, or that are heads, the latest comes first. Where dates
	// lie, a parent may come before a child.
	ByDate Order = iota
	// DateOrder is that of git's --date-order: no parent comes before all its children, and otherwise the latest first.
	DateOrder
	// TopoOrder is that of git's --topo-order: no parent comes before all its children, and lines are not mixed.
	TopoOrder
)

// Walk yields heads and their ancestors, each once, without bases and theirs. ByDate and without bases, it reads no
// further than the caller goes; otherwise all is found that it is to yield, before it yields anything. After an error
// nothing follows.
func (g *Graph) Walk(ctx context.Context, heads, bases []git.Hash, order Order) iter.Seq2[git.Hash, error] {
	return func(yield func(git.Hash, error) bool) {
		if err := g.walk(ctx, heads, bases, order, func(n uint32) (bool, error) {
			h, err := g.hash(ctx, n)
			return err == nil && yield(h, nil), err
		}); err != nil {
			yield(git.Hash{}, err)
		}
	}
}

func (g *Graph) walk(ctx context.Context, heads, bases []git.Hash, order Order,
	yield func(uint32) (bool, error)) error {
	only := func(uint32) bool { return true }
	if len(bases) > 0 {
		w, err := g.compare(ctx, heads, bases)
		if err != nil {
			return err
		}
		only = func(n uint32) bool {
			i, ok := w.nodes[n]
			return ok && w.list[i].marks == ofHead
		}
	}
	if order == ByDate {
		return g.byDate(ctx, heads, only, yield)
	}
	var list []uint32
	err := g.byDate(ctx, heads, only, func(n uint32) (bool, error) {
		list = append(list, n)
		return true, nil
	})
	if err != nil {
		return err
	}
	return g.sorted(ctx, list, order, yield)
}

// byDate yields those of heads and their ancestors that only has, the latest first.
func (g *Graph) byDate(ctx context.Context, heads []git.Hash, only func(uint32) bool,
	yield func(uint32) (bool, error)) error {
	seen := map[uint32]bool{}
	var queue dates
	add := func(n uint32) error {
		if seen[n] || !only(n) {
			return nil
		}
		seen[n] = true
		_, date, err := g.rank(ctx, n)
		if err == nil {
			queue.push(n, date)
		}
		return err
	}
	numbers, err := g.numbers(ctx, heads)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if err := add(n); err != nil {
			return err
		}
	}
	var parents []uint32
	for len(queue.heap) > 0 {
		n := queue.pop()
		if more, err := yield(n); !more || err != nil {
			return err
		}
		if parents, err = g.parents(ctx, parents[:0], n); err != nil {
			return err
		}
		for _, p := range parents {
			if err := add(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// sorted yields commits, no parent before all its children (git's sort_in_topological_order).
func (g *Graph) sorted(ctx context.Context, list []uint32, order Order, yield func(uint32) (bool, error)) (err error) {
	children := make(map[uint32]int, len(list))
	for _, n := range list {
		children[n] = 0
	}
	var parents []uint32
	for _, n := range list {
		if parents, err = g.parents(ctx, parents[:0], n); err != nil {
			return err
		}
		for _, p := range parents {
			if _, ok := children[p]; ok {
				children[p]++
			}
		}
	}
	queue := dates{last: order == TopoOrder}
	add := func(n uint32) error {
		_, date, err := g.rank(ctx, n)
		if err == nil {
			queue.push(n, date)
		}
		return err
	}
	if order == TopoOrder {
		slices.Reverse(list)
	}
	for _, n := range list {
		if children[n] == 0 {
			if err := add(n); err != nil {
				return err
			}
		}
	}
	for len(queue.heap) > 0 {
		n := queue.pop()
		if more, err := yield(n); !more || err != nil {
			return err
		}
		if parents, err = g.parents(ctx, parents[:0], n); err != nil {
			return err
		}
		for _, p := range parents {
			left, ok := children[p]
			if children[p]--; !ok {
				delete(children, p)
			} else if left == 1 {
				if err := add(p); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// dates are commits in a heap, the latest first, and of one date the one that was pushed first. With last set, what was
// pushed last comes first, whatever its date.
type dates struct {
	last   bool
	heap   []dated
	pushed int
}

type dated struct {
	number uint32
	date   int64
	order  int
}

func (d *dates) less(a, b int) bool {
	x, y := &d.heap[a], &d.heap[b]
	return x.date > y.date || x.date == y.date && x.order < y.order
}

func (d *dates) push(n uint32, date int64) {
	d.pushed++
	d.heap = append(d.heap, dated{n, date, d.pushed})
	if d.last {
		return
	}
	for at := len(d.heap) - 1; at > 0; {
		up := (at - 1) / 2
		if !d.less(at, up) {
			return
		}
		d.heap[at], d.heap[up] = d.heap[up], d.heap[at]
		at = up
	}
}

func (d *dates) pop() uint32 {
	end := len(d.heap) - 1
	if d.last {
		n := d.heap[end].number
		d.heap = d.heap[:end]
		return n
	}
	n := d.heap[0].number
	d.heap[0] = d.heap[end]
	d.heap = d.heap[:end]
	for at := 0; ; {
		down := 2*at + 1
		if down >= end {
			return n
		}
		if down+1 < end && d.less(down+1, down) {
			down++
		}
		if !d.less(down, at) {
			return n
		}
		d.heap[at], d.heap[down] = d.heap[down], d.heap[at]
		at = down
	}
}
