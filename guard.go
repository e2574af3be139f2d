package reposit

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/storage"
)

// A guard asks whether the actor may still read a repository, on behalf of what was handed out and is read in later
// calls. Asking costs a View, and what decides is looked up only where the backend's version is another than the last
// time. It is safe for concurrent use.
type guard struct {
	ctx  context.Context
	r    *Repo
	need access.Permission
	look func(storage.View) error // check, made once
	seen atomic.Uint64            // version of the last view in which the actor could read the repository
}

func newGuard(ctx context.Context, r *Repo) *guard {
	g := &guard{ctx: ctx, r: r, need: access.Read}
	g.look = g.check
	return g
}

// check returns ErrNotFound or ErrForbidden unless the actor may read the repository, or do what else is needed.
func (g *guard) check(v storage.View) error {
	version := storage.Version(v)
	if version != 0 && version == g.seen.Load() {
		return nil
	}
	_, err := g.r.s.actor.Check(v, g.r.id, g.need)
	if err == nil {
		g.seen.Store(version)
	}
	return err
}

// ask is check in a View of its own. It also returns what keeps the actor out altogether.
func (g *guard) ask() error {
	if err := g.r.s.calls.check(); err != nil {
		return err
	}
	return g.r.s.backend.View(g.ctx, g.look)
}

// call is ask as a call on the store. It also returns ErrClosed.
func (g *guard) call() error {
	if err := g.r.s.calls.Enter(g.ctx); err != nil {
		return err
	}
	defer g.r.s.calls.Leave()
	return g.ask()
}

// A guarded is content that is read only as long as its guard lets it.
type guarded struct {
	io.ReadCloser
	guard *guard
	fail  func(error) error // names an error
}

func (r *guarded) Read(p []byte) (int, error) {
	if err := r.guard.call(); err != nil {
		return 0, r.fail(err)
	}
	n, err := r.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = r.fail(err)
	}
	return n, err
}
