package people

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// Granted returns the best of what login was granted on the repository of that owner, as collaborator and as member
// of the owner's teams, or what it finds first that is enough. What they may do as owner, or as anyone may, is not its
// business. It costs a look-up if the repository is shared by nothing, one more if it has collaborators, and one for
// each team that has it.
func Granted(v storage.View, repo storage.ID, owner, login string, enough Permission) (Permission, error) {
	if login = names.Key(login); names.CheckOwner(login) != nil {
		return None, nil
	}
	s, err := loadSharing(v, repo)
	if err != nil {
		return None, err
	}
	best := None
	if s.collaborators > 0 {
		if best, err = permissionAt(v, repoKey(keyCollaborator, repo, login)); err != nil {
			return None, err
		}
	}
	if best >= enough || s.owner != names.Key(owner) {
		return best, nil
	}
	for _, team := range s.teams {
		if best >= enough {
			break
		}
		p, err := memberPermission(v, s.owner, team, login)
		if err != nil {
			return None, err
		}
		best = max(best, p)
	}
	return best, nil
}

// permissionAt returns the permission that is stored under a key, or None if there is none.
func permissionAt(v storage.View, key []byte) (Permission, error) {
	b, err := v.Record(key)
	if errors.Is(err, storage.ErrNotFound) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	return decodePermission(b)
}

// memberPermission returns what a team gives to login: None if they are no member.
func memberPermission(v storage.View, owner, team, login string) (Permission, error) {
	_, err := v.Record(nameKey(keyMember, owner, team, login))
	if errors.Is(err, storage.ErrNotFound) {
		return None, nil
	}
	if err != nil {
		return None, err
	}
	return permissionAt(v, nameKey(keyTeam, owner, team))
}

// GrantedByOwner returns the best that the owner's teams give to login on any of their repositories, if they have any.
// It costs what their memberships in them cost.
func GrantedByOwner(v storage.View, owner, login string) (Permission, error) {
	owner, login = names.Key(owner), names.Key(login)
	if names.CheckOwner(login) != nil {
		return None, nil
	}
	teams, err := suffixes(v, nameKey(keyMembership, login, owner, ""), 0)
	if err != nil {
		return None, err
	}
	best := None
	for _, team := range teams {
		p, err := permissionAt(v, nameKey(keyTeam, owner, team))
		if err != nil {
			return None, err
		}
		best = max(best, p)
	}
	return best, nil
}

// A Grant is the best of what someone was granted on a repository.
type Grant struct {
	Repo       storage.ID
	Permission Permission
}

// GrantedRepos returns what login was granted, on each repository once, in the order of their IDs. It costs what
// these repositories cost, once for each way to the grant. Teams of their own may be among the ways.
func GrantedRepos(v storage.View, login string) ([]Grant, error) {
	if login = names.Key(login); names.CheckOwner(login) != nil {
		return nil, nil
	}
	best := make(map[storage.ID]Permission)
	prefix := nameKey(keyShared, login, "")
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		id, err := parseID(rec.Key[len(prefix):])
		if err != nil {
			return nil, err
		}
		if best[id], err = decodePermission(rec.Value); err != nil {
			return nil, err
		}
	}
	if err := teamGrants(v, login, best); err != nil {
		return nil, err
	}
	grants := make([]Grant, 0, len(best))
	for _, id := range slices.SortedFunc(maps.Keys(best), func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) }) {
		grants = append(grants, Grant{id, best[id]})
	}
	return grants, nil
}

// teamGrants adds what the teams that login is a member of give them.
func teamGrants(v storage.View, login string, best map[storage.ID]Permission) error {
	teams, err := Memberships(v, login, 0)
	if err != nil {
		return err
	}
	for _, t := range teams {
		p, err := permissionAt(v, nameKey(keyTeam, t.Owner, t.Name))
		if err != nil {
			return err
		}
		repos, err := teamRepos(v, t.Owner, t.Name)
		if err != nil {
			return err
		}
		for _, id := range repos {
			best[id] = max(best[id], p)
		}
	}
	return nil
}

func loadSharing(v storage.View, repo storage.ID) (sharing, error) {
	b, err := v.Record(repoKey(keySharing, repo, ""))
	if errors.Is(err, storage.ErrNotFound) {
		return sharing{}, nil
	}
	if err != nil {
		return sharing{}, err
	}
	return decodeSharing(b)
}

func (s *sharing) put(tx storage.Tx, repo storage.ID) error {
	key := repoKey(keySharing, repo, "")
	if s.collaborators == 0 && len(s.teams) == 0 {
		return tx.DeleteRecord(key)
	}
	return tx.PutRecord(key, s.encode())
}
