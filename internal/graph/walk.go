package graph

import (
	"context"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/git"
)

func timeOf(date int64) time.Time { return time.Unix(date, 0).UTC() }

// IsAncestor reports whether commit is head, or one of its ancestors. It reads the commits that just one of the two has
// among its ancestors, as far as their times tell; times that are wrong cost further reads, but never the answer.
func IsAncestor(ctx context.Context, read Reader, commit, head git.Hash) (bool, error) {
	return From(read).IsAncestor(ctx, commit, head)
}

// MergeBase returns a commit that is an ancestor of both heads, or one of them: one that is an ancestor of no other
// such, of several the latest. It returns the zero Hash if they have none in common.
func MergeBase(ctx context.Context, read Reader, a, b git.Hash) (git.Hash, error) {
	return From(read).MergeBase(ctx, a, b)
}

// Among returns which of targets, each once, are head or among its ancestors, without those that base has among its
// own: of these some may be missing. A zero base has none. It reads what IsAncestor would, of head and base.
func Among(ctx context.Context, read Reader, head, base git.Hash, targets []git.Hash) ([]git.Hash, error) {
	return From(read).Among(ctx, head, base, targets)
}

// IsAncestor reports whether commit is head, or one of its ancestors.
func (g *Graph) IsAncestor(ctx context.Context, commit, head git.Hash) (bool, error) {
	found, err := g.Among(ctx, head, commit, []git.Hash{commit})
	return len(found) > 0, err
}

// Among returns which of targets, each once, are head or among its ancestors, without those that base has among its
// own: of these some may be missing. A zero base has none.
func (g *Graph) Among(ctx context.Context, head, base git.Hash, targets []git.Hash) ([]git.Hash, error) {
	w := painter{g: g, nodes: map[uint32]int32{}}
	top, err := g.number(ctx, head)
	if err != nil {
		return nil, err
	}
	if _, _, err := g.rank(ctx, top); err != nil {
		return nil, err
	}
	var found []git.Hash
	left := map[uint32]git.Hash{}
	least := int64(unknown)
	for _, h := range targets {
		n, err := g.number(ctx, h)
		if err != nil {
			return nil, err
		}
		if n >= g.stored && top < g.stored || n < g.stored && top < g.stored && n > top {
			continue
		}
		is := n == top
		if !is && n < g.stored {
			if is, err = g.onFirstParents(ctx, n, top); err != nil {
				return nil, err
			}
		}
		switch _, again := left[n]; {
		case is && !slices.Contains(found, h):
			found = append(found, h)
		case !is && !again:
			left[n] = h
			if n < g.stored {
				generation, _, err := g.rank(ctx, n)
				if err != nil {
					return nil, err
				}
				least = min(least, generation)
			}
		}
	}
	if len(left) == 0 {
		return found, nil
	}
	if !base.IsZero() {
		if err := w.paintHash(ctx, base, ofBase); err != nil {
			return nil, err
		}
	}
	if err := w.paint(ctx, top, ofHead); err != nil {
		return nil, err
	}
	// What head alone has can only be reached through commits that head alone has. When none of those waits, all
	// are found.
	for w.single > 0 && len(left) > 0 && w.top().generation >= least {
		n := w.pop()
		if h, ok := left[n.number]; ok && n.marks&ofHead != 0 {
			delete(left, n.number)
			found = append(found, h)
		}
		if err := w.spread(ctx, n, n.marks); err != nil {
			return nil, err
		}
	}
	for n, h := range left {
		if i, ok := w.nodes[n]; ok && w.list[i].marks&ofHead != 0 {
			found = append(found, h)
		}
	}
	return found, nil
}

// MergeBase returns the first of MergeBases, or the zero Hash if there is none.
func (g *Graph) MergeBase(ctx context.Context, a, b git.Hash) (git.Hash, error) {
	all, err := g.MergeBases(ctx, a, b)
	if err != nil || len(all) == 0 {
		return git.Hash{}, err
	}
	return all[0], nil
}

