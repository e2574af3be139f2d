// Package object reads Git objects from a backend: it applies deltas, checks hashes, decodes, and keeps what was
// decoded in a cache that all repositories of a store share.
package object

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"iter"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A Store reads the objects of one backend. It is safe for concurrent use.
type Store struct {
	backend storage.Backend
	cache   *cache
	paths   paths
}

// New returns a Store that keeps about cacheSize bytes of decoded objects.
func New(backend storage.Backend, cacheSize int64) *Store {
	return &Store{backend: backend, cache: newCache(cacheSize), paths: paths{seed: maphash.MakeSeed()}}
}

// An Item is a decoded object, shared by everyone who asks for it: it must not be changed. Of an object that was
// only asked for its size, Data is nil.
type Item struct {
	Type   storage.Type
	Size   int64
	Depth  int    // how many deltas lie between the object and one that is stored whole
	Data   []byte // the content
	Tree   *git.Tree
	Commit *git.Commit

	sizes atomic.Pointer[[]int64] // what Sizes returns of a tree, once it was asked for
}

func (i *Item) whole() bool { return i.Data != nil }

func (i *Item) cost() int64 {
	cost := int64(cap(i.Data)) + 80
	switch {
	case i.Tree != nil:
		cost = i.Tree.Cost() + int64(8*i.Tree.Len()) + 88
	case i.Commit != nil:
		cost += int64(len(i.Commit.Message)+20*len(i.Commit.Parents)) + 350
	}
	return cost
}

// maxChain bounds how many deltas are applied to arrive at one object. More means damage, or a backend that lets
// chains grow.
const maxChain = 4096

// Decode makes an Item of an object's content, which it keeps.
func Decode(t storage.Type, data []byte, depth int) (*Item, error) {
	item := &Item{Type: t, Size: int64(len(data)), Depth: depth, Data: data}
	var err error
	switch t {
	case storage.Tree:
		item.Tree, err = git.ParseTree(data)
	case storage.Commit:
		item.Commit, err = git.ParseCommit(data)
	}
	if err != nil {
		return nil, err
	}
	return item, nil
}

// Cached returns the item if it is in memory, or nil.
func (s *Store) Cached(pool storage.ID, h git.Hash) *Item {
	if item := s.cache.get(pool, h); item != nil && item.whole() {
		return item
	}
	return nil
}

// Remember adds an item that was just stored.
func (s *Store) Remember(pool storage.ID, h git.Hash, item *Item) { s.cache.add(pool, h, item) }

// Item returns an object, whole and decoded. The error wraps storage.ErrNotFound or storage.ErrCorrupt.
func (s *Store) Item(ctx context.Context, pool storage.ID, h git.Hash) (*Item, error) {
	return s.item(ctx, pool, h, nil)
}

// item is Item, and calls made as readAlong does.
func (s *Store) item(ctx context.Context, pool storage.ID, h git.Hash,
	made func(o *storage.Object, content []byte)) (*Item, error) {
	if item := s.Cached(pool, h); item != nil {
		return item, nil
	}
	t, data, depth, err := s.readAlong(ctx, pool, h, made)
	if err != nil {
		return nil, err
	}
	item, err := Decode(t, data, depth)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
	}
	s.cache.add(pool, h, item)
	return item, nil
}

// read returns the content of an object, its deltas applied.
func (s *Store) read(ctx context.Context, pool storage.ID, h git.Hash) (storage.Type, []byte, int, error) {
	return s.readAlong(ctx, pool, h, nil)
}

