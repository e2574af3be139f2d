package check

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/storage"
)

// Options say what Run looks at, and whom it tells.
type Options struct {
	// Roots yields the objects that a repository keeps besides those of refs; nil: there are none
	Roots func(storage.View, storage.ID) iter.Seq2[git.Hash, error]
	// Shallow returns the commits of a repository that may lack their parents, and whether others may, too; nil: none may
	Shallow func(storage.View, storage.ID) (ends map[git.Hash]bool, lacking bool, err error)
	Found   func(Finding)
	Tell    *progress.Reporter
}

// A Tally says how much Run has looked at.
type Tally struct {
	Repos, Objects int64
	Bytes          int64 // of the objects, before compression
}

// A run looks at a whole store, while others write to it.
type run struct {
	backend storage.Backend
	opts    Options
	Tally
}

// Run looks at all that is stored, and calls Options.Found with each Finding. The records are those of one moment.
// Objects are looked at pool by pool, each with the refs of a moment. What was deleted meanwhile is not found. It needs
// about 2 KiB of memory for each repository, and 21 bytes for each object of the largest pool; 9 more if that is
// damaged.
func Run(ctx context.Context, b storage.Backend, opts Options) (Tally, error) {
	r := &run{backend: b, opts: opts}
	pools := map[storage.ID][]storage.ID{}
	var found []Finding
	opts.Tell.Begin("checking records", 0)
	err := b.View(ctx, func(v storage.View) error {
		s, err := newScan(v)
		if err != nil {
			return err
		}
		r.Repos = int64(len(s.repos) + len(s.damaged))
		for _, id := range s.ids() {
			pools[s.repos[id].Pool] = append(pools[s.repos[id].Pool], id)
		}
		err = s.kept(ctx, object.New(b, cacheSize))
		found = s.found
		return err
	})
	if err == nil {
		err = r.confirm(ctx, found)
	}
	if err != nil {
		return r.Tally, err
	}
	ids := make([]storage.ID, 0, len(pools))
	for id := range pools {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) })
	opts.Tell.Begin("checking objects", 0)
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return r.Tally, err
		}
		if err := r.checkPool(ctx, id, pools[id]); err != nil {
			return r.Tally, err
		}
	}
	return r.Tally, ctx.Err()
}

func (r *run) note(f Finding) { r.opts.Found(f) }

// confirm notes what was found of records. They are of one moment, but objects were read later: those of a repository
// that was deleted since may be gone.
func (r *run) confirm(ctx context.Context, found []Finding) error {
	return r.backend.View(ctx, func(v storage.View) error {
		for _, f := range found {
			switch f.Noun {
			case Language, Contributor:
				if _, err := catalog.Pool(v, f.Repo); errors.Is(err, storage.ErrNotFound) {
					continue
				}
			case Graph:
				if f.What == "" || f.Pool.IsZero() {
					break
				}
				if alive, err := isPool(v, f.Pool); err != nil || !alive {
					if err != nil {
						return err
					}
					continue
				}
			}
			r.note(f)
		}
		return nil
	})
}

// isPool reports whether a repository has a pool.
func isPool(v storage.View, pool storage.ID) (bool, error) {
	for rec, err := range v.Records([]byte(reposFrom), []byte(reposEnd), storage.Ascending) {
		if err != nil {
			return true, nil // it is told elsewhere
		}
		if len(rec.Key) != 1+len(pool) {
			continue
		}
		if has, err := catalog.Pool(v, storage.ID(rec.Key[1:])); err == nil && has == pool {
			return true, nil
		}
	}
	return false, nil
}