// MergeBases returns the best commits that are ancestors of both heads, or one of them: those that are ancestors of no
// other such. The latest comes first, as with git merge-base --all.
func (g *Graph) MergeBases(ctx context.Context, a, b git.Hash) ([]git.Hash, error) {
	heads, err := g.numbers(ctx, []git.Hash{a, b})
	if err != nil {
		return nil, err
	}
	for i, n := range heads {
		if _, _, err := g.rank(ctx, n); err != nil {
			return nil, err
		}
		if len(heads) > 1 && n < g.stored {
			if is, err := g.onFirstParents(ctx, n, heads[1-i]); is || err != nil {
				return []git.Hash{[2]git.Hash{a, b}[i]}, err
			}
		}
	}
	if len(heads) == 1 {
		return []git.Hash{a}, nil
	}
	w := painter{g: g, nodes: map[uint32]int32{}, passed: stale}
	if err := w.paint(ctx, heads[0], ofHead); err != nil {
		return nil, err
	}
	if err := w.paint(ctx, heads[1], ofBase); err != nil {
		return nil, err
	}
	var bases []uint32
	for w.open > 0 {
		n := w.pop()
		marks := n.marks
		if marks&(ofHead|ofBase|stale) == ofHead|ofBase {
			if marks&taken == 0 {
				w.list[w.nodes[n.number]].marks |= taken
				bases = append(bases, n.number)
			}
			marks |= stale // for its parents
		}
		if err := w.spread(ctx, n, marks&^taken); err != nil {
			return nil, err
		}
	}
	bases = slices.DeleteFunc(bases, func(n uint32) bool { return w.list[w.nodes[n]].marks&stale != 0 })
	slices.SortStableFunc(bases, func(a, b uint32) int {
		x, y := &w.list[w.nodes[a]], &w.list[w.nodes[b]]
		switch {
		case x.date > y.date:
			return -1
		case x.date < y.date:
			return 1
		}
		return 0
	})
	all, err := g.hashes(ctx, bases)
	if err != nil || len(all) < 2 || bases[0] < g.stored && slices.Max(bases) < g.stored {
		return all, err
	}
	return g.independent(ctx, all)
}

// independent drops the commits that are ancestors of others: walks by dates that lie may find such.
func (g *Graph) independent(ctx context.Context, all []git.Hash) ([]git.Hash, error) {
	var best []git.Hash
	for i, h := range all {
		redundant := false
		for j, other := range all {
			if i == j || redundant {
				continue
			}
			var err error
			if redundant, err = g.IsAncestor(ctx, h, other); err != nil {
				return nil, err
			}
		}
		if !redundant {
			best = append(best, h)
		}
	}
	return best, nil
}

// AheadBehind returns how many commits a has that b lacks, and how many b has that a lacks, each counted as its own
// ancestor.
func (g *Graph) AheadBehind(ctx context.Context, a, b git.Hash) (ahead, behind int, err error) {
	w, err := g.compare(ctx, []git.Hash{a}, []git.Hash{b})
	if err != nil {
		return 0, 0, err
	}
	for i := range w.list {
		switch w.list[i].marks {
		case ofHead:
			ahead++
		case ofBase:
			behind++
		}
	}
	return ahead, behind, nil
}

// Introduced returns the commits that are heads or among their ancestors and that are neither bases nor among theirs,
// in no particular order.
func (g *Graph) Introduced(ctx context.Context, heads, bases []git.Hash) ([]git.Hash, error) {
	w, err := g.compare(ctx, heads, bases)
	if err != nil {
		return nil, err
	}
	var numbers []uint32
	for i := range w.list {
		if w.list[i].marks == ofHead {
			numbers = append(numbers, w.list[i].number)
		}
	}
	return g.hashes(ctx, numbers)
}