// readAlong is read, and calls made, unless it is nil, with the content of each object on the way. It is not checked
// against its hash.
func (s *Store) readAlong(ctx context.Context, pool storage.ID, h git.Hash,
	made func(o *storage.Object, content []byte)) (storage.Type, []byte, int, error) {
	o, err := s.backend.Object(ctx, pool, h)
	if err != nil {
		return 0, nil, 0, named(h, err)
	}
	if o.Delta == nil {
		return o.Type, o.Data, 0, nil
	}
	// The deltas from the object down to one whose base is whole, or in the cache.
	chain := []storage.Object{o}
	var base []byte
	for base == nil {
		next := chain[len(chain)-1].Delta.Base
		if item := s.Cached(pool, next); item != nil {
			base = item.Data
			break
		}
		if len(chain) > maxChain {
			return 0, nil, 0, fmt.Errorf("object %s: %w: more than %d deltas", h, storage.ErrCorrupt, maxChain)
		}
		b, err := s.backend.Object(ctx, pool, next)
		if errors.Is(err, storage.ErrNotFound) {
			return 0, nil, 0, fmt.Errorf("object %s: %w: base %s of a delta is missing", h, storage.ErrCorrupt, next)
		}
		if err != nil {
			return 0, nil, 0, named(next, err)
		}
		if b.Delta != nil {
			chain = append(chain, b)
			continue
		}
		if base = b.Data; made != nil {
			made(&b, base)
		}
	}
	for i := len(chain) - 1; i >= 0; i-- {
		if base, err = packfile.ApplyDelta(base, chain[i].Delta.Ops, chain[i].Size); err != nil {
			return 0, nil, 0, fmt.Errorf("object %s: %w: %w", h, storage.ErrCorrupt, err)
		}
		if i > 0 && made != nil {
			made(&chain[i], base)
		}
	}
	if !packfile.Is(o.Type, base, h) {
		return 0, nil, 0, fmt.Errorf("object %s: %w: its deltas make another one", h, storage.ErrCorrupt)
	}
	return o.Type, base, o.Delta.Depth, nil
}

func named(h git.Hash, err error) error { return fmt.Errorf("object %s: %w", h, err) }

// Tree returns a tree. An object of another type is not found.
func (s *Store) Tree(ctx context.Context, pool storage.ID, h git.Hash) (*Item, error) {
	return s.typed(ctx, pool, h, storage.Tree)
}

// TreeAlong is Tree for walks from newer commits to older ones. A tree is mostly stored as the difference from the one
// before it, so that to make it is to make older ones: these are cached, too.
func (s *Store) TreeAlong(ctx context.Context, pool storage.ID, h git.Hash) (*Item, error) {
	item, err := s.item(ctx, pool, h, func(o *storage.Object, content []byte) {
		if !packfile.Is(o.Type, content, o.Hash) {
			return // whoever asks for it will see
		}
		depth := 0
		if o.Delta != nil {
			depth = o.Delta.Depth
		}
		if item, err := Decode(o.Type, content, depth); err == nil {
			s.cache.add(pool, o.Hash, item)
		}
	})
	return ofType(item, err, h, storage.Tree)
}

// Commit returns a commit. An object of another type is not found.
func (s *Store) Commit(ctx context.Context, pool storage.ID, h git.Hash) (*git.Commit, error) {
	item, err := s.typed(ctx, pool, h, storage.Commit)
	if err != nil {
		return nil, err
	}
	return item.Commit, nil
}

func (s *Store) typed(ctx context.Context, pool storage.ID, h git.Hash, t storage.Type) (*Item, error) {
	item, err := s.Item(ctx, pool, h)
	return ofType(item, err, h, t)
}

// ofType returns an item that was asked for, or an error unless it is of a type.
func ofType(item *Item, err error, h git.Hash, t storage.Type) (*Item, error) {
	if err != nil {
		return nil, err
	}
	if item.Type != t {
		return nil, fmt.Errorf("object %s is a %s, not a %s: %w", h, item.Type, t, storage.ErrNotFound)
	}
	return item, nil
}

// Stat returns an object's type and size without reading it.
func (s *Store) Stat(ctx context.Context, pool storage.ID, h git.Hash) (storage.Type, int64, error) {
	if item := s.cache.get(pool, h); item != nil {
		return item.Type, item.Size, nil
	}
	t, size, err := s.backend.StatObject(ctx, pool, h)
	if err != nil {
		return 0, 0, named(h, err)
	}
	s.cache.add(pool, h, &Item{Type: t, Size: size})
	return t, size, nil
}

