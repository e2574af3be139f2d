package check

import (
	"context"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// Graphs compares what is kept of the graphs of all pools with their commits and trees. What is there of a pool that is
// gone must have a tombstone.
func Graphs(ctx context.Context, b storage.Backend) (found []Finding, err error) {
	err = b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err == nil {
			err = s.graphs(ctx, object.New(b, 1<<20))
		}
		found, err = s.results(err)
		return err
	})
	return found, err
}

func (s *scan) graphs(ctx context.Context, objects *object.Store) error {
	if !s.isWhole() {
		return nil // it is not known which pools there are
	}
	pools, gone := map[storage.ID]bool{}, map[storage.ID]bool{}
	for _, r := range s.repos {
		pools[r.Pool] = true
	}
	for rec, err := range s.records("Gz", "G{") {
		if err != nil {
			return err
		}
		gone[poolOf(rec.Key)] = true
	}
	for rec, err := range s.records("G", "H") {
		if err != nil {
			return err
		}
		if pool := poolOf(rec.Key); pools[pool] == gone[pool] {
			s.note(Graph, storage.ID{}, string(rec.Key), "there is no such pool, or it has a tombstone")
		}
	}
	sorted := slices.SortedFunc(maps.Keys(pools), func(a, b storage.ID) int { return slices.Compare(a[:], b[:]) })
	for _, pool := range sorted {
		commit := func(h git.Hash) (*git.Commit, error) { return objects.Commit(ctx, pool, h) }
		tree := func(ctx context.Context, h git.Hash) (*git.Tree, error) {
			item, err := objects.TreeAlong(ctx, pool, h)
			if err != nil {
				return nil, err
			}
			return item.Tree, nil
		}
		err := graph.CheckStored(ctx, s.v, pool, commit, tree)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			s.found = append(s.found, Finding{Noun: Graph, Pool: pool, What: pool.String(), Means: err.Error()})
		}
	}
	return nil
}

// poolOf returns the pool that a record of a graph is of, or the zero ID.
func poolOf(key []byte) (id storage.ID) {
	if len(key) >= 2+len(id) {
		copy(id[:], key[2:])
	}
	return id
}
