package reposit

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Users are the people that a store knows. Only they can be collaborators, members of teams and watchers; owners of
// repositories need not be users.
type Users struct{ s *Store }

// Users returns the users of the store.
func (s *Store) Users() Users { return Users{s} }

// A Profile describes a user.
type Profile struct {
	Login                                string // as slugs are: a-z, 0-9 and between them . _ -
	Name, Email, Company, Blog, Location string // what they show to all; may be ""
	// further addresses, shown to them and the host: commits of all of them are theirs
	Emails []string
}

const (
	maxEmails = 100
	maxEmail  = 254 // bytes (RFC 5321, "Path")
)

// Put makes a user be what p says, whether or not there was one. The host may do so, and a user with their own profile,
// to which they may add no address, since nobody but the host vouches for it; others get ErrForbidden. It returns
// ErrExists if another user has one of the addresses, whatever their case, and ErrInvalid.
func (u Users) Put(ctx context.Context, p Profile) error {
	return do(ctx, u.s, "put user", p.Login, func() error {
		p.Login = names.Key(p.Login)
		if err := p.check(); err != nil {
			return err
		}
		user := people.User(p)
		return u.s.backend.Update(ctx, u.s.actor, func(tx *txn.Tx) error {
			if !u.s.actor.IsHost() {
				if err := u.checkOwn(tx, &user); err != nil {
					return err
				}
			}
			return people.PutUser(tx, &user)
		})
	})
}

// checkOwn returns ErrForbidden unless user is the actor, is known, and has no new address.
func (u Users) checkOwn(v storage.View, user *people.User) error {
	if !u.s.actor.IsOrHost(user.Login) {
		return ErrForbidden
	}
	old, err := people.LoadUser(v, user.Login)
	if errors.Is(err, storage.ErrNotFound) {
		return &detail{ErrForbidden, "forbidden: only the host makes users", nil}
	}
	if err != nil {
		return err
	}
	for _, address := range user.Addresses() {
		if !slices.Contains(old.Addresses(), address) {
			return &detail{ErrForbidden, "forbidden: only the host adds e-mail addresses", nil}
		}
	}
	return nil
}

func (p *Profile) check() error {
	if err := names.CheckOwner(p.Login); err != nil {
		return invalid("login", err)
	}
	for what, text := range map[string]string{"name": p.Name, "company": p.Company, "blog": p.Blog,
		"location": p.Location} {
		if text == "" {
			continue
		}
		if err := names.CheckDisplayName(text); err != nil {
			return invalid(what, err)
		}
	}
	if p.Email != "" {
		if err := checkEmail(p.Email); err != nil {
			return err
		}
	}
	if len(p.Emails) > maxEmails {
		return &detail{ErrTooLarge, "too large: more than 100 e-mail addresses", nil}
	}
	for _, address := range p.Emails {
		if err := checkEmail(address); err != nil {
			return err
		}
	}
	return nil
}

// checkEmail checks an address as far as it must be one to stand in a commit.
func checkEmail(address string) error {
	if len(address) > maxEmail {
		return &detail{ErrTooLarge, "too large: e-mail address " + cut(address), nil}
	}
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(address, " <>") {
		return invalidf("e-mail address %q", address)
	}
	if err := names.CheckDisplayName(address); err != nil {
		return invalid("e-mail address", err)
	}
	return nil
}

// User returns a user's profile, or ErrNotFound. Holders of deploy keys get ErrForbidden.
func (u Users) User(ctx context.Context, login string) (Profile, error) {
	return call(ctx, u.s, "user", login, func() (Profile, error) {
		if u.s.actor.IsKey() {
			return Profile{}, access.ErrKey
		}
		key, err := checkLogin(login)
		if err != nil {
			return Profile{}, err
		}
		var profile Profile
		err = u.s.backend.View(ctx, func(v storage.View) error {
			found, err := people.LoadUser(v, key)
			if err == nil {
				profile = u.s.profile(found)
			}
			return err
		})
		return profile, err
	})
}

