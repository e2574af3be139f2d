package reposit

import (
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Collaborators are the users to whom a repository was opened, besides its owner.
type Collaborators struct{ r *Repo }

// Collaborators returns the collaborators of the repository.
func (r *Repo) Collaborators() Collaborators { return Collaborators{r} }

// A Collaborator is a user with what they may do with a repository.
type Collaborator struct {
	Login      string
	Permission Permission
}

// List returns the collaborators and the members of the owner's teams that have the repository, by login, each once and
// with the most that any of it allows. It needs Write: who works together is not for everybody. The cost is that of all
// these.
func (c Collaborators) List(ctx context.Context) ([]Collaborator, error) {
	return call(ctx, c.r, "list collaborators", "", func() ([]Collaborator, error) {
		var list []Collaborator
		err := c.r.readPeople(ctx, access.Write, func(v storage.View) error {
			h, err := catalog.LoadHeader(v, c.r.id)
			if err != nil {
				return err
			}
			found, err := people.Collaborators(v, c.r.id, h.Owner)
			list = make([]Collaborator, 0, len(found))
			for _, f := range found {
				if f.Login == h.Owner {
					f.Permission = people.Admin
				}
				list = append(list, Collaborator{f.Login, Permission(f.Permission)})
			}
			return err
		})
		return list, err
	})
}

// Add makes a user a collaborator, or gives one another permission. It needs Admin. It returns ErrNotFound if there is
// no such user, ErrInvalid for None, what is no permission, and the owner, who has all of them, and ErrTooLarge for
// more than 2,000 collaborators: a team can have more members; also, unless the host adds them, for a user who has
// Limits.SharedPerUser of others' repositories.
func (c Collaborators) Add(ctx context.Context, login string, p Permission) error {
	return do(ctx, c.r, "add collaborator", login, func() error {
		key, err := checkLogin(login)
		if err != nil {
			return err
		}
		return c.r.change(ctx, access.Admin, func(tx *txn.Tx) error {
			h, err := catalog.LoadHeader(tx, c.r.id)
			if err != nil {
				return err
			}
			if h.Owner == key {
				return invalidf("collaborator: the repository is theirs")
			}
			if err := c.r.s.checkShared(tx, c.r.id, key); err != nil {
				return err
			}
			if err := c.r.s.checkShared(tx, c.r.id, key); err != nil {
				return err
			}
			if err := people.AddCollaborator(tx, c.r.id, key, people.Permission(p)); err != nil {
				return err
			}
			return c.r.s.noteAccess(tx, c.r.id, key, p)
		})
	})
}

// checkShared returns ErrTooLarge if no more repositories can be shared with a user, in whose lists each of them is. A
// collaborator can always be given another permission.
func (s *Store) checkShared(v storage.View, repo storage.ID, login string) error {
	if s.actor.IsHost() || s.actor.IsOrHost(login) {
		return nil
	}
	has, err := people.SharedWith(v, login, repo, s.opts.Limits.SharedPerUser, func(id storage.ID) (bool, error) {
		return isThere(v, id) // what is deleted, and kept, can't be left
	})
	if err == nil && has >= s.opts.Limits.SharedPerUser {
		err = &detail{ErrTooLarge, fmt.Sprintf("too large: the user is a collaborator of %d repositories", has), nil}
	}
	return err
}

// Remove makes a user no collaborator. What teams allow them stays; if they may not read the repository any more, they
// also watch it no more. It needs Admin; collaborators may leave by themselves. It returns ErrNotFound if the user is
// none.
func (c Collaborators) Remove(ctx context.Context, login string) error {
	return do(ctx, c.r, "remove collaborator", login, func() error {
		key, err := checkLogin(login)
		if err != nil {
			return err
		}
		return c.r.s.backend.Update(ctx, c.r.s.actor, func(tx *txn.Tx) error {
			// Whoever is a collaborator knows of the repository, also if it is withheld from them.
			need := access.Admin
			if c.r.s.actor.IsOrHost(key) {
				need = access.None
			}
			if _, err := tx.Repo(c.r.id, need); err != nil {
				return err
			}
			was, err := people.RemoveCollaborator(tx, c.r.id, key)
			if err == nil && !was {
				err = storage.ErrNotFound
			}
			if err != nil {
				return err
			}
			if err := dropBlind(tx, c.r.id, key); err != nil {
				return err
			}
			return c.r.s.noteAccess(tx, c.r.id, key, None)
		})
	})
}

// keep makes the actor a collaborator who has Admin, unless they have it anyway: of a repository that they have brought
// to an owner for whom they may do so, but whose teams need not have it.
func (s *Store) keep(tx *txn.Tx, repo storage.ID) error {
	login := s.actor.Login()
	if login == "" {
		return nil
	}
	if p, err := s.actor.Permission(tx, repo); err != nil || p == access.Admin {
		return err
	}
	if err := people.AddCollaborator(tx, repo, login, people.Admin); err != nil {
		return err
	}
	return s.noteAccess(tx, repo, login, Admin)
}

// Pushable returns a page of the repositories of others that a user may push to, since they are a collaborator or in a
// team. Users see all of their own; about others, an actor learns only of repositories that they may write to
// themselves, and holders of deploy keys get ErrForbidden. It returns ErrNotFound if there is no such user. A page
// costs a look at each repository that was opened to the user.
func (s *Store) Pushable(ctx context.Context, login string, opts *ListOptions) (Page[Info], error) {
	return call(ctx, s, "pushable", login, func() (Page[Info], error) {
		if s.actor.IsKey() {
			return Page[Info]{}, access.ErrKey
		}
		key, err := checkLogin(login)
		if err != nil {
			return Page[Info]{}, err
		}
		q, err := opts.query()
		if err != nil {
			return Page[Info]{}, err
		}
		var page Page[Info]
		err = s.backend.View(ctx, func(v storage.View) error {
			if _, err := people.LoadUser(v, key); err != nil {
				return err
			}
			q.Viewer = &catalog.Viewer{Name: s.actor.String() + " for " + key, Only: true}
			if q.Viewer.Granted, err = s.pushable(v, key); err != nil {
				return err
			}
			page, err = s.listSeen(ctx, v, q)
			return err
		})
		return page, err
	})
}

// pushable returns what login may push to and does not own, as far as the actor may know.
func (s *Store) pushable(v storage.View, login string) ([]storage.ID, error) {
	grants, err := people.GrantedRepos(v, login)
	if err != nil {
		return nil, err
	}
	var ids []storage.ID
	for _, g := range grants {
		if g.Permission < people.Write {
			continue
		}
		h, err := catalog.LoadHeader(v, g.Repo)
		if errors.Is(err, storage.ErrNotFound) {
			continue // it was deleted, and is kept
		}
		if err != nil {
			return nil, err
		}
		if h.Owner == login {
			continue
		}
		if withheld, err := access.IsWithheld(v, h); err != nil {
			return nil, err
		} else if withheld {
			continue
		}
		if !s.actor.IsOrHost(login) {
			if p, err := s.actor.Permission(v, g.Repo); err != nil {
				return nil, err
			} else if p < access.Write {
				continue
			}
		}
		ids = append(ids, g.Repo)
	}
	return ids, nil
}
