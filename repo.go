package reposit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/stats"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Repo is a light handle on one repository. It is bound to the ID, so it holds through renames and transfers, and
// costs nothing to keep or drop. Once the repository is deleted, all its methods return ErrNotFound.
type Repo struct {
	s    *Store
	id   storage.ID
	name string // "owner/slug" when the handle was made; for errors

	renamed   atomic.Pointer[string] // nil: by none of this handle's calls
	movedFrom string
}

// Info describes a repository.
type Info struct {
	ID                               ID
	Owner, Slug, Name                string
	Description, Homepage            string
	Private                          bool
	DefaultBranch                    string // "" if a program outside made HEAD name none
	HasWiki, HasIssues, HasDownloads bool
	Fork                             bool
	// of a fork: what it came from, and the root of its network; "" if the actor may not read it
	Parent, Source                 ID
	CreatedAt, UpdatedAt, PushedAt time.Time
	ExpiresAt                      time.Time
	// bytes of all objects, before compression; where there are forks, what is written again counts again. 0 if the actor
	// may not write: it would tell what others hold
	Size       int64
	Forks      int // direct ones that the actor may read
	Watchers   int
	OpenIssues int // as RepoUpdate set it
	OpenPulls  int
	Language   string // most bytes at LanguageAt, the first by name of equal ones; "" for none
	// commit of the default branch that was last looked at, as Options.Upkeep says; zero: none
	LanguageAt Hash
	Labels     map[string]string

	// Damaged says what of the repository can't be read; nil: it is sound, as far as Info looks. What is damaged has the
	// zero value. A list goes on past a damaged repository, of which it may know nothing but the ID. It is an ErrCorrupt,
	// or wraps storage.ErrFormat if another program gave the repository a format that is not known here.
	Damaged error
}

// FullName returns "owner/slug".
func (i Info) FullName() string { return i.Owner + "/" + i.Slug }

// ID returns the repository's ID.
func (r *Repo) ID() ID { return publicID(r.id) }

// MovedFrom returns the "owner/slug" by which Store.Repo found the repository if it had moved away from there when the
// handle was made, and else "". Info says what it is called.
func (r *Repo) MovedFrom() string { return r.movedFrom }

// fail returns err as an *Error of an operation on this repository, or nil. Damage is logged too: a caller who passes
// over the error is not always the one who keeps the disks.
func (r *Repo) fail(op, name string, err error) error {
	called := r.name
	if now := r.renamed.Load(); now != nil {
		called = *now
	}
	err = failed(op, called, name, err)
	if err != nil && errors.Is(err, ErrCorrupt) {
		r.s.opts.Logger.Error("corrupt data", "op", op, "repo", r.ID(), "err", err)
	}
	return err
}

// Info returns what is known of the repository.
func (r *Repo) Info(ctx context.Context) (Info, error) {
	return call(ctx, r, "info", "", func() (Info, error) {
		var info Info
		err := r.s.backend.View(ctx, func(v storage.View) error { return r.info(v, &info) })
		if err != nil {
			return Info{}, err
		}
		r.s.tellDamage(info.ID, "", info.Damaged)
		return info, nil
	})
}

func (r *Repo) info(v storage.View, info *Info) error {
	if _, err := r.s.actor.Check(v, r.id, access.Read); err != nil {
		return err
	}
	repo, err := catalog.Load(v, r.id)
	if err != nil {
		return err
	}
	state, err := catalog.LoadState(v, repo)
	if err != nil {
		return err
	}
	return r.s.describe(v, repo, state, info)
}

// describe makes info say what there is to say of a repository that the actor may read.
func (s *Store) describe(v storage.View, r *catalog.Repo, state catalog.State, info *Info) error {
	branch, err := ref.Default(v, r.ID)
	damaged := damageOf(err)
	if damaged != nil || errors.Is(err, ref.ErrSymbolic) || errors.Is(err, storage.ErrNotFound) {
		// Another program detached HEAD, or lost it, or it is damaged. That must not keep a whole list from being read.
		branch, err = ref.Branches, nil
	}
	if err != nil {
		return err
	}
	*info = Info{
		ID: publicID(r.ID), Owner: r.Owner, Slug: r.Slug, Name: r.Name,
		Description: r.Description, Homepage: r.Homepage, Private: r.Private,
		DefaultBranch: ref.Short(ref.Branches, branch),
		HasWiki:       r.HasWiki, HasIssues: r.HasIssues, HasDownloads: r.HasDownloads,
		Fork: !r.Family.IsZero(), CreatedAt: r.Created, UpdatedAt: state.Updated, PushedAt: state.Pushed,
		ExpiresAt: r.Expires, Size: state.Size, Forks: state.Forks, Watchers: state.Watchers,
		OpenIssues: r.OpenIssues, OpenPulls: state.OpenPulls, Labels: r.Labels,
		Language: state.Language, LanguageAt: Hash(state.LanguageAt), Damaged: damaged,
	}
	if err := s.hideSize(v, r, info); err != nil {
		info.Size = 0
		if err := info.addDamage(err); err != nil {
			return err
		}
	}
	return info.addDamage(s.addNetwork(v, r, state, info))
}