// All yields all users, in the order of their logins. Holders of deploy keys get ErrForbidden.
func (u Users) All(ctx context.Context) iter.Seq2[Profile, error] {
	return page.All("", func(behind string) (list []Profile, last string, more bool, err error) {
		err = do(ctx, u.s, "list users", "", func() error {
			if u.s.actor.IsKey() {
				return access.ErrKey
			}
			return u.s.backend.View(ctx, func(v storage.View) error {
				found, err := people.Users(v, behind, page.MaxSize)
				list = make([]Profile, len(found))
				for i := range found {
					list[i] = u.s.profile(&found[i])
				}
				return err
			})
		})
		if more = len(list) == page.MaxSize; more {
			last = list[len(list)-1].Login
		}
		return list, last, more, err
	})
}

// Watching yields the IDs of the repositories that a user watches, in order. The user may ask, and the host; others get
// ErrForbidden. It returns ErrNotFound if there is no such user. It sees the repositories in pages, so one that is
// watched or not meanwhile may be seen or not.
func (u Users) Watching(ctx context.Context, login string) iter.Seq2[ID, error] {
	return page.All(storage.ID{}, func(behind storage.ID) (ids []ID, last storage.ID, more bool, err error) {
		err = do(ctx, u.s, "watching", login, func() error {
			ids, last, err = u.watched(ctx, login, behind)
			return err
		})
		return ids, last, !last.IsZero(), err
	})
}

// watched returns the next repositories behind one, and the one behind which there may be more, or the zero ID.
func (u Users) watched(ctx context.Context, login string,
	behind storage.ID) (ids []ID, last storage.ID, err error) {
	key, err := checkLogin(login)
	if err != nil {
		return nil, last, err
	}
	if !u.s.actor.IsOrHost(key) {
		return nil, last, ErrForbidden
	}
	err = u.s.backend.View(ctx, func(v storage.View) error {
		if _, err := people.LoadUser(v, key); err != nil {
			return err
		}
		found, err := people.WatchedBy(v, key, behind, page.MaxSize)
		if err != nil {
			return err
		}
		for _, id := range found {
			if _, err := catalog.Pool(v, id); errors.Is(err, storage.ErrNotFound) {
				continue // it was deleted, and is yet to be forgotten
			} else if err != nil {
				return err
			}
			ids = append(ids, publicID(id))
		}
		if len(found) == page.MaxSize {
			last = found[page.MaxSize-1]
		}
		return nil
	})
	return ids, last, err
}

// Unwatch is Watchers.Remove of a repository by its ID, which a user who lost Read can't get a Repo of any more. It
// returns ErrNotFound for a repository that the user neither watches nor may read.
func (u Users) Unwatch(ctx context.Context, login string, repo ID) error {
	const op = "unwatch"
	if err := u.s.calls.Enter(ctx); err != nil {
		return failed(op, string(repo), login, err)
	}
	defer u.s.calls.Leave()
	key, err := checkLogin(login)
	if err != nil {
		return failed(op, string(repo), login, err)
	}
	id, ok := repo.storage()
	if !ok {
		return failed(op, "", string(repo), invalidf("ID"))
	}
	return failed(op, string(repo), login, u.s.backend.Update(ctx, u.s.actor,
		func(tx *txn.Tx) error { return u.s.unwatch(tx, id, key) }))
}

// profile returns what the actor may know of a user.
func (s *Store) profile(u *people.User) Profile {
	p := Profile(*u)
	if !s.actor.IsOrHost(u.Login) {
		p.Emails = nil
	}
	return p
}

// checkLogin returns a login as it is compared, or ErrInvalid for what can't be one.
func checkLogin(login string) (string, error) {
	key := names.Key(login)
	if err := names.CheckOwner(key); err != nil {
		return "", invalid("login", err)
	}
	return key, nil
}
