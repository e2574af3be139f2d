// Package ref has the names of refs, reads them, and says how one may change. Package txn makes the changes.
package ref

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/fault"
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
	ErrTaken = fault.New(fault.Exists, "")
	// ErrSymbolic says that symbolic refs lead nowhere, or too far.
	ErrSymbolic = fault.New(fault.Invalid, "symbolic ref leads nowhere")
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
	// Unlogged leaves out the log: what only the ref held is gone with it.
	Unlogged bool

	// OnTop says that New is a commit whose only parent is Old: it need not be looked up whether it is a fast-forward.
	OnTop bool
	// Merge says that the change is the merge of a pull request.
	Merge *Merge
	// Renamed is the full name under which the deleted branch goes on, by a later change.
	Renamed string
}

// A Merge is a pull request that is merged by a change of its base.
type Merge struct {
	Pull         int                      // its number
	Requirements []codeowners.Requirement // what owners must approve of, between the base and the head that there are
	Owned        bool                     // Requirements are known
	Decided      bool                     // whoever merges decided what becomes of conflicts
}

// Entry returns the change's log entry for what the ref was and becomes, or nil.
func (c *Change) Entry(old, new storage.Hash) *storage.LogEntry {
	if c.Unlogged {
		return nil
	}
	entry := c.Log
	entry.Old, entry.New = old, new
	return &entry
}

// MaxSymbolic is how many symbolic refs may lead from one to the next (git's SYMREF_MAXDEPTH).
const MaxSymbolic = 5

// Follow returns the ref that name leads to, symbolic ones followed. If the last one does not exist, it is returned
// with its name and a zero hash. With an error about the last one, its name is returned too.
func Follow(v storage.View, repo storage.ID, name string) (storage.Ref, error) {
	for range MaxSymbolic + 1 {
		r, err := v.Ref(repo, name)
		if errors.Is(err, storage.ErrNotFound) {
			return storage.Ref{Name: name}, nil
		}
		if err != nil {
			return storage.Ref{Name: name}, err
		}
		if r.Target == "" {
			return r, nil
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

// Short returns the short name of a ref below dir, or the full one if the short one would be taken for a full one.
func Short(dir, full string) string {
	if short := full[len(dir):]; !strings.HasPrefix(short, "refs/") {
		return short
	}
	return full
}
