// Package people keeps who the users are, and what they have to do with repositories: who may use which, as
// collaborator, as member of a team or by a deploy key, and who watches which. All of it changes in the transaction of
// what it describes.
//
// Logins, owners and names of teams are checked by the caller and compared in lower case. Who is made collaborator,
// member or watcher must be a user; an owner need not be one.
package people

import (
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

var (
	// ErrTaken says that another user has the e-mail address, or a repository the deploy key.
	ErrTaken = fault.New(fault.Exists, "")
	// ErrTooMany says that a repository has as many collaborators, teams or deploy keys as it can have.
	ErrTooMany = fault.New(fault.TooLarge, "")
	// ErrOwner says that a user owns what others have a part in.
	ErrOwner = fault.New(fault.Conflict, "")
	// ErrPermission says that a text or number is no permission.
	ErrPermission = fault.New(fault.Invalid, "unknown permission")
)

// Drop removes what there is about a repository that is deleted. Nobody has a grant or a key of it from here on. Of
// more watchers than one transaction should remove, the rest is left to Deleted to sweep.
func Drop(tx storage.Tx, repo storage.ID) error {
	s, err := loadSharing(tx, repo)
	if err != nil {
		return err
	}
	if err := s.dropTeams(tx, repo); err != nil {
		return err
	}
	logins, err := suffixes(tx, repoKey(keyCollaborator, repo, ""), 0)
	if err != nil {
		return err
	}
	for _, login := range logins {
		if err := deleteCollaborator(tx, repo, login); err != nil {
			return err
		}
	}
	if err := tx.DeleteRecord(repoKey(keySharing, repo, "")); err != nil {
		return err
	}
	if err := dropDeployKeys(tx, repo); err != nil {
		return err
	}
	if err := tx.DeleteRecord(repoKey(keyDoubt, repo, "")); err != nil {
		return err
	}
	return Deleted.Bury(tx, repo)
}

// Keep sees to a repository that is deleted and kept: nobody watches it less for not being able to read it now.
func Keep(tx storage.Tx, repo storage.ID) error { return tx.DeleteRecord(repoKey(keyDoubt, repo, "")) }

// Deleted removes the watchers of a deleted repository.
var Deleted = record.Sweeper[storage.Tx]{Kind: string([]byte{keyPeople, keyDropped}), Drop: dropWatchers}

// Transferred takes the teams of the owner that a repository had off it: a team has only repositories of its own
// owner. The new owner is no collaborator any more.
func Transferred(tx storage.Tx, repo storage.ID, from, to string) error {
	from, to = names.Key(from), names.Key(to)
	if from == to {
		return nil
	}
	s, err := loadSharing(tx, repo)
	if err != nil {
		return err
	}
	if err := s.dropTeams(tx, repo); err != nil {
		return err
	}
	if _, err := s.removeCollaborator(tx, repo, to); err != nil {
		return err
	}
	return s.put(tx, repo)
}

// batch is how many watches, or other things of a person, are removed in one transaction. All backends can make that
// atomic, with what it changes elsewhere.
const batch = 1000

// suffixes returns what up to limit keys have behind prefix, in order; all if limit is 0.
func suffixes(v storage.View, prefix []byte, limit int) ([]string, error) {
	var all []string
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if all = append(all, string(rec.Key[len(prefix):])); len(all) == limit {
			break
		}
	}
	return all, nil
}

// reposBehind returns the IDs that up to limit keys have behind prefix, in order; all if limit is 0.
func reposBehind(v storage.View, prefix []byte, limit int) ([]storage.ID, error) {
	found, err := suffixes(v, prefix, limit)
	if err != nil {
		return nil, err
	}
	ids := make([]storage.ID, len(found))
	for i, text := range found {
		if ids[i], err = parseID([]byte(text)); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func parseID(b []byte) (storage.ID, error) {
	if len(b) != len(storage.ID{}) {
		return storage.ID{}, corrupt("ID of a repository in a key")
	}
	return storage.ID(b), nil
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{storage.ErrCorrupt}, args...)...)
}

// unique returns names in lower case, sorted, each once.
func unique(list []string) []string {
	all := make([]string, 0, len(list))
	for _, name := range list {
		all = append(all, names.Key(name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
