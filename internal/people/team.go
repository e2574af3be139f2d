package people

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// maxTeams bounds the teams that one repository may belong to, since a permission check asks each of them.
const maxTeams = 500

// A Team gives its members a permission on some of its owner's repositories.
type Team struct {
	Owner, Name string
	Permission  Permission
	Members     []string     // in order, each once
	Repos       []storage.ID // likewise
}

// PutTeam makes a team be what t says. It returns storage.ErrNotFound if a member is no user, ErrPermission if the
// permission can't be given, and ErrTooMany if one of the repositories has too many teams. The caller vouches that
// the repositories are there, and the owner's. Members and repositories that stay cost no writes. PutTeam returns the
// repositories that the team has now and did not have, and the reverse.
func PutTeam(tx storage.Tx, t *Team) (joined, left []storage.ID, err error) {
	if err := t.Permission.grantable(); err != nil {
		return nil, nil, err
	}
	owner, name := names.Key(t.Owner), names.Key(t.Name)
	old, err := loadTeam(tx, owner, name)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, nil, err
	}
	if err := tx.PutRecord(nameKey(keyTeam, owner, name), encodePermission(t.Permission)); err != nil {
		return nil, nil, err
	}
	if err := old.setMembers(tx, unique(t.Members)); err != nil {
		return nil, nil, err
	}
	repos := slices.SortedFunc(slices.Values(t.Repos), compareIDs)
	return old.setRepos(tx, slices.Compact(repos))
}

// RemoveTeam removes a team and all that it gave, or returns storage.ErrNotFound. It returns the repositories that the
// team had.
func RemoveTeam(tx storage.Tx, owner, name string) (left []storage.ID, err error) {
	t, err := loadTeam(tx, names.Key(owner), names.Key(name))
	if err != nil {
		return nil, err
	}
	if err := t.setMembers(tx, nil); err != nil {
		return nil, err
	}
	if _, _, err := t.setRepos(tx, nil); err != nil {
		return nil, err
	}
	return t.Repos, tx.DeleteRecord(nameKey(keyTeam, t.Owner, t.Name))
}

// JoinTeams puts a repository into teams of its owner, which there must be.
func JoinTeams(tx storage.Tx, repo storage.ID, owner string, teams []string) error {
	if len(teams) == 0 {
		return nil
	}
	owner = names.Key(owner)
	s, err := loadSharing(tx, repo)
	if err != nil {
		return err
	}
	for _, name := range teams {
		if err := s.addTeam(repo, owner, name); err != nil {
			return err
		}
		if err := tx.PutRecord(nameKey(keyTeamRepo, owner, name, repo.String()), nil); err != nil {
			return err
		}
	}
	return s.put(tx, repo)
}

