package people

import (
	"fmt"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// maxCollaborators bounds those of one repository, so that one transaction can remove all.
const maxCollaborators = 2000

// A Collaborator is a user with what they were granted on a repository.
type Collaborator struct {
	Login      string
	Permission Permission
}

// AddCollaborator makes login a collaborator, or gives them another permission. It returns storage.ErrNotFound if they
// is no user, ErrPermission if the permission can't be given, and ErrTooMany.
func AddCollaborator(tx storage.Tx, repo storage.ID, login string, p Permission) error {
	login = names.Key(login)
	if err := p.grantable(); err != nil {
		return err
	}
	if err := known(tx, login); err != nil {
		return err
	}
	old, err := permissionAt(tx, repoKey(keyCollaborator, repo, login))
	if err != nil || old == p {
		return err
	}
	if old == None {
		s, err := loadSharing(tx, repo)
		if err != nil {
			return err
		}
		if s.collaborators == maxCollaborators {
			return fmt.Errorf("%w: a repository can have %d collaborators", ErrTooMany, maxCollaborators)
		}
		s.collaborators++
		if err := s.put(tx, repo); err != nil {
			return err
		}
	}
	if err := tx.PutRecord(repoKey(keyCollaborator, repo, login), encodePermission(p)); err != nil {
		return err
	}
	return tx.PutRecord(nameKey(keyShared, login, repo.String()), encodePermission(p))
}

// SharedWith returns of how many repositories that count login is a collaborator, the given one aside; of more than
// limit, limit. It asks of none whether it counts unless there are so many.
func SharedWith(v storage.View, login string, but storage.ID, limit int,
	counts func(storage.ID) (bool, error)) (n int, err error) {
	prefix := nameKey(keyShared, names.Key(login), "")
	repos, err := reposBehind(v, prefix, limit+1)
	if err != nil {
		return 0, err
	}
	if i := slices.Index(repos, but); i >= 0 {
		repos = slices.Delete(repos, i, i+1)
	}
	if len(repos) < limit {
		return len(repos), nil
	}
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return 0, err
		}
		id, err := parseID(rec.Key[len(prefix):])
		if err != nil {
			return 0, err
		}
		if id == but {
			continue
		}
		if does, err := counts(id); err != nil {
			return 0, err
		} else if does {
			n++
		}
		if n == limit {
			break
		}
	}
	return n, nil
}

// RemoveCollaborator makes login no collaborator, and reports whether they were one. What teams give them stays.
func RemoveCollaborator(tx storage.Tx, repo storage.ID, login string) (bool, error) {
	s, err := loadSharing(tx, repo)
	if err != nil {
		return false, err
	}
	was, err := s.removeCollaborator(tx, repo, names.Key(login))
	if err != nil || !was {
		return false, err
	}
	return true, s.put(tx, repo)
}

func (s *sharing) removeCollaborator(tx storage.Tx, repo storage.ID, login string) (bool, error) {
	old, err := permissionAt(tx, repoKey(keyCollaborator, repo, login))
	if err != nil || old == None {
		return false, err
	}
	if s.collaborators--; s.collaborators < 0 {
		return false, corrupt("count of collaborators of %s", repo)
	}
	return true, deleteCollaborator(tx, repo, login)
}

// removeCollaborations makes login no collaborator of up to batch repositories, and returns which.
func removeCollaborations(tx storage.Tx, login string) ([]storage.ID, error) {
	repos, err := reposBehind(tx, nameKey(keyShared, login, ""), batch)
	if err != nil {
		return nil, err
	}
	for _, id := range repos {
		if _, err := RemoveCollaborator(tx, id, login); err != nil {
			return nil, err
		}
	}
	return repos, nil
}

func deleteCollaborator(tx storage.Tx, repo storage.ID, login string) error {
	if err := tx.DeleteRecord(repoKey(keyCollaborator, repo, login)); err != nil {
		return err
	}
	return tx.DeleteRecord(nameKey(keyShared, login, repo.String()))
}

// Collaborators returns who was granted something on a repository, as collaborator or as member of one of its owner's
// teams, each once and with the best of it, by login.
func Collaborators(v storage.View, repo storage.ID, owner string) ([]Collaborator, error) {
	s, err := loadSharing(v, repo)
	if err != nil {
		return nil, err
	}
	best := make(map[string]Permission)
	prefix := repoKey(keyCollaborator, repo, "")
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if best[string(rec.Key[len(prefix):])], err = decodePermission(rec.Value); err != nil {
			return nil, err
		}
	}
	if s.owner == names.Key(owner) {
		for _, team := range s.teams {
			if err := addMembers(v, s.owner, team, best); err != nil {
				return nil, err
			}
		}
	}
	all := make([]Collaborator, 0, len(best))
	for _, login := range slices.Sorted(maps.Keys(best)) {
		all = append(all, Collaborator{login, best[login]})
	}
	return all, nil
}

func addMembers(v storage.View, owner, team string, best map[string]Permission) error {
	p, err := permissionAt(v, nameKey(keyTeam, owner, team))
	if err != nil {
		return err
	}
	members, err := suffixes(v, nameKey(keyMember, owner, team, ""), 0)
	if err != nil {
		return err
	}
	for _, login := range members {
		best[login] = max(best[login], p)
	}
	return nil
}
