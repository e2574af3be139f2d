package txn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// SetRef makes a change of a ref. A new hash for a symbolic ref is given to the ref that it leads to; a deletion is of
// the ref itself. The change is an event and, unless it is Unlogged, in the log of the ref. The guards' rules hold, and
// what follows from the change by them is done. A change that expects nothing in particular mends a damaged ref: what
// that held counts as not there. The caller has checked the name, and that the actor may write.
//
// It returns a *ref.ConflictError, ref.ErrTaken, ref.ErrSymbolic, storage.ErrNotFound for a deletion of what is not
// there, or the error of a guard.
func (r *Repo) SetRef(c *ref.Change) error {
	r.guard()
	switch {
	case c.Target != "":
		return r.setSymbolic(c)
	case c.New.IsZero():
		return r.deleteRef(c)
	}
	now, err := r.follow(c)
	if err != nil {
		return err
	}
	if now.Hash.IsZero() {
		if err := r.checkFree(now.Name); err != nil {
			return err
		}
	}
	if err := r.check(c, now); err != nil {
		return err
	}
	if err := r.tx.Tx.PutRef(r.ID, storage.Ref{Name: now.Name, Hash: c.New}, c.Entry(now.Hash, c.New)); err != nil {
		return err
	}
	return r.after(c, now, event.Event{Name: now.Name, Old: now.Hash, New: c.New})
}

// follow returns the ref that a change is of, symbolic ones followed, if it holds what the change expects.
func (r *Repo) follow(c *ref.Change) (storage.Ref, error) {
	now, err := ref.Follow(r.tx.Tx, r.ID, c.Name)
	if r.mends(c, now.Name, err) {
		return now, nil
	}
	if err == nil && c.Old != nil && *c.Old != now.Hash {
		err = &ref.ConflictError{Name: c.Name, Expected: *c.Old, Actual: now.Hash}
	}
	return now, err
}

func (r *Repo) deleteRef(c *ref.Change) error {
	end, err := r.follow(c)
	if err != nil {
		return err
	}
	now, err := r.tx.Tx.Ref(r.ID, c.Name)
	if errors.Is(err, storage.ErrNotFound) && c.Old != nil {
		return nil // it was expected not to be there
	}
	if r.mends(c, c.Name, err) {
		now, err = storage.Ref{Name: c.Name}, nil
	}
	if err != nil {
		return fmt.Errorf("%q: %w", c.Name, err)
	}
	if err := r.check(c, now); err != nil {
		return err
	}
	if err := r.tx.Tx.DeleteRef(r.ID, c.Name, c.Entry(end.Hash, c.New)); err != nil {
		return err
	}
	if r.deleted == nil {
		r.deleted = map[string]storage.Hash{}
	}
	r.deleted[c.Name] = now.Hash
	return r.after(c, now, event.Event{Name: c.Name, Old: end.Hash})
}

// mends reports whether an error says that a ref is damaged, and a change may put something in its place.
func (r *Repo) mends(c *ref.Change, name string, err error) bool {
	if c.Old != nil || name == "" || !errors.Is(err, storage.ErrCorrupt) {
		return false
	}
	if r.damaged == nil {
		r.damaged = map[string]bool{}
	}
	r.damaged[name] = true
	return true
}

// Damaged reports whether a ref that the transaction changes was damaged: what it held is not known.
func (r *Repo) Damaged(name string) bool { return r.damaged[name] }

// Deleted returns what a ref held before the transaction deleted it, or zero.
func (r *Repo) Deleted(name string) storage.Hash { return r.deleted[name] }

func (r *Repo) setSymbolic(c *ref.Change) error {
	now, err := r.tx.Tx.Ref(r.ID, c.Name)
	if errors.Is(err, storage.ErrNotFound) || r.mends(c, c.Name, err) {
		err = r.checkFree(c.Name)
	}
	if err != nil {
		return err
	}
	if c.Old != nil && *c.Old != now.Hash {
		return &ref.ConflictError{Name: c.Name, Expected: *c.Old, Actual: now.Hash}
	}
	if err := r.check(c, now); err != nil {
		return err
	}
	target, err := ref.Follow(r.tx.Tx, r.ID, c.Target)
	if err != nil {
		return err
	}
	if target.Name == c.Name {
		return fmt.Errorf("%q: %w", c.Name, ref.ErrSymbolic)
	}
	err = r.tx.Tx.PutRef(r.ID, storage.Ref{Name: c.Name, Target: c.Target}, c.Entry(now.Hash, target.Hash))
	if err != nil {
		return err
	}
	return r.after(c, now, event.Event{Name: c.Name, Old: now.Hash, New: target.Hash, Detail: c.Target})
}

// checkFree refuses a new ref whose name would be a directory and a file at once (git's refs_verify_refname_available).
func (r *Repo) checkFree(name string) error {
	tx := r.tx.Tx
	for at := strings.IndexByte(name, '/'); at >= 0; {
		if _, err := tx.Ref(r.ID, name[:at]); err == nil || errors.Is(err, storage.ErrCorrupt) {
			return fmt.Errorf("%q is in the way: %w", name[:at], ref.ErrTaken)
		} else if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		next := strings.IndexByte(name[at+1:], '/')
		if next < 0 {
			break
		}
		at += next + 1
	}
	for found, err := range tx.Refs(r.ID, name+"/", "") {
		if err != nil && found.Name == "" {
			return err
		}
		return fmt.Errorf("%q is in the way: %w", found.Name, ref.ErrTaken)
	}
	return nil
}

// guard makes the repository's guards.
func (r *Repo) guard() {
	if r.guards != nil {
		return
	}
	r.guards = make([]Guard, 0, len(r.tx.engine.guards))
	for _, make := range r.tx.engine.guards {
		r.guards = append(r.guards, make(r))
	}
}

func (r *Repo) check(c *ref.Change, now storage.Ref) error {
	for _, g := range r.guards {
		if err := g.Check(c, now); err != nil {
			return err
		}
	}
	return nil
}

// after does what follows from a change that was made, and adds its event.
func (r *Repo) after(c *ref.Change, before storage.Ref, e event.Event) error {
	r.Moved()
	for _, g := range r.guards {
		if err := g.After(c, before); err != nil {
			return err
		}
	}
	e.Kind, e.Repo, e.Private, e.By = event.RefChanged, r.ID, r.Private, c.By.String()
	r.tx.Note(e)
	return nil
}
