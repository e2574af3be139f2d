// Package ref reads and changes refs within a unit of work. Every change of a ref, by whatever verb, is Apply, by way of
// package landing, which notes that refs moved.
package ref

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/pull"
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

	// OnTop says that New is a commit whose only parent is Old: it need not be looked up whether it is a fast-forward.
	OnTop bool
	// Merge says that the change is the merge of a pull request.
	Merge *Merge
	// Renamed is the full name under which the deleted branch goes on, by a later change.
	Renamed string
}

// A Merge is a pull request that is merged by a change of its base.
type Merge struct {
	Pull  int         // its number
	Needs []pull.Need // what owners must approve of, between the base and the head that there are
	Owned bool        // Needs are known
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
