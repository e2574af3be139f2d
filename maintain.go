package reposit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Upkeep does at once what the store would do by itself in a while (see Options.Upkeep), as fast as it can: then Info,
// lists and searches tell the languages of all repositories as of what their default branches name, but for what
// changes meanwhile, what programs outside did to refs, and repositories whose data is damaged, which are logged. What
// was done before an error stays done. Only the host may: others get ErrForbidden.
func (s *Store) Upkeep(ctx context.Context) error {
	return do(ctx, s, "upkeep", "", func() error {
		if !s.actor.IsHost() {
			return ErrForbidden
		}
		if s.opts.ReadOnly {
			return storage.ErrReadOnly
		}
		return s.stats.FindAll(ctx)
	})
}

const expiryBatch = 100

// DeleteExpired deletes the repositories whose ExpiresAt has passed, and returns how many. Until it is called they stay
// as they are. Each is deleted as a whole. One that can't be deleted is logged, and keeps no other from being: it is
// left for the next call, and the errors of all are joined in the end. Only the host may: others get ErrForbidden.
func (s *Store) DeleteExpired(ctx context.Context) (int, error) {
	const op = "delete expired"
	if err := s.calls.Enter(ctx); err != nil {
		return 0, failed(op, "", "", err)
	}
	defer s.calls.Leave()
	if !s.actor.IsHost() {
		return 0, failed(op, "", "", ErrForbidden)
	}
	now := s.now()
	done := 0
	left := map[storage.ID]error{}
	for {
		var ids []storage.ID
		err := s.backend.View(ctx, func(v storage.View) (err error) {
			ids, err = catalog.Expired(v, now, expiryBatch, func(id storage.ID) bool { return left[id] != nil })
			return err
		})
		if err != nil || len(ids) == 0 {
			if err == nil {
				err = s.sweep(ctx)
			}
			return done, failed(op, "", "", errors.Join(append(slices.Collect(maps.Values(left)), err)...))
		}
		for _, id := range ids {
			deleted, err := s.deleteExpired(ctx, id, now)
			switch {
			case ctx.Err() != nil, errors.Is(err, storage.ErrClosed):
				return done, failed(op, string(publicID(id)), "", err)
			case err != nil:
				left[id] = failed(op, string(publicID(id)), "", err)
				s.opts.Logger.Error("an expired repository can't be deleted", "repo", publicID(id), "err", err)
			case deleted:
				s.opts.Logger.Info("deleted an expired repository", "repo", publicID(id))
				done++
			}
		}
	}
}

// deleteExpired deletes a repository unless somebody else did, or gave it more time.
func (s *Store) deleteExpired(ctx context.Context, id storage.ID, now time.Time) (bool, error) {
	deleted := false
	err := s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
		deleted = false
		repo, err := catalog.Load(tx, id)
		if errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if repo.Expires.IsZero() || repo.Expires.After(now) {
			return nil
		}
		deleted = true
		return s.remove(tx, id)
	})
	return deleted, err
}

// A sweeper removes what deletions left in one package's records.
type sweeper struct {
	swept func(storage.View) (bool, error)
	sweep func(*txn.Tx) (more bool, err error)
}

var sweepers = [...]sweeper{
	{people.Deleted.Swept, func(tx *txn.Tx) (bool, error) { return people.Deleted.Sweep(tx) }},
	{pull.Deleted.Swept, func(tx *txn.Tx) (bool, error) { return pull.Deleted.Sweep(tx) }},
	{catalog.Deleted.Swept, func(tx *txn.Tx) (bool, error) { return catalog.Deleted.Sweep(tx) }},
	{graph.Dropped.Swept, func(tx *txn.Tx) (bool, error) { return graph.Dropped.Sweep(tx) }},
}

// sweep removes what deletions left, since it was more than one transaction should remove. Nothing shows it any more.
// What fails of one package keeps no other from being swept.
func (s *Store) sweep(ctx context.Context) error {
	s.dropWatchers(ctx)
	var all error
	for _, of := range sweepers {
		swept := false
		err := s.backend.View(ctx, func(v storage.View) (err error) {
			swept, err = of.swept(v)
			return err
		})
		for !swept && err == nil {
			err = s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
				more, err := of.sweep(tx)
				swept = !more
				return err
			})
		}
		all = errors.Join(all, err)
	}
	if s.opts.ReadOnly {
		return all
	}
	return errors.Join(all, s.dropHeld(ctx))
}
