package reposit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Remove removes a user with all that they are as one: addresses, collaborations, memberships, watches, and what their
// reviews count for. What they wrote stays; nothing of it is the next one's who gets the login, nor is what As returned
// for it before, see there. Only the host may; others get ErrForbidden. It returns ErrNotFound if there is no such
// user, and ErrConflict for one who owns repositories or teams: transfer or delete these first, or see RemoveTo. A user
// with more than a thousand watches or other ties loses them in several transactions, and is gone with the last one:
// after an error, Remove goes on where it was.
func (u Users) Remove(ctx context.Context, login string) error {
	return do(ctx, u.s, "remove user", login, func() error {
		if !u.s.actor.IsHost() {
			return ErrForbidden
		}
		key, err := checkLogin(login)
		if err == nil {
			err = u.remove(ctx, key, nil)
		}
		return err
	})
}

// RemoveTo is Remove, but what the user owns goes to another login, the heir, who need not be a user: repositories with
// their names, whose old ones lead there as after each transfer, and teams with their members and repositories. It
// returns ErrExists, and has changed nothing then, if the heir has a repository with the slug of one of them, or
// another team with the name of one, and ErrInvalid for the user as the heir. More than 20 repositories or teams go in
// several transactions, of at most as many: after an error, RemoveTo goes on where it was.
func (u Users) RemoveTo(ctx context.Context, login, heir string) error {
	return do(ctx, u.s, "remove user", login, func() error {
		if !u.s.actor.IsHost() {
			return ErrForbidden
		}
		key, err := checkLogin(login)
		if err != nil {
			return err
		}
		to, err := checkLogin(heir)
		if err == nil && to == key {
			err = invalidf("heir: it is the user")
		}
		if err != nil {
			return about(heir, err)
		}
		b := bequest{s: u.s, from: key, to: to, now: u.s.now()}
		err = u.s.backend.View(ctx, func(v storage.View) error { return b.check(ctx, v) })
		if err == nil {
			err = u.remove(ctx, key, b.some)
		}
		return err
	})
}

// remove removes a user once before, which may be nil, has nothing more to do.
func (u Users) remove(ctx context.Context, login string, before func(*txn.Tx) (more bool, err error)) error {
	for more := true; more; {
		err := u.s.backend.Update(ctx, u.s.actor, func(tx *txn.Tx) (err error) {
			if before != nil {
				if more, err = before(tx); more || err != nil {
					return err
				}
			}
			if err := ownsNothing(tx, login); err != nil {
				return err
			}
			removed, err := people.RemoveUser(tx, login)
			if err != nil {
				return err
			}
			more = removed.More
			return u.removed(tx, login, removed)
		})
		if err != nil {
			return err
		}
	}
	u.s.removals.add(login)
	u.s.dropWatchers(ctx)
	return nil
}

// ownsNothing returns ErrConflict if a login has repositories, which whoever gets it next would own.
func ownsNothing(v storage.View, login string) error {
	if _, err := people.LoadUser(v, login); err != nil {
		return err
	}
	n, err := catalog.Owned(v, login)
	if err == nil && n > 0 {
		err = &detail{ErrConflict, fmt.Sprintf("conflict: the user still owns repositories: %d", n), nil}
	}
	return err
}

// removed sees to what a user left behind.
func (u Users) removed(tx *txn.Tx, login string, r people.Removed) error {
	for _, repo := range r.Watched {
		if err := catalog.Adjust(tx, repo, func(s *catalog.State) { s.Watchers-- }); err != nil {
			return err
		}
	}
	for _, repo := range r.Shared {
		if err := u.s.noteAccess(tx, repo, login, None); err != nil {
			return err
		}
	}
	return nil
}

// A bequest is what goes from a user who is removed to another login.
type bequest struct {
	s        *Store
	from, to string
	now      time.Time
	room     int // how much more the transaction should do
}

const (
	bequestAtOnce = 20  // repositories and teams that go in one transaction
	membersAtOnce = 200 // of teams that cost as much as one more
)