// compare finds what only heads or only bases have among their ancestors. Of what both have, it finds no more than it
// must.
func (g *Graph) compare(ctx context.Context, heads, bases []git.Hash) (*painter, error) {
	w := &painter{g: g, nodes: map[uint32]int32{}}
	for _, h := range heads {
		if err := w.paintHash(ctx, h, ofHead); err != nil {
			return nil, err
		}
	}
	for _, h := range bases {
		if err := w.paintHash(ctx, h, ofBase); err != nil {
			return nil, err
		}
	}
	// Without a number in the store, one that both have may still turn out to be a descendant of what was passed.
	for len(w.queue) > 0 && (w.single+w.other > 0 || w.top().generation == unknown) {
		n := w.pop()
		if err := w.spread(ctx, n, n.marks); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// marks tell whose ancestor a commit is.
type marks uint8

const (
	ofHead marks = 1 << iota
	ofBase
	stale // an ancestor of a common one
	taken // it was found to be common
)

// A painter walks from commits to their parents, those of the greatest generation first, and tells each whose ancestor
// it is. A commit that learns of another one after it was passed is passed again.
type painter struct {
	g      *Graph
	nodes  map[uint32]int32 // places in list, by number
	list   []node
	queue  []int32 // a heap of places in list
	buffer []uint32

	passed        marks // commits that have it are not open
	open          int   // how many in the queue are open
	single, other int   // how many in the queue are of head alone, and of base alone
}

type node struct {
	number           uint32
	marks            marks
	queued           bool
	generation, date int64
}

func (w *painter) top() *node { return &w.list[w.queue[0]] }

func (w *painter) paintHash(ctx context.Context, h git.Hash, m marks) error {
	n, err := w.g.number(ctx, h)
	if err != nil {
		return err
	}
	return w.paint(ctx, n, m)
}

// paint gives a commit marks, and has its parents get them too.
func (w *painter) paint(ctx context.Context, number uint32, m marks) error {
	i, ok := w.nodes[number]
	if !ok {
		generation, date, err := w.g.rank(ctx, number)
		if err != nil {
			return err
		}
		i = int32(len(w.list))
		w.list = append(w.list, node{number: number, generation: generation, date: date})
		w.nodes[number] = i
	}
	n := &w.list[i]
	if n.marks|m == n.marks {
		return nil
	}
	if n.queued {
		w.count(n, -1)
	}
	n.marks |= m
	w.count(n, 1)
	if !n.queued {
		n.queued = true
		w.push(i)
	}
	return nil
}

// count counts what is in the queue.
func (w *painter) count(n *node, by int) {
	if n.marks&w.passed == 0 {
		w.open += by
	}
	switch n.marks & (ofHead | ofBase) {
	case ofHead:
		w.single += by
	case ofBase:
		w.other += by
	}
}

// spread gives marks to the parents of a commit.
func (w *painter) spread(ctx context.Context, n node, m marks) (err error) {
	if w.buffer, err = w.g.parents(ctx, w.buffer[:0], n.number); err != nil {
		return err
	}
	for _, p := range w.buffer {
		if err := w.paint(ctx, p, m); err != nil {
			return err
		}
	}
	return nil
}

func (w *painter) less(a, b int32) bool {
	x, y := &w.list[a], &w.list[b]
	return x.generation > y.generation || x.generation == y.generation && x.date > y.date
}

func (w *painter) push(i int32) {
	w.queue = append(w.queue, i)
	for at := len(w.queue) - 1; at > 0; {
		up := (at - 1) / 2
		if !w.less(w.queue[at], w.queue[up]) {
			return
		}
		w.queue[at], w.queue[up] = w.queue[up], w.queue[at]
		at = up
	}
}

// pop takes the commit of the greatest generation.
func (w *painter) pop() node {
	first, last := w.queue[0], len(w.queue)-1
	w.queue[0] = w.queue[last]
	w.queue = w.queue[:last]
	for at := 0; ; {
		down := 2*at + 1
		if down >= last {
			break
		}
		if down+1 < last && w.less(w.queue[down+1], w.queue[down]) {
			down++
		}
		if !w.less(w.queue[down], w.queue[at]) {
			break
		}
		w.queue[at], w.queue[down] = w.queue[down], w.queue[at]
		at = down
	}
	n := &w.list[first]
	n.queued = false
	w.count(n, -1)
	return *n
}
