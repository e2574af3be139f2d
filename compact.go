package reposit

import (
	"context"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/compact"
	"github.com/reposit/reposit/storage"
)

// CompactOptions say how a store is compacted.
type CompactOptions struct {
	Progress func(Progress) // of one fork network after the other
}

// CompactStats say what Compact did.
type CompactStats struct {
	Objects int   // that are in packs which Compact wrote
	Bytes   int64 // of these packs
	Packs   int   // that were written
	Dropped int   // packs in whose place others are
}

// Compact has objects take less space: those that were stored one by one since the last time become packs, with deltas
// found as git finds them, and small packs become larger ones, as far as that pays: an object is written again as often
// as the logarithm of their number tells. Readers and writers go on beside it. It takes the memory of some 200 bytes
// for each object that it packs of one fork network, and of up to 64 MiB of deltas. What was done before an error, or a
// crash, stays done, and the next call goes on. On billyfs the packs are git's own; those that are beside a .keep file
// stay. Objects that nothing reaches stay, too. Nothing happens on a backend that keeps no packs. Only the host may:
// others get ErrForbidden.
func (s *Store) Compact(ctx context.Context, opts *CompactOptions) (CompactStats, error) {
	return call(ctx, s, "compact", "", func() (CompactStats, error) {
		if !s.actor.IsHost() {
			return CompactStats{}, ErrForbidden
		}
		if s.opts.ReadOnly {
			return CompactStats{}, storage.ErrReadOnly
		}
		if opts == nil {
			opts = &CompactOptions{}
		}
		return s.compact(ctx, opts)
	})
}

// poolsPage is how many repositories' pools are looked up at once.
const poolsPage = 1000

func (s *Store) compact(ctx context.Context, opts *CompactOptions) (stats CompactStats, err error) {
	packer, ok := storage.PackerOf(s.backend.Backend)
	if !ok {
		return stats, nil
	}
	tell := reporter(opts.Progress)
	defer tell.End()
	c := &compact.Compactor{Backend: packer, Objects: s.objects, Tell: tell}
	done := map[storage.ID]bool{}
	for last, more := (storage.ID{}), true; more; {
		var pools []storage.ID
		err := s.backend.View(ctx, func(v storage.View) (err error) {
			pools, last, more, err = catalog.Pools(v, last, poolsPage)
			return err
		})
		if err != nil {
			return stats, err
		}
		for _, pool := range pools {
			if done[pool] {
				continue
			}
			done[pool] = true
			made, err := c.Pool(ctx, pool)
			if err != nil {
				return stats, err
			}
			stats.add(made)
		}
	}
	return stats, nil
}

func (s *CompactStats) add(made compact.Stats) {
	if made.Objects > 0 {
		s.Packs++
	}
	s.Objects += made.Objects
	s.Bytes += made.Bytes
	s.Dropped += made.Dropped
}