// check returns ErrExists if something can't go to the heir because of what they have, and ErrNotFound without the
// user.
func (b *bequest) check(ctx context.Context, v storage.View) error {
	if _, err := people.LoadUser(v, b.from); err != nil {
		return err
	}
	for slug, err := range catalog.Slugs(v, b.from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if taken, err := catalog.HasName(v, b.to, slug); err != nil {
			return err
		} else if taken {
			return fault.About(b.from+"/"+slug, &detail{ErrExists, "the heir has a repository with this slug", nil})
		}
	}
	teams, err := people.Teams(v, b.from)
	if err != nil {
		return err
	}
	for _, name := range teams {
		if _, err := b.heirs(v, name); err != nil {
			return err
		}
	}
	return nil
}

// heirs reports whether the heir has a team already, as it has when a bequest goes on, or returns ErrExists if that is
// another one of the same name.
func (b *bequest) heirs(v storage.View, name string) (bool, error) {
	has, err := people.LoadTeam(v, b.to, name)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	team, err := people.LoadTeam(v, b.from, name)
	if err == nil && (has.Permission != team.Permission || !slices.Equal(has.Members, team.Members)) {
		err = fault.About(b.from+"/"+name, &detail{ErrExists, "the heir has another team with this name", nil})
	}
	return true, err
}

// some has some of it go, and reports whether there may be more. Teams are made first, so that repositories go from one
// to the other, and removed last.
func (b *bequest) some(tx *txn.Tx) (more bool, err error) {
	b.room = bequestAtOnce
	teams, err := people.Teams(tx, b.from)
	if err != nil {
		return false, err
	}
	for _, name := range teams {
		if b.room <= 0 {
			return true, nil
		}
		if err := b.makeTeam(tx, name); err != nil {
			return false, err
		}
	}
	repos, err := catalog.OwnedBy(tx, b.from, b.room+1)
	if err != nil {
		return false, err
	}
	for _, id := range repos {
		if b.room <= 0 {
			return true, nil
		}
		if err := b.giveRepo(tx, id); err != nil {
			return false, err
		}
	}
	for _, name := range teams {
		if b.room <= 0 {
			return true, nil
		}
		if err := b.dropTeam(tx, name); err != nil {
			return false, err
		}
	}
	return false, nil
}

// makeTeam makes the heir's team, which has no repository yet.
func (b *bequest) makeTeam(tx *txn.Tx, name string) error {
	if has, err := b.heirs(tx, name); has || err != nil {
		return err
	}
	team, err := people.LoadTeam(tx, b.from, name)
	if err != nil {
		return err
	}
	team.Owner, team.Repos = b.to, nil
	b.room -= 1 + len(team.Members)/membersAtOnce
	if _, _, err := people.PutTeam(tx, team); err != nil {
		return err
	}
	return Teams{b.s}.note(tx, team, nil, nil)
}

// dropTeam removes a team, whose repositories are the heir's.
func (b *bequest) dropTeam(tx *txn.Tx, name string) error {
	team, err := people.LoadTeam(tx, b.from, name)
	if err != nil {
		return err
	}
	b.room -= 1 + len(team.Members)/membersAtOnce
	if _, err := people.RemoveTeam(tx, b.from, name); err != nil {
		return err
	}
	return Teams{b.s}.note(tx, &people.Team{Owner: b.from, Name: name}, nil, nil)
}

// giveRepo makes a repository the heir's, in the teams of the same names.
func (b *bequest) giveRepo(tx *txn.Tx, id storage.ID) error {
	b.room--
	repo, err := tx.Repo(id, access.Admin)
	if err != nil {
		return err
	}
	old := repo.Entry.Repo
	is := *old
	is.Owner = b.to
	teams, err := people.TeamsOf(tx, id, b.from)
	if err != nil {
		return err
	}
	teams = slices.Clone(teams)
	if err := people.Transferred(tx, id, b.from, b.to); err != nil {
		return err
	}
	if err := repo.Replace(tx, &is, b.now); err != nil {
		return fault.About(old.Owner+"/"+old.Slug, err)
	}
	if err := people.JoinTeams(tx, id, b.to, teams); err != nil {
		return err
	}
	if is.Private { // who could read it by the owner's name may not any more
		if err := people.Doubt(tx, id); err != nil {
			return err
		}
	}
	state, err := repo.State(tx)
	if err != nil {
		return err
	}
	b.s.note(tx, event.RepoUpdated, &is, old.Owner+"/"+old.Slug)
	return search.Replace(tx, searched(&is, state.Language))
}