// hideSize takes the size from actors who may not write. From how it grows with what others write they could tell what
// the repository, or one that shares its objects, holds.
func (s *Store) hideSize(v storage.View, r *catalog.Repo, info *Info) error {
	err := s.actor.CheckHeader(v, r.ID, r.Header(), access.Write)
	if errors.Is(err, access.ErrForbidden) || errors.Is(err, storage.ErrNotFound) {
		info.Size, err = 0, nil
	}
	return err
}

// checkLabels returns ErrForbidden for labels that others than the host set: these are the host's, who may build on
// them.
func (s *Store) checkLabels(labels map[string]string) error {
	if labels == nil || s.actor.IsHost() {
		return nil
	}
	return &detail{ErrForbidden, "forbidden: labels are the host's", nil}
}

// RepoUpdate says what shall change of a repository. Nil fields stay as they are.
type RepoUpdate struct {
	Owner, Slug, Name, Description, Homepage, DefaultBranch *string
	Private, HasWiki, HasIssues, HasDownloads               *bool
	OpenIssues                                              *int // the host's own tracker keeps this count
	ExpiresAt                                               *time.Time
	// nil: stay; else replaced, by the host alone
	Labels map[string]string
}

// Update renames, transfers or describes the repository, and returns what it then is. It needs Admin, and for a
// transfer what Create needs with the new owner: an actor who is not that owner stays as a collaborator with Admin. The
// name that it had leads to it until another repository takes it. An Owner that it has already changes nothing, but for
// a fork that is hidden because its upstream was deleted or its owner may not read that: it then depends on nothing any
// more, and is its owner's again (see Fork). Pull requests that would come to show a private
// repository to all are closed. Of more than 1,000, those beyond are closed before, in transactions of as many: after
// an error, some may be closed, and the repository is as visible as it was. Update returns ErrExists if the owner has
// another repository with the slug, ErrNotFound for a default branch that does not exist, unless there is no branch at
// all yet, ErrForbidden for a fork of a private repository that shall be public, or belong to somebody who may not read
// that, for labels that another actor than the host sets, and ErrInvalid.
//
// A repository that is made private again is there for those alone whom its owner, collaborators and teams are. Its
// forks that were public stay so, and those that were private before it was public depend on it again: see Fork.
func (r *Repo) Update(ctx context.Context, u *RepoUpdate) (Info, error) {
	return call(ctx, r, "update", "", func() (Info, error) {
		if u == nil {
			u = &RepoUpdate{}
		}
		now := r.s.now()
		var info Info
		update := func(tx *txn.Tx) error {
			repo, err := tx.Repo(r.id, access.Admin)
			if err != nil {
				return err
			}
			if err := r.s.checkLabels(u.Labels); err != nil {
				return err
			}
			old, changed, err := r.revise(repo, u, now)
			if err != nil {
				return err
			}
			noted := *changed
			noted.Private = old.Private || changed.Private // what it was called while it was private is nobody else's business
			r.s.note(tx, event.RepoUpdated, &noted, old.Owner+"/"+old.Slug)
			state, err := repo.State(tx)
			if err != nil {
				return err
			}
			if err := search.Replace(tx, searched(changed, state.Language)); err != nil {
				return err
			}
			return r.s.describe(tx, changed, *state, &info)
		}
		err := r.s.backend.Update(ctx, r.s.actor, update)
		for errors.Is(err, errHidden) {
			if err = r.closeHidden(ctx, *u.Private); err == nil {
				err = r.s.backend.Update(ctx, r.s.actor, update)
			}
		}
		if err != nil {
			return Info{}, err
		}
		if u.Owner != nil || u.Slug != nil {
			r.renamed.Store(new(info.FullName()))
		}
		if u.Private != nil || u.Owner != nil {
			r.s.dropWatchers(ctx)
		}
		return info, nil
	})
}

