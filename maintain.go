package reposit

import (
	"context"
	"errors"
	"time"

	"github.com/reposit/reposit/internal/catalog"
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
	const op = "upkeep"
	if err := s.calls.Enter(ctx); err != nil {
		return failed(op, "", "", err)
	}
	defer s.calls.Leave()
	if !s.actor.IsHost() {
		return failed(op, "", "", ErrForbidden)
	}
	return failed(op, "", "", s.insight.FindAll(ctx))
}

const expiryBatch = 100

// DeleteExpired deletes the repositories whose ExpiresAt has passed, and returns how many. Until it is called they stay
// as they are. Each is deleted as a whole; an error leaves the rest for the next call. Only the host may: others get
// ErrForbidden.
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
	for {
		var ids []storage.ID
		err := s.backend.View(ctx, func(v storage.View) error {
			var err error
			ids, err = catalog.Expired(v, now, expiryBatch)
			return err
		})
		if err == nil && len(ids) == 0 {
			err = s.sweep(ctx)
		}
		if err != nil || len(ids) == 0 {
			return done, failed(op, "", "", err)
		}
		for _, id := range ids {
			deleted, err := s.deleteExpired(ctx, id, now)
			if err != nil {
				return done, failed(op, string(publicID(id)), "", err)
			}
			if deleted {
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

// sweep removes what deletions left, since it was more than one unit of work should remove. Nothing shows it any more.
func (s *Store) sweep(ctx context.Context) error {
	swept := false
	err := s.backend.View(ctx, func(v storage.View) error {
		people, err := people.Swept(v)
		if err != nil {
			return err
		}
		pulls, err := pull.Swept(v)
		swept = people && pulls
		return err
	})
	s.dropWatchers(ctx)
	for !swept && err == nil {
		err = s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
			more, err := people.Sweep(tx)
			if err == nil && !more {
				more, err = pull.Sweep(tx)
			}
			swept = !more
			return err
		})
	}
	return err
}