// LoadTeam returns a team, or storage.ErrNotFound.
func LoadTeam(v storage.View, owner, name string) (*Team, error) {
	t, err := loadTeam(v, names.Key(owner), names.Key(name))
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// loadTeam returns a team of which owner and name are set even if there is none.
func loadTeam(v storage.View, owner, name string) (Team, error) {
	t := Team{Owner: owner, Name: name}
	b, err := v.Record(nameKey(keyTeam, owner, name))
	if err != nil {
		return t, err
	}
	if t.Permission, err = decodePermission(b); err != nil {
		return t, err
	}
	if t.Members, err = suffixes(v, nameKey(keyMember, owner, name, ""), 0); err != nil {
		return t, err
	}
	t.Repos, err = teamRepos(v, owner, name)
	return t, err
}

// Teams returns the names of an owner's teams, in order.
func Teams(v storage.View, owner string) ([]string, error) {
	return suffixes(v, nameKey(keyTeam, names.Key(owner), ""), 0)
}

// hasTeams reports whether an owner has any.
func hasTeams(v storage.View, owner string) (bool, error) {
	some, err := suffixes(v, nameKey(keyTeam, owner, ""), 1)
	return len(some) > 0, err
}

// TeamsOf returns the names of the teams of its owner that a repository belongs to, in order.
func TeamsOf(v storage.View, repo storage.ID, owner string) ([]string, error) {
	s, err := loadSharing(v, repo)
	if err != nil || s.owner != names.Key(owner) {
		return nil, err
	}
	return s.teams, nil
}

// TeamPermission returns what a team gives to its members, or None if there is no such team.
func TeamPermission(v storage.View, owner, name string) (Permission, error) {
	return permissionAt(v, nameKey(keyTeam, names.Key(owner), names.Key(name)))
}

// MembershipsIn returns the names of the owner's teams that login is a member of, in order.
func MembershipsIn(v storage.View, login, owner string) ([]string, error) {
	return suffixes(v, nameKey(keyMembership, names.Key(login), names.Key(owner), ""), 0)
}

// IsMember reports whether login is a member of a team.
func IsMember(v storage.View, owner, team, login string) (bool, error) {
	_, err := v.Record(nameKey(keyMember, names.Key(owner), names.Key(team), names.Key(login)))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// TeamsWith returns of how many teams of others login is a member, a given one aside; of more than limit, limit.
func TeamsWith(v storage.View, login string, but Membership, limit int) (int, error) {
	teams, err := Memberships(v, login, 0)
	n := 0
	for _, t := range teams {
		if t != but && t.Owner != names.Key(login) {
			n++
		}
	}
	return min(n, limit), err
}

// LeaveTeam takes login out of a team, or returns storage.ErrNotFound if they are not in it. It returns the
// repositories that the team has.
func LeaveTeam(tx storage.Tx, owner, name, login string) ([]storage.ID, error) {
	owner, name, login = names.Key(owner), names.Key(name), names.Key(login)
	if is, err := IsMember(tx, owner, name, login); err != nil || !is {
		return nil, cmp.Or(err, error(storage.ErrNotFound))
	}
	repos, err := teamRepos(tx, owner, name)
	if err != nil {
		return nil, err
	}
	if err := tx.DeleteRecord(nameKey(keyMember, owner, name, login)); err != nil {
		return nil, err
	}
	return repos, tx.DeleteRecord(nameKey(keyMembership, login, owner, name))
}

func (t *Team) setMembers(tx storage.Tx, members []string) error {
	for login, added := range changes(t.Members, members, strings.Compare) {
		member, membership := nameKey(keyMember, t.Owner, t.Name, login), nameKey(keyMembership, login, t.Owner, t.Name)
		set := tx.DeleteRecord
		if added {
			if err := known(tx, login); err != nil {
				return err
			}
			set = func(key []byte) error { return tx.PutRecord(key, nil) }
		}
		if err := errors.Join(set(member), set(membership)); err != nil {
			return err
		}
	}
	return nil
}

func (t *Team) setRepos(tx storage.Tx, repos []storage.ID) (joined, left []storage.ID, err error) {
	for id, added := range changes(t.Repos, repos, compareIDs) {
		key := nameKey(keyTeamRepo, t.Owner, t.Name, id.String())
		s, err := loadSharing(tx, id)
		if err != nil {
			return nil, nil, err
		}
		if added {
			joined = append(joined, id)
			if err = s.addTeam(id, t.Owner, t.Name); err == nil {
				err = tx.PutRecord(key, nil)
			}
		} else {
			left = append(left, id)
			s.removeTeam(t.Name)
			err = tx.DeleteRecord(key)
		}
		if err == nil {
			err = s.put(tx, id)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return joined, left, nil
}

func (s *sharing) addTeam(repo storage.ID, owner, name string) error {
	switch {
	case len(s.teams) == 0:
		s.owner = owner
	case s.owner != owner:
		return corrupt("repository %s of %s has teams of %s", repo, owner, s.owner)
	case len(s.teams) == maxTeams:
		return fmt.Errorf("%w: a repository can have %d teams", ErrTooMany, maxTeams)
	}
	if i, found := slices.BinarySearch(s.teams, name); !found {
		s.teams = slices.Insert(s.teams, i, name)
	}
	return nil
}

func (s *sharing) removeTeam(name string) {
	if i, found := slices.BinarySearch(s.teams, name); found {
		s.teams = slices.Delete(s.teams, i, i+1)
	}
	if len(s.teams) == 0 {
		s.owner = ""
	}
}

// dropTeams takes all teams off a repository. The sharing is not yet stored.
func (s *sharing) dropTeams(tx storage.Tx, repo storage.ID) error {
	for _, team := range s.teams {
		if err := tx.DeleteRecord(nameKey(keyTeamRepo, s.owner, team, repo.String())); err != nil {
			return err
		}
	}
	s.owner, s.teams = "", nil
	return nil
}

// changes yields what only one of two sorted lists holds, with whether that is the second.
func changes[T any](from, to []T, compare func(a, b T) int) iter.Seq2[T, bool] {
	return func(yield func(T, bool) bool) {
		for len(from) > 0 || len(to) > 0 {
			c := 0
			switch {
			case len(from) == 0:
				c = +1
			case len(to) == 0:
				c = -1
			default:
				c = compare(from[0], to[0])
			}
			if c < 0 && !yield(from[0], false) || c > 0 && !yield(to[0], true) {
				return
			}
			if c <= 0 {
				from = from[1:]
			}
			if c >= 0 {
				to = to[1:]
			}
		}
	}
}

// A Membership names a team that someone is a member of.
type Membership struct{ Owner, Name string }

// Memberships returns up to limit teams that login is a member of, in order; all if limit is 0.
func Memberships(v storage.View, login string, limit int) ([]Membership, error) {
	found, err := suffixes(v, nameKey(keyMembership, login, ""), limit)
	if err != nil {
		return nil, err
	}
	teams := make([]Membership, len(found))
	for i, text := range found {
		owner, name, ok := strings.Cut(text, "\x00")
		if !ok {
			return nil, corrupt("key of a membership of %s", login)
		}
		teams[i] = Membership{owner, name}
	}
	return teams, nil
}

// removeMemberships takes login out of up to batch teams, and returns of how many.
func removeMemberships(tx storage.Tx, login string) (int, error) {
	teams, err := Memberships(tx, login, batch)
	if err != nil {
		return 0, err
	}
	for _, t := range teams {
		if err := tx.DeleteRecord(nameKey(keyMember, t.Owner, t.Name, login)); err != nil {
			return 0, err
		}
		if err := tx.DeleteRecord(nameKey(keyMembership, login, t.Owner, t.Name)); err != nil {
			return 0, err
		}
	}
	return len(teams), nil
}

func teamRepos(v storage.View, owner, name string) ([]storage.ID, error) {
	return reposBehind(v, nameKey(keyTeamRepo, owner, name, ""), 0)
}

func compareIDs(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) }