// hiddenAtOnce is how many pull requests are closed in one transaction at most because of what they would show.
const hiddenAtOnce = 1000

// errHidden says that there are more.
var errHidden = errors.New("more than 1000 open pull requests would show what is private")

// closeHidden closes what would show private repositories to all if the repository were private, or public. As long as
// it is not, nothing is shown that may not be.
func (r *Repo) closeHidden(ctx context.Context, private bool) error {
	for more := true; more; {
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
			_, err := tx.Repo(r.id, access.Admin)
			if err == nil {
				more, err = (&pull.Unit{Tx: tx, By: r.s.actor}).CloseHidden(r.id, private, hiddenAtOnce)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// revise does what an update asks, and returns what is kept of the repository before and after it.
func (r *Repo) revise(repo *txn.Repo, u *RepoUpdate, now time.Time) (old, changed *catalog.Repo, err error) {
	tx := repo.Tx()
	old = repo.Entry.Repo
	is := *old
	if err := u.apply(&is); err != nil {
		return nil, nil, err
	}
	if is.Owner != old.Owner {
		if err := r.transfer(tx, old, &is); err != nil {
			return nil, nil, err
		}
	} else if u.Owner != nil {
		if err := r.release(tx, old, &is); err != nil {
			return nil, nil, err
		}
	}
	if old.Private && !is.Private {
		if err := publish(tx, old); err != nil {
			return nil, nil, err
		}
	}
	if u.DefaultBranch != nil {
		if err := r.setDefaultBranch(repo, *u.DefaultBranch, now); err != nil {
			return nil, nil, err
		}
	}
	if err := repo.Replace(tx, &is, now); err != nil {
		return nil, nil, err
	}
	if is.Private != old.Private {
		more, err := (&pull.Unit{Tx: tx, By: r.s.actor}).CloseHidden(r.id, is.Private, hiddenAtOnce)
		if err == nil && more {
			err = errHidden
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if is.Owner != old.Owner {
		if err = r.s.keep(tx, r.id); err == nil {
			err = r.s.checkUpstream(tx, &is)
		}
	}
	if err == nil && is.Private && (!old.Private || is.Owner != old.Owner) {
		if err = people.Doubt(tx, r.id); err == nil {
			_, err = dropSome(tx) // of this repository first, unless others wait, so that mostly all is done here
		}
	}
	return old, &is, err
}

// transfer sees to what a repository leaves behind with its owner.
func (r *Repo) transfer(tx *txn.Tx, from, to *catalog.Repo) error {
	if err := r.s.checkOwner(tx, to.Owner); err != nil {
		return err
	}
	if err := r.release(tx, from, to); err != nil {
		return err
	}
	return people.Transferred(tx, r.id, from.Owner, to.Owner)
}

// checkOwner returns ErrForbidden, and says why, if the actor may not give an owner a repository.
func (s *Store) checkOwner(v storage.View, owner string) error {
	err := s.actor.CheckOwner(v, owner)
	if errors.Is(err, ErrForbidden) {
		err = &detail{ErrForbidden, "forbidden: only " + owner + ", admins of all that is theirs, and the host give " +
			owner + " a repository", err}
	}
	return err
}

// release has a repository that is withheld depend on nothing any more: whoever has Admin now decides on it, and does
// so by saying who owns it, also if that is who did before.
func (r *Repo) release(tx *txn.Tx, from, to *catalog.Repo) error {
	withheld, err := access.IsWithheld(tx, from.Header())
	if err != nil || !withheld {
		return err
	}
	if err := r.s.checkOwner(tx, to.Owner); err != nil {
		return err
	}
	to.Upstream = storage.ID{}
	return nil
}

func (u *RepoUpdate) apply(r *catalog.Repo) error {
	update(&r.Owner, u.Owner)
	update(&r.Slug, u.Slug)
	r.Owner, r.Slug = names.Key(r.Owner), names.Key(r.Slug)
	update(&r.Name, u.Name)
	update(&r.Description, u.Description)
	update(&r.Homepage, u.Homepage)
	update(&r.Private, u.Private)
	update(&r.HasWiki, u.HasWiki)
	update(&r.HasIssues, u.HasIssues)
	update(&r.HasDownloads, u.HasDownloads)
	update(&r.OpenIssues, u.OpenIssues)
	update(&r.Expires, u.ExpiresAt)
	if u.Labels != nil {
		r.Labels = maps.Clone(u.Labels)
	}
	if r.OpenIssues < 0 {
		return invalidf("count of open issues: it is negative")
	}
	return checkRepo(r)
}

func update[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (r *Repo) setDefaultBranch(repo *txn.Repo, name string, now time.Time) error {
	full, err := branchRef(name)
	if err != nil {
		return fault.About(name, err)
	}
	tx := repo.Tx()
	if _, err := tx.Ref(r.id, full); errors.Is(err, storage.ErrNotFound) {
		for found, err := range tx.Refs(r.id, ref.Branches, "") {
			if err != nil && !isDamagedRef(found, err) {
				return err
			}
			return &detail{ErrNotFound, "branch not found: " + name, nil}
		}
	} else if err != nil {
		return err
	}
	author, err := r.s.opts.Author.clean(now)
	if err != nil {
		return err
	}
	return repo.SetRef(&ref.Change{
		Name: ref.Head, Target: full, By: r.s.actor, Log: logEntry(author, "default branch: to "+name),
	})
}

const deleteTokenLife = 15 * time.Minute

// DeleteToken returns a token that Delete takes within 15 minutes, for this repository. It takes the place of any
// that was given out before. It makes two calls of a deletion, so that a program which acts for people can ask them in
// between, and whatever repeats or mistakes one call deletes nothing. It needs Admin.
func (r *Repo) DeleteToken(ctx context.Context) (string, error) {
	return call(ctx, r, "delete token", "", func() (string, error) {
		var secret [20]byte
		rand.Read(secret[:])
		token := hex.EncodeToString(secret[:])
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
			if _, err := r.s.actor.Check(tx, r.id, access.Admin); err != nil {
				return err
			}
			return catalog.PutToken(tx, r.id, sha256.Sum256([]byte(token)), r.s.now().Add(deleteTokenLife))
		})
		return token, err
	})
}

// Delete removes the repository with all that belongs to it, and gives its storage back. It takes a token that
// DeleteToken returned for it; another one, or one that is out of date, is ErrForbidden. The host need not have one,
// and then passes "".
func (r *Repo) Delete(ctx context.Context, token string) error {
	return do(ctx, r, "delete", "", func() error {
		given := sha256.Sum256([]byte(token))
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
			if _, err := r.s.actor.Check(tx, r.id, access.Admin); err != nil {
				return err
			}
			if token == "" && r.s.actor.IsHost() {
				return r.s.remove(tx, r.id)
			}
			stored, ends, err := catalog.Token(tx, r.id)
			switch {
			case errors.Is(err, storage.ErrNotFound), err == nil && subtle.ConstantTimeCompare(given[:], stored[:]) == 0:
				return &detail{ErrForbidden, "forbidden: not a delete token of this repository", nil}
			case err != nil:
				return err
			case !r.s.now().Before(ends):
				return &detail{ErrForbidden, "forbidden: the delete token is out of date", nil}
			}
			return r.s.remove(tx, r.id)
		})
		if err != nil {
			return err
		}
		if err := r.s.sweep(ctx); err != nil { // the repository is gone; the next deletion goes on
			r.s.opts.Logger.Warn("records of a deleted repository are left", "repo", r.ID(), "err", err)
		}
		return nil
	})
}

// remove takes a repository out of the store.
func (s *Store) remove(tx *txn.Tx, id storage.ID) error {
	repo, err := tx.Entry(id)
	if err != nil {
		return err
	}
	s.note(tx, event.RepoDeleted, repo.Repo, "")
	if err := pull.Deleted.Bury(tx, id); err != nil {
		return err
	}
	for _, drop := range [...]func(storage.Tx, storage.ID) error{people.Drop, protect.Drop, search.Drop, stats.Drop,
		event.Drop} {
		if err := drop(tx, id); err != nil {
			return err
		}
	}
	last, err := repo.Remove(tx)
	if err != nil {
		return err
	}
	if err := tx.DropRepo(id); err != nil || !last {
		return err
	}
	if err := graph.Dropped.Bury(tx, repo.Pool); err != nil {
		return err
	}
	return s.dropPool(tx, repo.Pool)
}
