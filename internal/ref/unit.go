package ref

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/ancestry"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/storage"
)

// A Unit is the unit of work in which refs of a repository change. It is for one Apply.
type Unit struct {
	Ctx   context.Context
	Tx    storage.Tx
	Repo  *catalog.Repo
	State catalog.State // before the changes, which may change what is stored of it
	Now   time.Time
	Read  ancestry.Reader // of the pool's commits, those that the unit of work brings among them
	Facts *ancestry.Facts
	Fresh func(storage.Hash) bool // reports whether the unit of work brings a commit that was not there; nil: it brings none

	rules protect.Rules           // as soon as they were needed
	gone  map[string]storage.Hash // what protected branches held that were deleted here
}

// Apply makes the changes, in order, or returns a *ConflictError, ErrTaken, protect.ErrRefused if a branch is protected
// from one, or storage.ErrNotFound for a deletion of what is not there. A new hash for a symbolic ref is given to the ref
// that it leads to. Old and New of the log entries are filled in. The caller has checked the names. Each change is an
// event. Pull requests follow their branches.
//
// It returns ancestry.ErrUnanswered if it must know more than Facts do: then nothing of the unit of work may stay, and
// it is begun again when Facts has the answers.
func Apply(u *Unit, changes []Change) error {
	for i := range changes {
		c := &changes[i]
		change := event.Event{Kind: event.RefChanged, Repo: u.Repo.ID, Private: u.Repo.Private, By: c.By.String()}
		if err := u.apply(c, &change); err != nil {
			return err
		}
		if change.Name != "" {
			event.Add(u.Tx, change)
		}
	}
	return u.Facts.Unanswered()
}

// apply makes one change, and says in e what it was. Where there was nothing to do, e has no name.
func (u *Unit) apply(c *Change, e *event.Event) error {
	tx, repo := u.Tx, u.Repo.ID
	if c.Target != "" {
		return u.setSymbolic(c, e)
	}
	now, err := Follow(tx, repo, c.Name)
	if err != nil {
		return err
	}
	if c.Old != nil && *c.Old != now.Hash {
		return &ConflictError{Name: c.Name, Expected: *c.Old, Actual: now.Hash}
	}
	entry := c.Log
	entry.Old, entry.New = now.Hash, c.New
	if c.New.IsZero() {
		return u.remove(c, &entry, e)
	}
	if now.Hash.IsZero() {
		if err := checkFree(tx, repo, now.Name); err != nil {
			return err
		}
	}
	if err := u.mayMove(c, now); err != nil {
		return err
	}
	e.Name, e.Old, e.New = now.Name, now.Hash, c.New
	if err := tx.PutRef(repo, storage.Ref{Name: now.Name, Hash: c.New}, &entry); err != nil {
		return err
	}
	return u.pullsMove(c, now)
}

// remove deletes the ref itself: of a symbolic one, not what it leads to.
func (u *Unit) remove(c *Change, entry *storage.LogEntry, e *event.Event) error {
	now, err := u.Tx.Ref(u.Repo.ID, c.Name)
	if errors.Is(err, storage.ErrNotFound) && c.Old != nil {
		return nil // it was expected not to be there
	}
	if err != nil {
		return fmt.Errorf("%q: %w", c.Name, err)
	}
	if err := u.mayRemove(c, now); err != nil {
		return err
	}
	e.Name, e.Old = c.Name, entry.Old
	if err := u.Tx.DeleteRef(u.Repo.ID, c.Name, entry); err != nil {
		return err
	}
	if now.Target != "" {
		return nil
	}
	if c.Renamed != "" {
		return u.renamed(c)
	}
	return u.pullsEnd(c)
}

func (u *Unit) setSymbolic(c *Change, e *event.Event) error {
	tx, repo := u.Tx, u.Repo.ID
	now, err := tx.Ref(repo, c.Name)
	if errors.Is(err, storage.ErrNotFound) {
		err = checkFree(tx, repo, c.Name)
	}
	if err != nil {
		return err
	}
	if c.Old != nil && *c.Old != now.Hash {
		return &ConflictError{Name: c.Name, Expected: *c.Old, Actual: now.Hash}
	}
	if err := u.mayPoint(c, now); err != nil {
		return err
	}
	target, err := Follow(tx, repo, c.Target)
	if err != nil {
		return err
	}
	if target.Name == c.Name {
		return fmt.Errorf("%q: %w", c.Name, ErrSymbolic)
	}
	entry := c.Log
	entry.Old, entry.New = now.Hash, target.Hash
	e.Name, e.Old, e.New, e.Detail = c.Name, entry.Old, entry.New, c.Target
	if err := tx.PutRef(repo, storage.Ref{Name: c.Name, Target: c.Target}, &entry); err != nil || now.Hash.IsZero() {
		return err
	}
	return u.pullsEnd(c)
}
