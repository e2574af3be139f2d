package reposit

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/storage"
)

// as returns the store of an actor.
func (c *core) as(actor access.Actor) *Store {
	s := &Store{core: c, actor: actor, calls: calls{
		gate: &c.gate, removals: &c.removals, login: actor.Login(), since: c.removals.count.Load(),
	}}
	if err := actor.Misnamed(); err != nil {
		s.calls.refused = &detail{ErrInvalid, "invalid actor: " + err.Error(), err}
	}
	return s
}

// calls counts the calls in flight of one actor, who may not be let in at all.
type calls struct {
	gate     *storage.Gate
	refused  error
	removals *removals
	login    string // of a user
	since    uint64 // how many removals there were when the actor came
}

// Enter begins a call, or returns what keeps the actor out.
func (c *calls) Enter(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.gate.Enter(ctx)
}

// Leave ends a call.
func (c *calls) Leave() { c.gate.Leave() }

// check returns what keeps the actor out, also during a call.
func (c *calls) check() error {
	if c.refused != nil {
		return c.refused
	}
	if c.login != "" && c.removals.count.Load() != c.since && c.removals.of(c.login) > c.since {
		return errRemoved
	}
	return nil
}

var errRemoved = &detail{ErrForbidden, "forbidden: the user was removed", nil}

// removals are the users that were removed since the store was opened: what was handed out to them is not for whoever
// gets their login next. A store is open in one process at a time, so none is missing.
type removals struct {
	count atomic.Uint64
	mu    sync.RWMutex
	last  map[string]uint64 // by login, what count became
}

// add notes that a user was removed.
func (r *removals) add(login string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = map[string]uint64{}
	}
	n := r.count.Load() + 1
	r.last[login] = n
	r.count.Store(n)
}

// of returns what the count was when a user of a login was last removed, or 0.
func (r *removals) of(login string) uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last[login]
}
