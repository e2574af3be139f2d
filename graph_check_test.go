package reposit_test

import (
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/catalog"
	gitobject "github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// checkGraphs compares what is stored of the graphs of all pools with their commits. What is there of a pool that was
// dropped must have a tombstone.
func checkGraphs(ctx context.Context, b storage.Backend) error {
	objects := object.New(b, 1<<20)
	return b.View(ctx, func(v storage.View) error {
		pools, gone := map[storage.ID]bool{}, map[storage.ID]bool{}
		for rec, err := range v.Records([]byte("i"), []byte("j"), storage.Ascending) {
			if err != nil {
				return err
			}
			r, err := catalog.Load(v, storage.ID(rec.Key[1:]))
			if err != nil {
				return err
			}
			pools[r.Pool] = true
		}
		for rec, err := range v.Records([]byte("Gz"), []byte("G{"), storage.Ascending) {
			if err != nil {
				return err
			}
			gone[storage.ID(rec.Key[2:])] = true
		}
		for rec, err := range v.Records([]byte("G"), []byte("H"), storage.Ascending) {
			if err != nil {
				return err
			}
			if pool := storage.ID(rec.Key[2:22]); pools[pool] == gone[pool] {
				return fmt.Errorf("record %q is of no pool", rec.Key)
			}
		}
		for pool := range pools {
			err := graph.CheckStored(v, pool, func(h gitobject.Hash) (*gitobject.Commit, error) {
				return objects.Commit(ctx, pool, h)
			})
			if err != nil {
				return fmt.Errorf("graph of pool %s: %w", pool, err)
			}
		}
		return nil
	})
}
