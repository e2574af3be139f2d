package reposit

import (
	"context"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// Stats say what a store holds.
type Stats struct {
	Repos, Pools int64 // a pool is what a repository shares with its forks
	Commits      ObjectStats
	Trees        ObjectStats
	Blobs        ObjectStats
	Tags         ObjectStats
	Packs        int64 // files of many objects
	PackBytes    int64 // that they take, compressed

	CacheHits, CacheMisses int64 // of decoded objects, since Open
}

// ObjectStats are the objects of one type.
type ObjectStats struct {
	Count int64
	Bytes int64 // before compression
}

// RepoStats say what a repository holds.
type RepoStats struct {
	Refs int64
	// Shared says that its objects are those of a network of forks, too. Then the host alone is told of them: for others
	// the fields below are zero.
	Shared    bool
	Commits   ObjectStats
	Trees     ObjectStats
	Blobs     ObjectStats
	Tags      ObjectStats
	Packs     int64
	PackBytes int64
}

// Stats counts what the store holds, garbage included. It looks at the head of each object, beside writers, so the
// numbers are of no one moment. Only the host may: others get ErrForbidden.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	return call(ctx, s, "stats", "", func() (Stats, error) {
		if !s.actor.IsHost() {
			return Stats{}, ErrForbidden
		}
		var all Stats
		pools := map[storage.ID]bool{}
		err := s.backend.View(ctx, func(v storage.View) error {
			return catalog.EachPool(v, func(pool storage.ID) {
				all.Repos++
				pools[pool] = true
			})
		})
		if err != nil {
			return Stats{}, err
		}
		for pool := range pools {
			all.Pools++
			one, err := s.poolStats(ctx, pool)
			if err != nil {
				return Stats{}, err
			}
			all.Commits.add(one.Commits)
			all.Trees.add(one.Trees)
			all.Blobs.add(one.Blobs)
			all.Tags.add(one.Tags)
			all.Packs, all.PackBytes = all.Packs+one.Packs, all.PackBytes+one.PackBytes
		}
		all.CacheHits, all.CacheMisses = s.objects.Hits()
		return all, nil
	})
}

func (o *ObjectStats) add(more ObjectStats) {
	o.Count += more.Count
	o.Bytes += more.Bytes
}

// Stats counts what is stored of the repository, what no ref leads to included. It looks at the head of each object,
// and needs Admin.
func (r *Repo) Stats(ctx context.Context) (RepoStats, error) {
	return call(ctx, r, "stats", "", func() (stats RepoStats, err error) {
		refs, shared := int64(0), false
		var pool storage.ID
		err = r.s.backend.View(ctx, func(v storage.View) (err error) {
			if pool, err = r.s.actor.Check(v, r.id, access.Admin); err != nil {
				return err
			}
			repo, err := catalog.Load(v, r.id)
			if err != nil {
				return err
			}
			shared = repo.Networked
			for found, err := range v.Refs(r.id, "refs/", "") {
				if err != nil && !isDamagedRef(found, err) {
					return err
				}
				refs++
			}
			return nil
		})
		if err == nil && (!shared || r.s.actor.IsHost()) {
			stats, err = r.s.poolStats(ctx, pool)
		}
		stats.Refs, stats.Shared = refs, shared
		return stats, err
	})
}

func (s *Store) poolStats(ctx context.Context, pool storage.ID) (stats RepoStats, err error) {
	for h, err := range s.backend.Objects(ctx, pool, storage.Hash{}, git.LastHash()) {
		if err != nil {
			return stats, err
		}
		t, size, err := s.backend.StatObject(ctx, pool, h)
		if err != nil {
			if ctx.Err() != nil {
				return stats, err
			}
			continue // it is gone since, or damaged, which Check is for
		}
		one := ObjectStats{1, size}
		switch t {
		case storage.Commit:
			stats.Commits.add(one)
		case storage.Tree:
			stats.Trees.add(one)
		case storage.Blob:
			stats.Blobs.add(one)
		case storage.Tag:
			stats.Tags.add(one)
		}
	}
	packer, ok := storage.PackerOf(s.backend.Backend)
	if !ok {
		return stats, nil
	}
	packs, err := packer.Packs(ctx, pool)
	for _, p := range packs {
		stats.Packs++
		stats.PackBytes += p.Size
	}
	return stats, err
}
