package record

import (
	"fmt"

	"github.com/reposit/reposit/storage"
)

// A Sweeper removes what a package keeps of deleted repositories and that knows no bound, while one transaction does.
// What the deletion leaves, since it is too much, nothing shows any more; a tombstone says that it is there. T is what
// the package needs of a transaction.
type Sweeper[T storage.Tx] struct {
	// Kind is what the keys of the tombstones begin with. The ID follows; they have no value.
	Kind string
	// Drop removes as much of a deleted repository as one transaction should, and reports whether there may be more.
	Drop func(tx T, repo storage.ID) (more bool, err error)
}

// Bury begins to remove what a repository has, in the transaction that deletes it, and leaves a tombstone if there may
// be more.
func (s Sweeper[T]) Bury(tx T, repo storage.ID) error {
	more, err := s.Drop(tx, repo)
	if err != nil || !more {
		return err
	}
	return tx.PutRecord(IDKey(repo, []byte(s.Kind)...), nil)
}

// Swept reports whether there are no tombstones.
func (s Sweeper[T]) Swept(v storage.View) (bool, error) {
	_, ok, err := s.first(v)
	return !ok, err
}

// Sweep removes some of what is left of the first repository that has a tombstone, and reports whether there may be
// more to sweep.
func (s Sweeper[T]) Sweep(tx T) (more bool, err error) {
	repo, ok, err := s.first(tx)
	if err != nil || !ok {
		return false, err
	}
	if more, err := s.Drop(tx, repo); err != nil || more {
		return more, err
	}
	return true, tx.DeleteRecord(IDKey(repo, []byte(s.Kind)...))
}

// first returns the first repository that has a tombstone, and whether there is one.
func (s Sweeper[T]) first(v storage.View) (repo storage.ID, ok bool, err error) {
	prefix := []byte(s.Kind)
	for rec, err := range v.Records(prefix, After(prefix), storage.Ascending) {
		if err == nil && len(rec.Key) != len(prefix)+len(repo) {
			err = fmt.Errorf("%w: mark of a deleted repository", storage.ErrCorrupt)
		}
		if err != nil {
			return repo, false, err
		}
		return storage.ID(rec.Key[len(prefix):]), true, nil
	}
	return repo, false, nil
}
