package reposit

import (
	"context"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// An Actor is on whose behalf a Store is used. The zero value is Anonymous. Actors can be compared.
type Actor struct{ a access.Actor }

// Anonymous is an actor who is nobody in particular: they may read what is public.
var Anonymous Actor

// User returns the user with that login, whatever the case of its letters a-z. They need not be known to Users to own
// repositories. With "", the actor may what all may. A login that can't be one, as of letters beyond ASCII, makes an
// actor who may nothing: all calls on their behalf return ErrInvalid, which names the login.
func User(login string) Actor { return Actor{access.User(login)} }

// String names the actor.
func (a Actor) String() string { return a.a.String() }

// A Permission is how much of a repository somebody may use. Each one holds those before it.
type Permission int

// The permissions.
const (
	None  Permission = 0 // nothing: to them, a private repository is not there
	Read  Permission = 1 // read all, fork, watch, open and review pull requests
	Write Permission = 2 // change content and refs, merge pull requests
	Admin Permission = 3 // describe, rename, transfer, share, protect, delete
)

// String returns "none", "read", "write" or "admin".
func (p Permission) String() string { return people.Permission(p).String() }

// MarshalText returns the text of String, or ErrInvalid if p is no permission.
func (p Permission) MarshalText() ([]byte, error) {
	text, err := people.Permission(p).MarshalText()
	return text, failed("marshal permission", "", "", err)
}

// UnmarshalText does what ParsePermission does.
func (p *Permission) UnmarshalText(text []byte) error {
	parsed, err := ParsePermission(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// ParsePermission returns the permission that a text names: "none", "read", "write" or "admin". Another one is
// ErrInvalid.
func ParsePermission(text string) (Permission, error) {
	p, err := people.ParsePermission(text)
	if err != nil {
		return None, failed("parse permission", "", text, err)
	}
	return Permission(p), nil
}

// As returns the same store as an actor may see and use it. What they may not read is ErrNotFound, as if it were not
// there, and missing from lists and counts; what they may read but not change is ErrForbidden. That is decided anew in
// each unit of work, so a grant holds, and ends, at once, also for handles that they have. As costs nothing.
//
// When a user is removed, the stores that As returned for that login before, and all that came of them, refuse each
// call with ErrForbidden, also if the login is somebody else's by then. Those that As returns later are theirs.
//
// A store that an actor got can't be made into that of another one: it then is that of Anonymous.
func (s *Store) As(actor Actor) *Store {
	switch {
	case s.actor.IsHost():
		return s.core.as(actor.a)
	case actor.a == s.actor:
		return s
	}
	return s.core.as(access.Actor{})
}

// Permission returns what a user may do with the repository: as its owner, as a collaborator, by a team, or because it
// is public. An empty login is Anonymous. Actors may ask for themselves; for others they need Admin.
func (r *Repo) Permission(ctx context.Context, login string) (Permission, error) {
	return call(ctx, r, "permission", login, func() (Permission, error) {
		asked := access.User(login)
		if login == "" {
			asked = access.Actor{}
		}
		if err := asked.Misnamed(); err != nil {
			return None, invalid("login", err)
		}
		need := access.Admin
		if asked == r.s.actor {
			need = access.Read
		}
		var p access.Permission
		err := r.s.backend.View(ctx, func(v storage.View) error {
			_, err := r.s.actor.Check(v, r.id, need)
			if err == nil {
				p, err = asked.Permission(v, r.id)
			}
			return err
		})
		return Permission(p), err
	})
}

// read runs fn on a view in which the actor has a permission on the repository.
func (r *Repo) read(ctx context.Context, need access.Permission, fn func(v storage.View) error) error {
	return r.s.backend.View(ctx, func(v storage.View) error {
		if _, err := r.s.actor.Check(v, r.id, need); err != nil {
			return err
		}
		return fn(v)
	})
}

// readPeople is read for what is about people, of whom deploy keys learn nothing.
func (r *Repo) readPeople(ctx context.Context, need access.Permission, fn func(v storage.View) error) error {
	return r.read(ctx, need, func(v storage.View) error {
		if r.s.actor.IsKey() {
			return access.ErrKey
		}
		return fn(v)
	})
}

// change runs fn in a transaction in which the actor has a permission on the repository.
func (r *Repo) change(ctx context.Context, need access.Permission, fn func(tx *txn.Tx) error) error {
	return r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
		if _, err := r.s.actor.Check(tx, r.id, need); err != nil {
			return err
		}
		return fn(tx)
	})
}
