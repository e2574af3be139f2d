package merge

import (
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gitfile"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/storage"
)

// A ConflictError says on which paths two histories can't be merged. It is of the kind fault.Conflict.
type ConflictError struct {
	Commit    git.Hash // whose changes can't be taken over; zero: two histories can't be merged
	Tree      git.Hash // what the merge would give, with markers where it does not
	Conflicts []Conflict
}

// A Conflict is one such path.
type Conflict struct {
	treemerge.Conflict
	Content []byte // of a file that was merged by lines, with the markers; else nil
}

func (e *ConflictError) Error() string {
	if len(e.Conflicts) == 1 {
		return fmt.Sprintf("conflict: both sides changed %q", e.Conflicts[0].Path)
	}
	return fmt.Sprintf("conflict: both sides changed %d paths, %q among them", len(e.Conflicts), e.Conflicts[0].Path)
}

func (e *ConflictError) Is(target error) bool { return target == error(fault.Conflict) }

// combine merges the trees of two commits of which neither has the other. It returns a *ConflictError if that can't be
// done. It calls opts.Resolve, so it is for outside of transactions.
func (e *Engine) combine(ctx context.Context, pool storage.ID, base, head git.Hash, opts *Options,
	labels [3]string) (*treemerge.Result, error) {
	ours, err := e.Objects.Commit(ctx, pool, base)
	if err != nil {
		return nil, err
	}
	how := opts.Trees
	src := object.Pool{Store: e.Objects, ID: pool}
	how.Labels, how.Driver = labels, e.driver(ctx, src, ours.Tree)
	h := ancestry{e, pool}
	r, err := treemerge.Commits(ctx, src, h, base, head, &how)
	if err != nil {
		return nil, err
	}
	return e.settle(ctx, src, r, opts.Resolve)
}

// checkFiles returns an error if a file that Git reads itself came out of the merge as one that may not be.
func checkFiles(r *treemerge.Result, made map[git.Hash][]byte) error {
	for _, t := range r.Trees {
		for i := range t.Item.Tree.Len() {
			_, name, h := t.Item.Tree.At(i)
			data, ok := made[h]
			if kind := gitfile.Named(string(name)); ok && kind != 0 {
				if err := gitfile.CheckBytes(kind, data); err != nil {
					return fault.About(string(name), err)
				}
			}
		}
	}
	return nil
}

// objects returns what a merge made as it is to be stored.
func objects(r *treemerge.Result) (all []storage.Object, items []*object.Item) {
	for _, b := range r.Blobs {
		size := int64(len(b.Data))
		all = append(all, storage.Object{Hash: b.Hash, Type: storage.Blob, Size: size, Data: b.Data})
		items = append(items, &object.Item{Type: storage.Blob, Size: size, Data: b.Data})
	}
	for _, t := range r.Trees {
		all = append(all, storage.Object{Hash: t.Hash, Type: storage.Tree, Size: t.Item.Size, Data: t.Item.Data,
			Delta: t.Delta})
		items = append(items, t.Item)
	}
	return all, items
}

// An ancestry tells a merge of the commits of a pool.
type ancestry struct {
	*Engine
	pool storage.ID
}

func (h ancestry) Bases(ctx context.Context, commit git.Hash, others []git.Hash) (bases []git.Hash, err error) {
	err = h.Backend.Graphs().Do(ctx, h.pool, nil, func(g *graph.Graph) error {
		bases, err = g.MergeBasesOf(ctx, commit, others)
		return err
	})
	return bases, err
}

func (h ancestry) Root(ctx context.Context, commit git.Hash) (git.Hash, error) {
	c, err := h.Objects.Commit(ctx, h.pool, commit)
	if err != nil {
		return git.Hash{}, err
	}
	return c.Tree, nil
}
