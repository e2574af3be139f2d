// Package people keeps who the users are, and what they have to do with repositories: who may use which, as
// collaborator or member of a team, and who watches which. All of it changes in the unit of work of what it describes.
//
// Logins, owners and names of teams are checked by the caller and compared in lower case. Who is made collaborator,
// member or watcher must be a user; an owner need not be one.
package people

import (
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

var (
	// ErrTaken says that another user has the e-mail address.
	ErrTaken = errors.New("is taken")
	// ErrTooMany says that a repository has as many collaborators or teams as it can have.
	ErrTooMany = errors.New("too many")
	// ErrPermission says that a text or number is no permission.
	ErrPermission = errors.New("unknown permission")
)

// Drop removes what there is about a repository that is deleted: nobody has a grant on it from here on.
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
	return tx.DeleteRecord(repoKey(keySharing, repo, ""))
}

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

// batch is how many keys at most are removed in one unit of work, which all backends can make atomic.
const batch = 4000

// suffixes returns what up to limit keys have behind prefix, in order; all if limit is 0.
func suffixes(v storage.View, prefix []byte, limit int) ([]string, error) {
	var all []string
	for rec, err := range v.Records(prefix, after(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if all = append(all, string(rec.Key[len(prefix):])); len(all) == limit {
			break
		}
	}
	return all, nil
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
