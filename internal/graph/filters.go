package graph

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// changes finds the paths at which trees differ, directories among them.
type changes struct {
	tree  func(context.Context, git.Hash) (*git.Tree, error)
	paths map[string]struct{}
}

// errManyPaths says that trees differ at more paths than a filter holds.
var errManyPaths = errors.New("too many paths")

// filter appends the filter of a commit whose tree is new, and whose first parent's is old; zero: no parent. It appends
// nothing, and reports false, if a tree can't be read.
func (c *changes) filter(ctx context.Context, to []byte, old, new git.Hash) ([]byte, bool, error) {
	clear(c.paths)
	err := c.differ(ctx, old, new, "", 0)
	switch {
	case errors.Is(err, errManyPaths):
		return append(to, bloomAll), true, nil
	case err != nil:
		return to, false, unlessLost(err)
	}
	return appendBloom(to, c.paths), true, nil
}

// differ finds where the trees of a directory differ. A directory whose hash differs counts itself, also if no file
// below it does: who reads trees without a filter sees it, too.
func (c *changes) differ(ctx context.Context, old, new git.Hash, dir string, depth int) error {
	if old == new {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if depth > git.MaxDepth {
		return errManyPaths
	}
	var trees [2]*git.Tree
	for i, h := range [...]git.Hash{old, new} {
		if h.IsZero() || h == git.EmptyTree {
			continue
		}
		var err error
		if trees[i], err = c.tree(ctx, h); err != nil {
			return err
		}
	}
	for x, y := range git.Differences(trees[0], trees[1]) {
		e := y
		if y.Mode == 0 {
			e = x
		}
		path := dir + e.Name
		if c.paths[path] = struct{}{}; len(c.paths) > bloomPaths {
			return errManyPaths
		}
		if !e.IsDir() {
			continue
		}
		if err := c.differ(ctx, x.Hash, y.Hash, path+"/", depth+1); err != nil {
			return err
		}
	}
	return nil
}

const (
	treeBudget  = 16 << 20 // bytes of trees that are kept while filters are made
	filtersStep = 32       // commits whose filters are made without a step
)

// filter makes the filters of chunks that have none, and all anew if some can't be read.
func (k *Keeper) filter(ctx context.Context, pool storage.ID) error {
	var c *changes
	for {
		h, err := k.Store.head(ctx, pool)
		if err == nil && k.isFaulty(pool) {
			next := *h
			next.filtered = 0
			k.cache.drop(pool)
			if err = k.replace(ctx, pool, h, &next, func(storage.Tx) error { return nil }); err == nil {
				k.setFaulty(pool, false)
				continue
			}
		}
		if err != nil || h.filtered == h.chunks {
			return err
		}
		if c == nil {
			objects := object.New(k.backend, treeBudget) // the cache of others stays as it is
			c = &changes{paths: map[string]struct{}{}, tree: func(ctx context.Context, h git.Hash) (*git.Tree, error) {
				item, err := objects.TreeAlong(ctx, pool, h)
				if err != nil {
					return nil, err
				}
				return item.Tree, nil
			}}
		}
		f, err := k.filtersOf(ctx, pool, h, c)
		if err != nil {
			return err
		}
		next := *h
		next.filtered++
		rec := storage.Record{Key: chunkKey(keyFilters, pool, h.filtered), Value: f.encode()}
		err = k.replace(ctx, pool, h, &next, func(tx storage.Tx) error { return tx.PutRecord(rec.Key, rec.Value) })
		if err != nil {
			return err
		}
	}
}

// filtersOf makes the filters of the first chunk that has none.
func (k *Keeper) filtersOf(ctx context.Context, pool storage.ID, h *head, c *changes) (*filters, error) {
	g, f := k.at(pool, h), &filters{}
	for i := range f.ends {
		if i%filtersStep == 0 && k.Step != nil {
			if err := k.Step(ctx); err != nil {
				return nil, err
			}
		}
		n := h.filtered*chunkSize + uint32(i)
		l, _, err := g.linksOf(ctx, n)
		if err != nil {
			return nil, err
		}
		var old git.Hash
		if l.first[i] > 0 {
			of, at, err := g.namesOf(ctx, l.first[i]-1)
			if err != nil {
				return nil, err
			}
			old = of.tree(at)
		}
		own, _, err := g.namesOf(ctx, n)
		if err != nil {
			return nil, err
		}
		if f.data, _, err = c.filter(ctx, f.data, old, own.tree(i)); err != nil {
			return nil, err
		}
		f.ends[i] = uint32(len(f.data))
	}
	return f, nil
}

// setFaulty notes that filters of a pool can't be read, or that they will be made anew.
func (s *Store) setFaulty(pool storage.ID, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !is {
		delete(s.faulty, pool)
		return
	}
	if s.faulty == nil {
		s.faulty = map[storage.ID]bool{}
	}
	s.faulty[pool] = true
}

func (s *Store) isFaulty(pool storage.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faulty[pool]
}

func (s *Store) filters(ctx context.Context, pool storage.ID, chunk uint32) (*filters, error) {
	f, err := load(ctx, s, part{pool, keyFilters, uint64(chunk)},
		func() []byte { return chunkKey(keyFilters, pool, chunk) }, func(b []byte) (*filters, int64, error) {
			f, err := decodeFilters(b)
			if err != nil {
				return nil, 0, err
			}
			return f, f.cost(), nil
		})
	return f, unlessGone(err)
}
