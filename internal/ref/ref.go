// Package ref reads and changes refs within a unit of work. Every change of a ref, by whatever verb, is Apply, by way of
// package landing, which notes that refs moved.
package ref

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/ancestry"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/storage"
)

// Names that Git gives a meaning.
const (
	Head     = "HEAD"
	Branches = "refs/heads/"
	Tags     = "refs/tags/"
)

// Errors beside storage.ErrNotFound.
var (
	// ErrTaken says that a ref can't be, because another one's name is a directory of its name, or the reverse.
	ErrTaken = errors.New("name is taken")
	// ErrSymbolic says that symbolic refs lead nowhere, or too far.
	ErrSymbolic = errors.New("symbolic ref leads nowhere")
)

// A ConflictError says that a ref did not hold what the caller expected.
type ConflictError struct {
	Name             string
	Expected, Actual storage.Hash
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("%q is %s, not %s", e.Name, describe(e.Actual), describe(e.Expected))
}

func describe(h storage.Hash) string {
	if h.IsZero() {
		return "absent"
	}
	return "at " + h.String()
}

// A Change is what shall happen to one ref.
type Change struct {
	Name   string
	New    storage.Hash  // zero deletes, unless there is a Target
	Target string        // makes the ref symbolic
	Old    *storage.Hash // what it must hold; zero: it must not exist; nil: anything
	By     access.Actor  // who makes the change
	Log    storage.LogEntry

	// OnTop says that New is a commit whose parent is Old: it need not be looked up whether it is a fast-forward.
	OnTop bool
	// Renamed is the full name under which the deleted branch goes on, by a later change.
	Renamed string
}

// maxSymbolic is how many symbolic refs may lead from one to the next (git's SYMREF_MAXDEPTH).
const maxSymbolic = 5

// Follow returns the ref that name leads to, symbolic ones followed. If the last one does not exist, it is returned
// with its name and a zero hash.
func Follow(v storage.View, repo storage.ID, name string) (storage.Ref, error) {
	for range maxSymbolic + 1 {
		r, err := v.Ref(repo, name)
		if errors.Is(err, storage.ErrNotFound) {
			return storage.Ref{Name: name}, nil
		}
		if err != nil || r.Target == "" {
			return r, err
		}
		name = r.Target
	}
	return storage.Ref{}, fmt.Errorf("%q: %w", name, ErrSymbolic)
}

// Default returns the full name of the branch that HEAD names, which need not exist yet.
func Default(v storage.View, repo storage.ID) (string, error) {
	head, err := v.Ref(repo, Head)
	if err != nil {
		return "", err
	}
	// Other programs, and damage, can make it name anything.
	if !strings.HasPrefix(head.Target, Branches) {
		return "", fmt.Errorf("HEAD names %q, no branch: %w", head.Target, ErrSymbolic)
	}
	return head.Target, nil
}

// Apply makes the changes, in order, or returns a *ConflictError, ErrTaken, protect.ErrRefused if a branch is protected
// from one, or storage.ErrNotFound for a deletion of what is not there. A new hash for a symbolic ref is given to the ref
// that it leads to. Old and New of the log entries are filled in. The caller has checked the names. Each change is an
// event.
//
// It returns ancestry.ErrUnanswered if it must know more than facts do: then nothing of the unit of work may stay, and
// it is begun again when facts has the answers.
func Apply(tx storage.Tx, repo *catalog.Repo, changes []Change, facts *ancestry.Facts) error {
	facts.Begin()
	g := guard{tx: tx, repo: repo, facts: facts}
	for i := range changes {
		c := &changes[i]
		change := event.Event{Kind: event.RefChanged, Repo: repo.ID, Private: repo.Private, By: c.By.String()}
		if err := g.apply(c, &change); err != nil {
			return err
		}
		if change.Name != "" {
			event.Add(tx, change)
		}
	}
	return facts.Unanswered()
}

// apply makes one change, and says in e what it was. Where there was nothing to do, e has no name.
func (g *guard) apply(c *Change, e *event.Event) error {
	tx, repo := g.tx, g.repo.ID
	if c.Target != "" {
		return g.setSymbolic(c, e)
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
		return g.remove(c, &entry, e)
	}
	if now.Hash.IsZero() {
		if err := checkFree(tx, repo, now.Name); err != nil {
			return err
		}
	}
	if err := g.mayMove(c, now); err != nil {
		return err
	}
	e.Name, e.Old, e.New = now.Name, now.Hash, c.New
	return tx.PutRef(repo, storage.Ref{Name: now.Name, Hash: c.New}, &entry)
}

// remove deletes the ref itself: of a symbolic one, not what it leads to.
func (g *guard) remove(c *Change, entry *storage.LogEntry, e *event.Event) error {
	now, err := g.tx.Ref(g.repo.ID, c.Name)
	if errors.Is(err, storage.ErrNotFound) && c.Old != nil {
		return nil // it was expected not to be there
	}
	if err != nil {
		return fmt.Errorf("%q: %w", c.Name, err)
	}
	if err := g.mayRemove(c, now); err != nil {
		return err
	}
	e.Name, e.Old = c.Name, entry.Old
	if err := g.tx.DeleteRef(g.repo.ID, c.Name, entry); err != nil {
		return err
	}
	return g.renamed(c)
}

func (g *guard) setSymbolic(c *Change, e *event.Event) error {
	tx, repo := g.tx, g.repo.ID
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
	if err := g.mayPoint(c, now); err != nil {
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
	return tx.PutRef(repo, storage.Ref{Name: c.Name, Target: c.Target}, &entry)
}

// checkFree refuses a new ref whose name would be a directory and a file at once (git's refs_verify_refname_available).
func checkFree(tx storage.Tx, repo storage.ID, name string) error {
	for at := strings.IndexByte(name, '/'); at >= 0; {
		if _, err := tx.Ref(repo, name[:at]); err == nil {
			return fmt.Errorf("%q is in the way: %w", name[:at], ErrTaken)
		} else if !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		next := strings.IndexByte(name[at+1:], '/')
		if next < 0 {
			break
		}
		at += next + 1
	}
	for r, err := range tx.Refs(repo, name+"/", "") {
		if err != nil {
			return err
		}
		return fmt.Errorf("%q is in the way: %w", r.Name, ErrTaken)
	}
	return nil
}
