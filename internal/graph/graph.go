// Package graph answers questions about the graph of commits: whether one is an ancestor of another, and where two
// lines of history meet. It walks no further than it must.
package graph

import (
	"container/heap"
	"context"

	"github.com/reposit/reposit/internal/git"
)

// A Reader returns a commit.
type Reader func(context.Context, git.Hash) (*git.Commit, error)

// IsAncestor reports whether commit is head, or one of its ancestors. It reads the commits that just one of the two has
// among its ancestors, as far as their times tell; times that are wrong cost further reads, but never the answer.
func IsAncestor(ctx context.Context, read Reader, commit, head git.Hash) (bool, error) {
	found, err := Among(ctx, read, head, commit, []git.Hash{commit})
	return len(found) > 0, err
}

// MergeBase returns a commit that is an ancestor of both heads, or one of them: a latest one, as far as the times of
// commits tell. It returns the zero Hash if they have none in common.
func MergeBase(ctx context.Context, read Reader, a, b git.Hash) (git.Hash, error) {
	w := walk{read: read, seen: map[git.Hash]*node{}}
	if err := w.mark(ctx, a, ofHead); err != nil {
		return git.Hash{}, err
	}
	if err := w.mark(ctx, b, ofBase); err != nil {
		return git.Hash{}, err
	}
	for len(w.queue) > 0 {
		n := heap.Pop(&w.queue).(*node)
		n.queued = false
		if n.marks == ofHead|ofBase {
			return n.hash, nil
		}
		for _, parent := range n.commit.Parents {
			if err := w.mark(ctx, parent, n.marks); err != nil {
				return git.Hash{}, err
			}
		}
	}
	return git.Hash{}, nil
}

// Among returns which of targets, each once, are head or among its ancestors, without those that base has among its
// own: of these some may be missing. A zero base has none. It reads what IsAncestor would, of head and base.
func Among(ctx context.Context, read Reader, head, base git.Hash, targets []git.Hash) ([]git.Hash, error) {
	w := walk{read: read, seen: map[git.Hash]*node{}, targets: make(map[git.Hash]bool, len(targets))}
	for _, h := range targets {
		w.targets[h] = true
	}
	if !base.IsZero() {
		if err := w.mark(ctx, base, ofBase); err != nil {
			return nil, err
		}
	}
	if err := w.mark(ctx, head, ofHead); err != nil {
		return nil, err
	}
	// What head alone has can only be reached through commits that head alone has. When none of those waits, all
	// are found.
	for w.open > 0 && len(w.targets) > 0 {
		n := heap.Pop(&w.queue).(*node)
		n.queued = false
		if n.marks == ofHead {
			w.open--
		}
		for _, parent := range n.commit.Parents {
			if err := w.mark(ctx, parent, n.marks); err != nil {
				return nil, err
			}
		}
	}
	return w.found, nil
}

// marks tell whose ancestor a commit is.
type marks uint8

const (
	ofHead marks = 1 << iota
	ofBase
)

type node struct {
	hash   git.Hash
	commit *git.Commit
	marks  marks
	queued bool
}

type walk struct {
	read    Reader
	seen    map[git.Hash]*node
	queue   queue
	open    int // how many in the queue are of head alone
	targets map[git.Hash]bool
	found   []git.Hash
}

// mark gives a commit marks, and has its parents get them too.
func (w *walk) mark(ctx context.Context, h git.Hash, m marks) error {
	n := w.seen[h]
	if n == nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		c, err := w.read(ctx, h)
		if err != nil {
			return err
		}
		n = &node{hash: h, commit: c}
		w.seen[h] = n
	}
	before := n.marks
	if n.marks |= m; n.marks == before {
		return nil
	}
	if n.marks&ofHead != 0 && w.targets[h] {
		delete(w.targets, h)
		w.found = append(w.found, h)
	}
	if n.queued && before == ofHead {
		w.open--
	}
	if n.marks == ofHead {
		w.open++
	}
	if !n.queued {
		n.queued = true
		heap.Push(&w.queue, n)
	}
	return nil
}

// A queue has the latest commit first, so that one is mostly reached after all its children.
type queue []*node

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].commit.Committer.When.After(q[j].commit.Committer.When)
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
