package treemerge

import (
	"context"
	"slices"

	"github.com/reposit/reposit/internal/git"
)

// A History is what a merge must know of commits.
type History interface {
	// Bases returns the best common ancestors of a commit and of another one with the parents others, the latest first
	// (git merge-base --all).
	Bases(ctx context.Context, commit git.Hash, others []git.Hash) ([]git.Hash, error)
	// Root returns the tree of a commit.
	Root(ctx context.Context, commit git.Hash) (git.Hash, error)
}

// Commits merges two commits. If they have several best common ancestors, as after a criss-cross merge, these are
// merged first, conflicts and all, and what comes of it is the base; if they have none, it is the tree without entries.
// labels[Base] is that of the only base; "" is as git calls it. The objects of the Result include what the base needs.
func Commits(ctx context.Context, src Source, history History, ours, theirs git.Hash, opts *Options) (*Result, error) {
	bases, err := history.Bases(ctx, ours, []git.Hash{theirs})
	if err != nil {
		return nil, err
	}
	c := &commits{ctx: ctx, history: history, opts: *opts, made: Overlay{Source: src}}
	slices.Reverse(bases)
	base, label, err := c.base(bases, 0)
	if err != nil {
		return nil, err
	}
	if opts.Labels[Base] != "" && len(bases) == 1 {
		label = opts.Labels[Base]
	}
	return c.merge(base, ours, theirs, [3]string{label, opts.Labels[Ours], opts.Labels[Theirs]}, 0)
}

// Commits on their way to be merged.
type commits struct {
	ctx     context.Context
	history History
	opts    Options
	made    Overlay
	all     []New // of made, in the order in which they were
	content []Blob
}

const abbreviated = 7 // digits of a hash in a label

// base returns the tree that several common ancestors, the earliest first, stand for, and what it is called.
func (c *commits) base(bases []git.Hash, inner int) (git.Hash, string, error) {
	switch len(bases) {
	case 0:
		return git.EmptyTree, "empty tree", nil
	case 1:
		root, err := c.history.Root(c.ctx, bases[0])
		return root, bases[0].String()[:abbreviated], err
	}
	root, err := c.history.Root(c.ctx, bases[0])
	if err != nil {
		return root, "", err
	}
	for i := 1; i < len(bases); i++ {
		between, err := c.history.Bases(c.ctx, bases[i], bases[:i])
		if err != nil {
			return root, "", err
		}
		slices.Reverse(between)
		base, label, err := c.base(between, inner+1)
		if err != nil {
			return root, "", err
		}
		next, err := c.history.Root(c.ctx, bases[i])
		if err != nil {
			return root, "", err
		}
		labels := [3]string{label, "Temporary merge branch 1", "Temporary merge branch 2"}
		r, err := c.trees(base, root, next, labels, inner+1)
		if err != nil {
			return root, "", err
		}
		root = r.Tree
	}
	return root, "merged common ancestors", nil
}

func (c *commits) merge(base, ours, theirs git.Hash, labels [3]string, inner int) (*Result, error) {
	a, err := c.history.Root(c.ctx, ours)
	if err != nil {
		return nil, err
	}
	b, err := c.history.Root(c.ctx, theirs)
	if err != nil {
		return nil, err
	}
	r, err := c.trees(base, a, b, labels, inner)
	if err != nil {
		return nil, err
	}
	r.Trees, r.Blobs = c.all, c.content
	return r, nil
}

// trees merges trees, and keeps what is made.
func (c *commits) trees(base, ours, theirs git.Hash, labels [3]string, inner int) (*Result, error) {
	opts := c.opts
	opts.Labels, opts.inner = labels, inner
	r, err := Run(c.ctx, &c.made, base, ours, theirs, &opts)
	if err != nil {
		return nil, err
	}
	c.made.Keep(r)
	c.all, c.content = append(c.all, r.Trees...), append(c.content, r.Blobs...)
	return r, nil
}
