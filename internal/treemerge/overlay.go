package treemerge

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
)

// An Overlay is a Source with what merges made, and nobody has stored, on top. It is for one goroutine.
type Overlay struct {
	Source
	trees map[git.Hash]*object.Item
	blobs map[git.Hash][]byte
}

// Keep has the overlay know what a merge made.
func (o *Overlay) Keep(r *Result) {
	if o.trees == nil {
		o.trees, o.blobs = map[git.Hash]*object.Item{}, map[git.Hash][]byte{}
	}
	for _, t := range r.Trees {
		o.trees[t.Hash] = t.Item
	}
	for _, b := range r.Blobs {
		o.blobs[b.Hash] = b.Data
	}
}

// Tree returns a tree.
func (o *Overlay) Tree(ctx context.Context, h git.Hash) (*object.Item, error) {
	if item := o.trees[h]; item != nil {
		return item, nil
	}
	return o.Source.Tree(ctx, h)
}

// Size returns the size of a blob.
func (o *Overlay) Size(ctx context.Context, h git.Hash) (int64, error) {
	if data, ok := o.blobs[h]; ok {
		return int64(len(data)), nil
	}
	return o.Source.Size(ctx, h)
}

// Blob returns the content of a blob.
func (o *Overlay) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	if data, ok := o.blobs[h]; ok {
		return data, nil
	}
	return o.Source.Blob(ctx, h)
}
