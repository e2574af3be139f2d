// Package stats keeps what is counted of repositories up to date. It is counted from where the last count ended: when
// it is asked for by itself, or in the background. Neither a change nor a list of repositories waits for that.
package stats

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

// A Service keeps the counts of the repositories of one store. It is safe for concurrent use.
type Service struct {
	backend      *txn.Engine
	objects      *object.Store
	languages    *language.Counter
	contributors *contributor.Counter
	log          *slog.Logger
	turns        turns
	recent       recent
	background   background
}

// New returns a Service, which must be stopped. It does nothing by itself before Wake is called.
func New(b *txn.Engine, objects *object.Store, upkeep Upkeep, log *slog.Logger) *Service {
	k := &Service{
		backend: b, objects: objects, log: log,
		languages: language.NewCounter(objects), contributors: contributor.NewCounter(objects).On(b.Graphs()),
	}
	k.background.Upkeep = upkeep
	b.Graphs().OnWant(k.Wake)
	k.background.ctx, k.background.stop = context.WithCancel(context.Background())
	return k
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

// logUnlessReadOnly logs an error, unless it is that of a store to which nothing is written anyway.
func (k *Service) logUnlessReadOnly(text string, err error, args ...any) {
	if !errors.Is(err, storage.ErrReadOnly) {
		k.log.Error(text, append(args, "err", err)...)
	}
}

// turns are taken by those who count the same, so that none of it is counted twice.
type turns struct {
	mu    sync.Mutex
	taken map[turn]chan struct{} // closed when it is given back
	calls map[turn]chan struct{} // closed when somebody waits for it
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
		if call := t.calls[what]; call != nil {
			close(call)
			delete(t.calls, what)
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
		delete(t.calls, what)
		close(done)
	}, nil
}

// wanted returns a channel that is closed when somebody waits for a turn which one has taken.
func (t *turns) wanted(what turn) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[turn]chan struct{}{}
	}
	if t.calls[what] == nil {
		t.calls[what] = make(chan struct{})
	}
	return t.calls[what]
}
