package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A LogEntry is a change of a ref.
type LogEntry struct {
	Old, New Hash // zero: the ref did not exist
	By       Signature
	Message  string // one line
}

// Log yields what happened to a ref, by its full name, the newest entry first: "name@{1}" is what Old of the first one
// says. It needs Write, as does what it tells of. It begins where the ref was last made: what a deleted one of that
// name held before, and the log of a ref that is gone, is for admins alone. It is read when the loop begins.
//
// It returns ErrNotFound for a ref that does not exist, of which there is no log for the actor, ErrForbidden, and
// ErrInvalid for what can be no ref.
func (f Refs) Log(ctx context.Context, name string) iter.Seq2[LogEntry, error] {
	return func(yield func(LogEntry, error) bool) {
		entries, err := call(ctx, f.r, "ref log", name, func() ([]LogEntry, error) { return f.r.log(ctx, name) })
		if err != nil {
			yield(LogEntry{}, err)
			return
		}
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (r *Repo) log(ctx context.Context, name string) (entries []LogEntry, err error) {
	if err := r.may(ctx, access.Read); err != nil {
		return nil, err
	}
	if name != ref.Head {
		if err := checkRef(name); err != nil {
			return nil, err
		}
	}
	err = r.s.backend.View(ctx, func(v storage.View) error {
		if _, err := r.s.actor.Check(v, r.id, access.Write); err != nil {
			return err
		}
		p, err := r.s.actor.Permission(v, r.id)
		if err != nil {
			return err
		}
		_, gone := v.Ref(r.id, name)
		log := v.Log(r.id, name)
		if p < access.Admin {
			if gone != nil {
				return gone
			}
			log = ref.Log(v, r.id, name)
		}
		entries = nil
		for e, err := range log {
			if err != nil {
				return err
			}
			if len(entries)%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			entries = append(entries, LogEntry{
				Old: Hash(e.Old), New: Hash(e.New), Message: e.Message, By: Signature{Name: e.Name, Email: e.Email, When: e.When},
			})
		}
		if len(entries) == 0 {
			return gone
		}
		return nil
	})
	return entries, err
}
