package reposit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Teams are groups of users to whom an owner opens several of their repositories at once.
type Teams struct{ s *Store }

// Teams returns the teams of the store.
func (s *Store) Teams() Teams { return Teams{s} }

// A Team gives its members a permission on repositories of its owner. Members of a team with Admin may also make
// repositories for the owner, of which they become collaborators with Admin. A repository that is transferred leaves
// its teams.
type Team struct {
	Owner, Name string // Name is as slugs are, and unique for the owner
	Permission  Permission
	Members     []string // logins
	Repos       []ID
}

// Put makes a team be what t says, whether or not there was one. The owner may do so, and the host; others get
// ErrForbidden. It returns ErrNotFound for members who are no users and repositories that the owner does not have,
// ErrInvalid for names and permissions that can't be, and ErrTooLarge for more than 500 teams of one repository, and
// for more new members and repositories than the backend takes at once; also, unless the host puts it, for new members
// who are in Limits.TeamsPerUser of others' teams, and more than Limits.ReposPerTeam repositories. The cost is that of
// all members and repositories.
func (t Teams) Put(ctx context.Context, team Team) error {
	name := team.Owner + "/" + team.Name
	return do(ctx, t.s, "put team", name, func() error {
		made, err := team.internal()
		if err != nil {
			return err
		}
		if !t.s.actor.IsOrHost(made.Owner) {
			return ErrForbidden
		}
		err = t.s.backend.Update(ctx, t.s.actor, func(tx *txn.Tx) error {
			for _, id := range made.Repos {
				h, err := catalog.LoadHeader(tx, id)
				if err == nil && h.Owner != made.Owner {
					err = storage.ErrNotFound
				}
				if err != nil {
					return fault.About(string(publicID(id)), err)
				}
			}
			was, err := people.LoadTeam(tx, made.Owner, made.Name)
			if errors.Is(err, storage.ErrNotFound) {
				was, err = &people.Team{}, nil
			}
			if err != nil {
				return err
			}
			if err := t.checkRoom(tx, was, made); err != nil {
				return err
			}
			if err := keepDeleted(tx, was, made); err != nil {
				return err
			}
			joined, left, err := people.PutTeam(tx, made)
			if err != nil {
				return err
			}
			lost := left
			stay := make(map[string]bool, len(made.Members))
			for _, login := range made.Members {
				stay[login] = true
			}
			if slices.ContainsFunc(was.Members, func(login string) bool { return !stay[login] }) {
				lost = was.Repos
			}
			if err := doubtWatchers(tx, lost); err != nil {
				return err
			}
			return t.note(tx, made, joined, left)
		})
		if err == nil {
			t.s.dropWatchers(ctx)
		}
		return err
	})
}

// keepDeleted has a team go on having the repositories that were deleted and are kept, of which nobody tells.
func keepDeleted(v storage.View, was, team *people.Team) error {
	for _, id := range was.Repos {
		there, err := isThere(v, id)
		if err != nil {
			return err
		}
		if !there {
			team.Repos = append(team.Repos, id)
		}
	}
	return nil
}

