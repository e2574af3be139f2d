package object

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Pool reads the objects of one pool through a Store.
type Pool struct {
	Store *Store
	ID    storage.ID
}

// Tree returns a tree.
func (p Pool) Tree(ctx context.Context, h git.Hash) (*Item, error) { return p.Store.Tree(ctx, p.ID, h) }

// Size returns the size of an object, without reading it.
func (p Pool) Size(ctx context.Context, h git.Hash) (int64, error) {
	_, size, err := p.Store.Stat(ctx, p.ID, h)
	return size, err
}

// Blob returns the content of a blob.
func (p Pool) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	return p.Store.Blob(ctx, p.ID, h)
}
