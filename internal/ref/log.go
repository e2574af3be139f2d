package ref

import (
	"iter"

	"github.com/reposit/reposit/storage"
)

// Log yields what happened to a ref since it was last made, the newest entry first. What a deleted ref of that name
// held before is not part of it, though the backend keeps that: the one who deletes a branch takes back what it held,
// and others who make a branch of that name must not bring it back.
func Log(v storage.View, repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		for entry, err := range v.Log(repo, name) {
			// An entry without a new hash is the deletion of an earlier ref, of which the making of this one was not logged.
			if err == nil && entry.New.IsZero() || !yield(entry, err) || err == nil && entry.Old.IsZero() {
				return
			}
		}
	}
}