// checkRoom returns ErrTooLarge for a team that would put more into the lists of its members than strangers may.
func (t Teams) checkRoom(v storage.View, was, team *people.Team) error {
	limits := &t.s.opts.Limits
	if t.s.actor.IsHost() {
		return nil
	}
	if n := len(team.Repos); n > limits.ReposPerTeam && n > len(was.Repos) {
		return &detail{ErrTooLarge, fmt.Sprintf("too large: a team of %d repositories", n), nil}
	}
	stay := make(map[string]bool, len(was.Members))
	for _, login := range was.Members {
		stay[login] = true
	}
	for _, login := range team.Members {
		if stay[login] || login == team.Owner {
			continue
		}
		n, err := people.TeamsWith(v, login, people.Membership{Owner: team.Owner, Name: team.Name}, limits.TeamsPerUser)
		if err == nil && n >= limits.TeamsPerUser {
			err = fault.About(login, &detail{ErrTooLarge, fmt.Sprintf("too large: the user is in %d teams", n), nil})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Leave takes a user out of a team, with all that it gave them. Members may leave by themselves, and the owner and the
// host may take them out; others get ErrForbidden. It returns ErrNotFound if the user is no member.
func (t Teams) Leave(ctx context.Context, owner, name, login string) error {
	return do(ctx, t.s, "leave team", owner+"/"+name, func() error {
		owner, name, err := checkTeam(owner, name)
		if err != nil {
			return err
		}
		key, err := checkLogin(login)
		if err != nil {
			return fault.About(login, err)
		}
		if !t.s.actor.IsOrHost(key) && !t.s.actor.IsOrHost(owner) {
			return ErrForbidden
		}
		err = t.s.backend.Update(ctx, t.s.actor, func(tx *txn.Tx) error {
			lost, err := people.LeaveTeam(tx, owner, name, key)
			if err != nil {
				return err
			}
			p, err := people.TeamPermission(tx, owner, name)
			if err != nil {
				return err
			}
			if err := doubtWatchers(tx, lost); err != nil {
				return err
			}
			return t.note(tx, &people.Team{Owner: owner, Name: name, Permission: p}, nil, nil)
		})
		if err == nil {
			t.s.dropWatchers(ctx)
		}
		return err
	})
}

// note adds the events of a team that changed: one of its own, which only the host sees, and one of each repository
// that joined or left it.
func (t Teams) note(tx *txn.Tx, team *people.Team, joined, left []storage.ID) error {
	name := "team " + team.Owner + "/" + team.Name
	tx.Note(event.Event{Kind: event.AccessChanged, Name: name, Detail: team.Permission.String()})
	for _, id := range joined {
		if err := t.s.noteAccess(tx, id, name, Permission(team.Permission)); err != nil {
			return err
		}
	}
	for _, id := range left {
		if err := t.s.noteAccess(tx, id, name, None); err != nil {
			return err
		}
	}
	return nil
}

// internal returns the team as the engine knows it, or ErrInvalid.
func (t *Team) internal() (*people.Team, error) {
	made := &people.Team{Permission: people.Permission(t.Permission)}
	var err error
	if made.Owner, made.Name, err = checkTeam(t.Owner, t.Name); err != nil {
		return nil, err
	}
	for _, login := range t.Members {
		key, err := checkLogin(login)
		if err != nil {
			return nil, fault.About(login, err)
		}
		made.Members = append(made.Members, key)
	}
	for _, id := range t.Repos {
		key, ok := id.storage()
		if !ok {
			return nil, fault.About(string(id), invalidf("ID"))
		}
		made.Repos = append(made.Repos, key)
	}
	return made, nil
}

// Team returns a team. Its owner, its members and the host see it; for others it is ErrNotFound, as if it were not
// there.
func (t Teams) Team(ctx context.Context, owner, name string) (Team, error) {
	fullName := owner + "/" + name
	return call(ctx, t.s, "team", fullName, func() (Team, error) {
		owner, name, err := checkTeam(owner, name)
		if err != nil {
			return Team{}, err
		}
		var team Team
		err = t.s.backend.View(ctx, func(v storage.View) error {
			seen, err := t.seen(v, owner, name)
			if err == nil && !seen {
				err = storage.ErrNotFound
			}
			if err == nil {
				team, err = t.s.team(v, owner, name)
			}
			return err
		})
		return team, err
	})
}

// seen reports whether the actor may see a team.
func (t Teams) seen(v storage.View, owner, name string) (bool, error) {
	if t.s.actor.IsOrHost(owner) {
		return true, nil
	}
	return people.IsMember(v, owner, name, t.s.actor.Login())
}

// Remove removes a team with all that it allows. The owner may do so, and the host; others get ErrForbidden. It returns
// ErrNotFound if there is no such team, and ErrTooLarge as Put does, which can take out members in parts.
func (t Teams) Remove(ctx context.Context, owner, name string) error {
	fullName := owner + "/" + name
	return do(ctx, t.s, "remove team", fullName, func() error {
		owner, name, err := checkTeam(owner, name)
		if err != nil {
			return err
		}
		if !t.s.actor.IsOrHost(owner) {
			return ErrForbidden
		}
		err = t.s.backend.Update(ctx, t.s.actor, func(tx *txn.Tx) error {
			left, err := people.RemoveTeam(tx, owner, name)
			if err != nil {
				return err
			}
			if err := doubtWatchers(tx, left); err != nil {
				return err
			}
			return t.note(tx, &people.Team{Owner: owner, Name: name}, nil, left)
		})
		if err == nil {
			t.s.dropWatchers(ctx)
		}
		return err
	})
}

// List returns the teams of an owner that the actor may see, by name.
func (t Teams) List(ctx context.Context, owner string) ([]Team, error) {
	return call(ctx, t.s, "list teams", owner, func() ([]Team, error) {
		key := names.Key(owner)
		if err := names.CheckOwner(key); err != nil {
			return nil, invalid("owner", err)
		}
		var list []Team
		err := t.s.backend.View(ctx, func(v storage.View) error {
			all, err := people.Teams(v, key)
			if err != nil {
				return err
			}
			list = make([]Team, 0, len(all))
			for _, name := range all {
				if seen, err := t.seen(v, key, name); err != nil || !seen {
					if err != nil {
						return err
					}
					continue
				}
				team, err := t.s.team(v, key, name)
				if err != nil {
					return err
				}
				list = append(list, team)
			}
			return nil
		})
		return list, err
	})
}

// Teams returns the teams that have the repository, by name, and of their repositories those that the actor may read.
// It needs Write: who works together is not for everybody.
func (r *Repo) Teams(ctx context.Context) ([]Team, error) {
	return call(ctx, r, "teams", "", func() ([]Team, error) {
		var list []Team
		err := r.readPeople(ctx, access.Write, func(v storage.View) error {
			h, err := catalog.LoadHeader(v, r.id)
			if err != nil {
				return err
			}
			all, err := people.TeamsOf(v, r.id, h.Owner)
			if err != nil {
				return err
			}
			list = make([]Team, 0, len(all))
			for _, name := range all {
				team, err := r.s.team(v, h.Owner, name)
				if err != nil {
					return err
				}
				list = append(list, team)
			}
			return nil
		})
		return list, err
	})
}

// team returns a team, with the repositories that the actor may read.
func (s *Store) team(v storage.View, owner, name string) (Team, error) {
	found, err := people.LoadTeam(v, owner, name)
	if err != nil {
		return Team{}, err
	}
	team := Team{Owner: found.Owner, Name: found.Name, Permission: Permission(found.Permission), Members: found.Members}
	for _, id := range found.Repos {
		seen, err := s.actor.CanRead(v, id)
		if err != nil {
			return Team{}, err
		}
		if seen {
			team.Repos = append(team.Repos, publicID(id))
		}
	}
	return team, nil
}

// checkTeam returns the names of a team's owner and a team as they are compared, or ErrInvalid for what can't be one.
func checkTeam(owner, name string) (string, string, error) {
	owner, name = names.Key(owner), names.Key(name)
	if err := names.CheckOwner(owner); err != nil {
		return "", "", invalid("owner", err)
	}
	if err := names.CheckSlug(name); err != nil {
		return "", "", invalid("name of a team", err)
	}
	return owner, name, nil
}
