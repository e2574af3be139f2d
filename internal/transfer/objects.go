// Package transfer moves repositories out of a store and into it, in git's own formats: bundles (gitformat-bundle),
// bare repositories (gitrepository-layout) and archives. What leaves is what the given refs reach and nothing else.
// What enters is checked as git fsck does, and must be whole, before a ref names it.
package transfer

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// Objects are the objects of one pool, read for a transfer. They leave the cache of the store alone.
type Objects struct {
	Backend storage.Backend
	Store   *object.Store
	Pool    storage.ID
}

// Stat implements pack.Source.
func (o *Objects) Stat(ctx context.Context, h git.Hash) (storage.Type, int64, error) {
	t, size, err := o.Backend.StatObject(ctx, o.Pool, h)
	return t, size, named(h, err)
}

// Object implements pack.Source.
func (o *Objects) Object(ctx context.Context, h git.Hash) (storage.Object, error) {
	found, err := o.Backend.Object(ctx, o.Pool, h)
	return found, named(h, err)
}

// Packed implements pack.PackedSource.
func (o *Objects) Packed(ctx context.Context, h git.Hash) (storage.Packed, error) {
	b, ok := storage.PackerOf(o.Backend)
	if !ok {
		return storage.Packed{}, storage.ErrNotFound
	}
	found, err := b.Packed(ctx, o.Pool, h)
	return found, named(h, err)
}

// Whole implements pack.Source.
func (o *Objects) Whole(ctx context.Context, h git.Hash) (storage.Type, []byte, error) {
	return o.Store.Pass(ctx, o.Pool, h)
}

// Open implements pack.Source.
func (o *Objects) Open(ctx context.Context, h git.Hash) (storage.Type, int64, io.ReadCloser, error) {
	t, size, r, err := o.Backend.OpenObject(ctx, o.Pool, h)
	if err != nil && !errors.Is(err, storage.ErrDelta) {
		err = named(h, err)
	}
	return t, size, r, err
}

// open returns a reader of the content of an object, however it is stored.
func (o *Objects) open(ctx context.Context, h git.Hash) (storage.Type, int64, io.ReadCloser, error) {
	t, size, r, err := o.Open(ctx, h)
	if !errors.Is(err, storage.ErrDelta) {
		return t, size, r, err
	}
	t, data, err := o.Whole(ctx, h)
	return t, int64(len(data)), io.NopCloser(bytes.NewReader(data)), err
}

func named(h git.Hash, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("object %s: %w", h, err)
}

// A reader reads trees, commits and tags along a history. Most trees are stored as what differs from one that is older,
// so what was made on the way to one object is kept for the next.
type reader struct {
	*Objects
	kept   map[git.Hash]*list.Element // of made
	recent list.List                  // the one that was used last is first
	bytes  int64
}

// made is the content of an object.
type made struct {
	hash git.Hash
	typ  storage.Type
	data []byte
}

const (
	maxKept  = 32 << 20          // bytes of content that a reader keeps
	maxChain = packfile.MaxChain // deltas from an object to one that is whole
)

func newReader(o *Objects) *reader { return &reader{Objects: o, kept: map[git.Hash]*list.Element{}} }

// read returns the content of an object, which must not be changed, and may be another one after the next read.
func (r *reader) read(ctx context.Context, h git.Hash) (storage.Type, []byte, error) {
	var chain []storage.Object
	var base *made
	for next := h; base == nil; {
		if e, ok := r.kept[next]; ok {
			r.recent.MoveToFront(e)
			base = e.Value.(*made)
			break
		}
		o, err := r.Object(ctx, next)
		switch {
		case errors.Is(err, storage.ErrNotFound) && len(chain) > 0:
			return 0, nil, fmt.Errorf("object %s: %w: base %s of a delta is missing", h, storage.ErrCorrupt, next)
		case err != nil:
			return 0, nil, err
		case o.Delta == nil:
			base = &made{next, o.Type, o.Data}
			r.keep(base)
		case len(chain) > maxChain:
			return 0, nil, fmt.Errorf("object %s: %w: more than %d deltas", h, storage.ErrCorrupt, maxChain)
		default:
			chain = append(chain, o)
			next = o.Delta.Base
		}
	}
	for i := len(chain) - 1; i >= 0; i-- {
		data, err := packfile.ApplyDelta(base.data, chain[i].Delta.Ops, chain[i].Size)
		if err != nil {
			return 0, nil, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
		}
		base = &made{chain[i].Hash, chain[i].Type, data}
		r.keep(base)
	}
	return base.typ, base.data, nil
}

func (r *reader) keep(m *made) {
	if m.typ != storage.Tree {
		return
	}
	r.kept[m.hash] = r.recent.PushFront(m)
	r.bytes += int64(len(m.data))
	for r.bytes > maxKept && r.recent.Len() > 1 {
		last := r.recent.Remove(r.recent.Back()).(*made)
		delete(r.kept, last.hash)
		r.bytes -= int64(len(last.data))
	}
}
