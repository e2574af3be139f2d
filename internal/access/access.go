// Package access decides who may do what. Decide is the one function that does, and Actor.Check the one that asks it.
package access

import (
	"errors"
	"strconv"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// ErrForbidden says that an actor may not do what they asked for, with a repository that they may read.
var ErrForbidden = fault.New(fault.Forbidden, "")

// ErrKey says that something is not for whoever has a deploy key.
var ErrKey = fault.New(fault.Forbidden, "forbidden: a deploy key is for content alone")

// Permission is how much of a repository an actor may use.
type Permission = people.Permission

// Each permission holds those before it.
const (
	None  = people.None
	Read  = people.Read
	Write = people.Write
	Admin = people.Admin
)

// An Actor is on whose behalf a call is made. The zero value is anonymous. Actors can be compared.
type Actor struct {
	kind  kind
	login string     // of a user, in lower case; of one who is misnamed, as it was given
	repo  storage.ID // of a deploy key
	key   int64      // its number
}

type kind byte

const (
	anonymous kind = iota
	host
	user
	deployKey
	misnamed // a user whose login can't be one
)

// Host is the program that opened the store, which may do all.
func Host() Actor { return Actor{kind: host} }

// User is the user with that login, known or not. One with no login may what all may, and one with a login that can't
// be may nothing: it would be up to each look-up which other name it folds to.
func User(login string) Actor {
	key := names.Key(login)
	if login != "" && names.CheckOwner(key) != nil {
		return Actor{kind: misnamed, login: login}
	}
	return Actor{kind: user, login: key}
}

// Misnamed returns what is wrong with the login of an actor who may nothing for it, and nil for all others.
func (a Actor) Misnamed() error {
	if a.kind != misnamed {
		return nil
	}
	return names.CheckOwner(names.Key(a.login))
}

// Key is the holder of a deploy key of a repository.
func Key(repo storage.ID, id int64) Actor { return Actor{kind: deployKey, repo: repo, key: id} }

// IsHost reports whether the actor may do all.
func (a Actor) IsHost() bool { return a.kind == host }

// Login returns the login of a user, and "" for others.
func (a Actor) Login() string {
	if a.kind != user {
		return ""
	}
	return a.login
}

// IsAnonymous reports whether the actor is nobody in particular.
func (a Actor) IsAnonymous() bool { return a.kind == anonymous }

// IsKey reports whether the actor is the holder of a deploy key, to whom there is no other repository.
func (a Actor) IsKey() bool { return a.kind == deployKey }

// String names the actor, as no other is named: what page tokens are bound to, and events tell.
func (a Actor) String() string {
	switch a.kind {
	case host:
		return "host"
	case user:
		return "user " + a.login
	case deployKey:
		return "deploy key " + strconv.FormatInt(a.key, 10)
	case misnamed:
		return "misnamed user " + strconv.Quote(a.login)
	}
	return "anonymous"
}

// Facts are what a decision stands on.
type Facts struct {
	Repo    storage.ID
	Owner   string
	Private bool
	Grant   Permission // what a user was granted as a collaborator or by a team, or what a deploy key may do

	// Withheld says that it is a private fork whose owner may not read what it depends on: then just those may use it who
	// have Admin in that. Upstream is what the actor may do there.
	Withheld bool
	Upstream Permission
}

// Decide returns what an actor may do with a repository.
func Decide(a Actor, f Facts) Permission {
	if f.Withheld && a.kind != host {
		if a.kind == user && f.Upstream == Admin {
			return Admin
		}
		return None
	}
	switch a.kind {
	case host:
		return Admin
	case deployKey:
		if a.repo != f.Repo {
			return None
		}
		return min(f.Grant, Write)
	case user:
		if a.login != "" && a.login == names.Key(f.Owner) {
			return Admin
		}
	case misnamed:
		return None
	default:
		f.Grant = None
	}
	if f.Private {
		return f.Grant
	}
	return max(f.Grant, Read)
}

// Check returns the pool of a repository in which the actor has a permission. It returns storage.ErrNotFound if they
// may not even read it, as if it were not there, and ErrForbidden if they may do less than what is needed.
func (a Actor) Check(v storage.View, repo storage.ID, need Permission) (pool storage.ID, err error) {
	if a.kind == host {
		return catalog.Pool(v, repo)
	}
	h, err := catalog.LoadHeader(v, repo)
	if err != nil {
		return pool, err
	}
	return h.Pool, a.CheckHeader(v, repo, h, need)
}

// CheckHeader is Check of a repository whose header was read in v.
func (a Actor) CheckHeader(v storage.View, repo storage.ID, h catalog.Header, need Permission) error {
	if a.kind == host {
		return nil
	}
	f := Facts{Repo: repo, Owner: h.Owner, Private: h.Private}
	have := Decide(a, f)
	if have < need {
		var err error
		if f.Grant, err = a.grant(v, repo, h.Owner, need); err != nil {
			return err
		}
		have = Decide(a, f)
	}
	if withheld, err := a.withhold(v, h, &f); err != nil {
		return err
	} else if withheld {
		have = Decide(a, f)
	}
	switch {
	case have == None:
		return storage.ErrNotFound
	case have < need:
		return ErrForbidden
	}
	return nil
}

// Permission returns what the actor may do with a repository, or storage.ErrNotFound if there is none.
func (a Actor) Permission(v storage.View, repo storage.ID) (Permission, error) {
	h, err := catalog.LoadHeader(v, repo)
	if err != nil {
		return None, err
	}
	return a.PermissionByHeader(v, repo, h)
}

// PermissionByHeader is Permission of a repository whose header was read in v.
func (a Actor) PermissionByHeader(v storage.View, repo storage.ID, h catalog.Header) (Permission, error) {
	f := Facts{Repo: repo, Owner: h.Owner, Private: h.Private}
	var err error
	if f.Grant, err = a.grant(v, repo, h.Owner, Admin); err != nil {
		return None, err
	}
	_, err = a.withhold(v, h, &f)
	return Decide(a, f), err
}

// CanRead reports whether the actor may read a repository. One that is not there, nobody sees.
func (a Actor) CanRead(v storage.View, repo storage.ID) (bool, error) {
	_, err := a.Check(v, repo, Read)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// CanSeeEvent reports whether the actor may learn of what needed a permission when it happened, in a repository that
// was private then, or not. Of one that is not there any more, the host alone learns all, and others that it was
// public.
func (a Actor) CanSeeEvent(v storage.View, repo storage.ID, wasPrivate bool, need Permission) (bool, error) {
	if a.kind == host {
		return true, nil
	}
	h, err := catalog.LoadHeader(v, repo)
	if errors.Is(err, storage.ErrNotFound) {
		return !wasPrivate && need <= Read && a.kind != deployKey && a.kind != misnamed, nil
	}
	if err != nil {
		return false, err
	}
	f := Facts{Repo: repo, Owner: h.Owner, Private: h.Private || wasPrivate}
	if f.Grant, err = a.grant(v, repo, h.Owner, need); err != nil {
		return false, err
	}
	_, err = a.withhold(v, h, &f)
	return Decide(a, f) >= need, err
}

func (a Actor) grant(v storage.View, repo storage.ID, owner string, enough Permission) (Permission, error) {
	switch {
	case a.kind == user && a.login != "":
		return people.Granted(v, repo, owner, a.login, enough)
	case a.kind == deployKey && a.repo == repo:
		return people.KeyPermission(v, repo, a.key)
	}
	return None, nil
}

// IsOrHost reports whether the actor may change what is a user's own: they themselves may, and the host.
func (a Actor) IsOrHost(login string) bool {
	return a.kind == host || a.kind == user && a.login != "" && a.login == names.Key(login)
}

// CheckOwner returns nil if the actor may have repositories of an owner come and go: the owner themselves, and members
// of the owner's teams that have Admin. Others get ErrForbidden.
func (a Actor) CheckOwner(v storage.View, owner string) error {
	if a.IsOrHost(owner) {
		return nil
	}
	if a.kind == user {
		if p, err := people.GrantedByOwner(v, owner, a.login); p == Admin || err != nil {
			return err
		}
	}
	return ErrForbidden
}