// Sizes returns the size of each entry of a tree of the pool that is a file or symlink, and 0 for others. It must not
// be changed. The sizes are kept with the tree: objects never change, nor does what a tree names.
func (s *Store) Sizes(ctx context.Context, pool storage.ID, tree *Item) ([]int64, error) {
	if known := tree.sizes.Load(); known != nil {
		return *known, nil
	}
	sizes := make([]int64, tree.Tree.Len())
	for i := range sizes {
		mode, _, h := tree.Tree.At(i)
		if mode == git.ModeDir || mode == git.ModeSubmodule {
			continue
		}
		var err error
		if _, sizes[i], err = s.Stat(ctx, pool, h); err != nil {
			return nil, err
		}
	}
	tree.sizes.Store(&sizes)
	return sizes, nil
}

// Blob returns the content of a blob, which must not be changed.
func (s *Store) Blob(ctx context.Context, pool storage.ID, h git.Hash) ([]byte, error) {
	item, err := s.typed(ctx, pool, h, storage.Blob)
	if err != nil {
		return nil, err
	}
	return item.Data, nil
}

// Pass returns the content of an object as Item does, but leaves the cache as it is: for reading much once.
func (s *Store) Pass(ctx context.Context, pool storage.ID, h git.Hash) (storage.Type, []byte, error) {
	if item := s.Cached(pool, h); item != nil {
		return item.Type, item.Data, nil
	}
	t, data, _, err := s.read(ctx, pool, h)
	return t, data, err
}

// Open returns a blob's size and a reader of its content. Large blobs are not held in memory.
func (s *Store) Open(ctx context.Context, pool storage.ID, h git.Hash) (int64, io.ReadCloser, error) {
	t, size, err := s.Stat(ctx, pool, h)
	if err != nil {
		return 0, nil, err
	}
	if t != storage.Blob {
		return 0, nil, fmt.Errorf("object %s is a %s, not a blob: %w", h, t, storage.ErrNotFound)
	}
	if size >= storage.LargeObject {
		_, size, r, err := s.backend.OpenObject(ctx, pool, h)
		if err == nil {
			return size, r, nil
		}
		if !errors.Is(err, storage.ErrDelta) {
			return 0, nil, named(h, err)
		}
	}
	data, err := s.Blob(ctx, pool, h)
	if err != nil {
		return 0, nil, err
	}
	return size, io.NopCloser(bytes.NewReader(data)), nil
}

// Head returns a blob's size and its first n bytes, or all if it has fewer, which must not be changed. It leaves the
// cache as it is, and holds no large blob in memory.
func (s *Store) Head(ctx context.Context, pool storage.ID, h git.Hash, n int64) (int64, []byte, error) {
	t, data, size := storage.Blob, []byte(nil), int64(0)
	if item := s.Cached(pool, h); item != nil {
		t, data, size = item.Type, item.Data, item.Size
	} else {
		var r io.ReadCloser
		var err error
		t, size, r, err = s.backend.OpenObject(ctx, pool, h)
		switch {
		case errors.Is(err, storage.ErrDelta):
			t, data, _, err = s.read(ctx, pool, h)
			size = int64(len(data))
		case err == nil:
			data = make([]byte, min(n, size))
			_, err = io.ReadFull(r, data)
			err = errors.Join(err, r.Close())
		}
		if err != nil {
			return 0, nil, named(h, err)
		}
	}
	if t != storage.Blob {
		return 0, nil, fmt.Errorf("object %s is a %s, not a blob: %w", h, t, storage.ErrNotFound)
	}
	return size, data[:min(n, size)], nil
}

// Matching yields the hashes of the pool that begin with the given hexadecimal digits, in ascending order.
func (s *Store) Matching(ctx context.Context, pool storage.ID, digits string) iter.Seq2[git.Hash, error] {
	fill := func(with string) git.Hash {
		padded := []byte(digits)
		for len(padded) < 40 {
			padded = append(padded, with...)
		}
		h, _ := git.ParseHash(string(padded))
		return h
	}
	return s.backend.Objects(ctx, pool, fill("0"), fill("f"))
}
