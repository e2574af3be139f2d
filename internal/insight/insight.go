// Package insight keeps what is counted of repositories up to date: it is counted when it is first asked for after a
// change, from where the last count ended, and never by who makes the change.
package insight

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/contributor"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Keeper keeps the counts of the repositories of one store. It is safe for concurrent use.
type Keeper struct {
	backend      *txn.Engine
	objects      *object.Store
	languages    *language.Counter
	contributors *contributor.Counter
	exclusive    bool
	log          *slog.Logger
	turns        turns
	recent       recent
}

// NewKeeper returns a Keeper. exclusive is what storage.Exclusive says of the backend.
func NewKeeper(b *txn.Engine, objects *object.Store, exclusive bool, log *slog.Logger) *Keeper {
	return &Keeper{
		backend: b, objects: objects, exclusive: exclusive, log: log,
		languages: language.NewCounter(objects), contributors: contributor.NewCounter(objects),
	}
}

// Drop removes all records of a repository.
func Drop(tx storage.Tx, repo storage.ID) error {
	return errors.Join(language.Drop(tx, repo), contributor.Drop(tx, repo))
}

// Tip returns the commit that a repository's default branch names, or zero if there is none.
func Tip(v storage.View, repo storage.ID) (git.Hash, error) {
	branch, err := ref.Default(v, repo)
	if err != nil {
		return git.Hash{}, unlessLost(err)
	}
	return tipOf(v, repo, branch)
}

func tipOf(v storage.View, repo storage.ID, branch string) (git.Hash, error) {
	r, err := ref.Follow(v, repo, branch)
	return r.Hash, unlessLost(err)
}

// unlessLost returns err, unless it says that another program made the default branch none.
func unlessLost(err error) error {
	if errors.Is(err, ref.ErrSymbolic) || errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	return err
}

// relatives returns a repository and those whose counts may be a start for its own, the nearest first.
func relatives(v storage.View, repo storage.ID) ([]storage.ID, error) {
	ids := []storage.ID{repo}
	r, err := catalog.Load(v, repo)
	if err != nil {
		return nil, err
	}
	for _, of := range [...]func(storage.View, *catalog.Repo) (storage.ID, error){catalog.Parent, catalog.Source} {
		id, err := of(v, r)
		if err != nil {
			return nil, err
		}
		if !id.IsZero() {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// isDamage reports whether an error is about stored data that can be made anew.
func isDamage(err error) bool {
	return errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat)
}

// stops reports whether an error is no matter of what is stored, but of the call.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, storage.ErrClosed)
}

// turns are taken by who counts the same, so that none of it is counted twice.
type turns struct {
	mu    sync.Mutex
	taken map[turn]chan struct{}
}

type turn struct {
	repo storage.ID
	what byte
}

// take waits for a turn. The caller must give it back, unless there is an error, ctx's.
func (t *turns) take(ctx context.Context, what turn) (giveBack func(), err error) {
	for {
		t.mu.Lock()
		busy := t.taken[what]
		if busy == nil {
			break
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer t.mu.Unlock()
	if t.taken == nil {
		t.taken = map[turn]chan struct{}{}
	}
	done := make(chan struct{})
	t.taken[what] = done
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.taken, what)
		close(done)
	}, nil
}
