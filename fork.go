package reposit

import (
	"context"
	"maps"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ForkOptions say what a fork is, where it differs from what it is forked from.
type ForkOptions struct {
	Owner, Slug, Name string            // Owner default: the user that acts, else Options.Owner; others as in the parent
	Private           *bool             // nil: as the parent. The fork of a private repository is private
	DefaultBranchOnly bool              // leaves out other branches, and tags
	Labels            map[string]string // default: none; ErrForbidden for other actors than the host
	ExpiresAt         time.Time         // zero: never; see Store.DeleteExpired
}

// Fork makes a repository of another owner, or of the same with another slug, that begins with the branches and tags
// that this one has now, damaged ones aside. No object is copied, and refs only as they change: it costs the same
// whatever there is. From then on neither sees what the other does, and neither needs the other. The repositories of a
// network share storage, but each answers only for what its own refs reach.
//
// The fork of a private repository is private, and ends with its owner's Read on that one, the upstream: from then on
// it is there for nobody but those who have Admin on the upstream, who then have Admin on the fork, and may delete it
// or transfer it to themselves. If its owner may read the upstream again, it is as it was. So it is with forks of the
// fork. A public upstream, also one that is made public later, asks for nothing. One that is transferred asks what its
// new owner grants. When an upstream is deleted, its forks depend on what it was forked from. If that was no private
// repository either, those that had the same owner depend on nothing any more, and the others are left to the host,
// hidden from their owners too. If the upstream comes back by Store.Undelete, they depend on it again. Once those who
// decide on a fork have said with Update who owns it, be it who did before, it depends on nothing. So a host gives a
// hidden fork back to bob with Update and Owner "bob".
//
// It needs Read, and of the owner what Create needs: like that, it may make the actor a collaborator. It returns
// ErrExists if the owner has a repository with that slug, and ErrForbidden for a public fork of a private repository,
// for an owner who may not read that, unless the host forks it, and for a fork of one into which go-git may have
// brought a shallow history. It returns ErrTooLarge for more than 8 private forks of one another.
func (r *Repo) Fork(ctx context.Context, opts *ForkOptions) (*Repo, error) {
	return call(ctx, r, "fork", "", func() (*Repo, error) {
		if opts == nil {
			opts = &ForkOptions{}
		}
		id, ok := r.s.opts.IDs().storage()
		if !ok {
			return nil, invalidf("ID from Options.IDs")
		}
		now := r.s.now()
		var made *catalog.Repo
		err := r.s.backend.Update(ctx, r.s.actor, func(tx *txn.Tx) error {
			from, err := tx.Repo(r.id, access.Read)
			if err != nil {
				return err
			}
			if err := r.s.checkLabels(opts.Labels); err != nil {
				return err
			}
			if made, err = r.s.newFork(from.Entry.Repo, opts); err != nil {
				return err
			}
			if err := checkWhole(tx, r.id); err != nil {
				return err
			}
			made.ID, made.Created = id, now
			if err := r.s.checkOwner(tx, made.Owner); err != nil {
				return err
			}
			if err := from.Fork(tx, made); err != nil {
				return err
			}
			state, err := from.State(tx)
			if err != nil {
				return err
			}
			if err := search.Add(tx, searched(made, state.Language)); err != nil {
				return err
			}
			r.s.note(tx, event.RepoCreated, made, event.ForkOf+from.ID.String())
			if err := r.s.keep(tx, made.ID); err != nil {
				return err
			}
			if err := r.s.checkUpstream(tx, made); err != nil {
				return err
			}
			if opts.DefaultBranchOnly {
				return r.forkDefault(tx, made)
			}
			return tx.ForkRepo(made.ID, r.id)
		})
		if err != nil {
			return nil, err
		}
		return &Repo{s: r.s, id: id, name: made.Owner + "/" + made.Slug}, nil
	})
}

// checkUpstream refuses a fork that its own owner could not read, or whoever brings it to them.
func (s *Store) checkUpstream(tx *txn.Tx, fork *catalog.Repo) error {
	if s.actor.IsHost() || fork.Upstream.IsZero() {
		return nil
	}
	sees, err := s.actor.CanRead(tx, fork.ID)
	if err == nil && !sees {
		err = &detail{ErrForbidden, "forbidden: a private fork of which the owner may not read what it is forked from", nil}
	}
	return err
}

// checkWhole refuses to fork a repository that may lack some of its history.
func checkWhole(v storage.View, repo storage.ID) error {
	lacks, err := gogit.MayLack(v, repo)
	if err == nil && lacks {
		err = &detail{ErrForbidden, "forbidden: the fork of a repository with a shallow history", nil}
	}
	return err
}

// newFork returns what a fork is, but for its ID and time.
func (s *Store) newFork(from *catalog.Repo, opts *ForkOptions) (*catalog.Repo, error) {
	fork := &catalog.Repo{
		Owner: opts.Owner, Slug: opts.Slug, Name: opts.Name, Description: from.Description, Homepage: from.Homepage,
		Private: from.Private, HasWiki: from.HasWiki, HasDownloads: from.HasDownloads,
		Expires: opts.ExpiresAt, Labels: maps.Clone(opts.Labels),
	}
	setDefault(&fork.Owner, s.actor.Login())
	setDefault(&fork.Owner, s.opts.Owner)
	if fork.Slug == "" && fork.Name != "" {
		fork.Slug = Slugify(fork.Name)
	}
	setDefault(&fork.Slug, from.Slug)
	setDefault(&fork.Name, from.Name)
	fork.Owner, fork.Slug = names.Key(fork.Owner), names.Key(fork.Slug)
	if opts.Private != nil {
		fork.Private = *opts.Private
	}
	if from.Private && !fork.Private {
		return nil, errPublicFork
	}
	return fork, checkRepo(fork)
}

var errPublicFork = &detail{ErrForbidden, "forbidden: the fork of a private repository is private", nil}

// publish returns an error if a repository that was private must stay so, since it is the fork of a private one.
func publish(v storage.View, r *catalog.Repo) error {
	parent, err := catalog.Lineage(v, r)
	if err != nil || parent.IsZero() {
		return err
	}
	h, err := catalog.LoadHeader(v, parent)
	if err == nil && h.Private {
		err = errPublicFork
	}
	return err
}

// forkDefault gives a fork the default branch alone.
func (r *Repo) forkDefault(tx *txn.Tx, fork *catalog.Repo) error {
	name, err := ref.Default(tx, r.id)
	if err != nil {
		return err
	}
	branch, err := ref.Follow(tx, r.id, name)
	if err != nil {
		return err
	}
	first := []storage.Ref{{Name: ref.Head, Target: name}}
	if !branch.Hash.IsZero() {
		first = append(first, storage.Ref{Name: name, Hash: branch.Hash})
	}
	return tx.InitRepo(fork.ID, fork.Pool, first...)
}

// Forks returns a page of the repositories that were forked from this one, or came to it from a deleted fork in
// between, and that the actor may read. They come when the deleted one can't come back any more; until then, they are
// forks without a parent. Those who have Admin also find those private ones here on which they decide,
// since their owners may not read what they were forked from: see Fork. In the orders by time of update or push, and by
// owner or label, it costs a look at each, and for those who have Admin, at each private one.
func (r *Repo) Forks(ctx context.Context, opts *ListOptions) (Page[Info], error) {
	return call(ctx, r, "forks", "", func() (Page[Info], error) { return r.listWithin(ctx, opts, false) })
}

// Network returns a page of all repositories that share a history of forks with this one, itself among them, and that
// the actor may read. The root of the network is the one that is no fork. The cost is as with Forks.
func (r *Repo) Network(ctx context.Context, opts *ListOptions) (Page[Info], error) {
	return call(ctx, r, "network", "", func() (Page[Info], error) { return r.listWithin(ctx, opts, true) })
}

func (r *Repo) listWithin(ctx context.Context, opts *ListOptions, network bool) (page Page[Info], err error) {
	q, err := opts.query()
	if err != nil {
		return page, err
	}
	err = r.s.backend.View(ctx, func(v storage.View) error {
		if _, err := r.s.actor.Check(v, r.id, access.Read); err != nil {
			return err
		}
		repo, err := catalog.Load(v, r.id)
		if err != nil {
			return err
		}
		if network && !repo.Networked { // never forked: it is its whole network
			page, err = r.alone(v, repo, q)
			return err
		}
		q.Within = &catalog.Within{Repo: repo, Network: network}
		if q.Viewer, err = r.s.actor.Viewer(v); err != nil {
			return err
		}
		if err := r.addWithheld(v, repo, network, q.Viewer); err != nil {
			return err
		}
		page, err = r.s.listSeen(ctx, v, q)
		return err
	})
	if err != nil {
		return Page[Info]{}, err
	}
	r.s.tellDamaged(page.Items)
	return page, nil
}

// addWithheld has an actor with Admin come across the private forks, or members of the network, on which they decide.
func (r *Repo) addWithheld(v storage.View, repo *catalog.Repo, network bool, w *catalog.Viewer) error {
	if w == nil || w.Only {
		return nil
	}
	if p, err := r.s.actor.PermissionByHeader(v, r.id, repo.Header()); err != nil || p < access.Admin {
		return err
	}
	among := catalog.PrivateForks(v, r.id)
	if network {
		among = catalog.PrivateMembers(v, repo.Pool)
	}
	for id, err := range among {
		if err != nil {
			return err
		}
		h, err := catalog.LoadHeader(v, id)
		if catalog.IsDamage(err) {
			continue
		}
		if err != nil {
			return err
		}
		if withheld, err := access.IsWithheld(v, h); err != nil {
			return err
		} else if !withheld {
			continue
		}
		if sees, err := r.s.actor.CanRead(v, id); err != nil {
			return err
		} else if sees {
			w.Granted = append(w.Granted, id)
		}
	}
	return nil
}

// alone is the network of a repository that was never forked.
func (r *Repo) alone(v storage.View, repo *catalog.Repo, q *catalog.Query) (Page[Info], error) {
	list := Page[Info]{Items: []Info{}}
	if q.Token != "" {
		return list, page.ErrToken
	}
	if !q.Matches(repo) {
		return list, nil
	}
	list.TotalCount = 1
	if q.Skip > 0 {
		return list, nil
	}
	list.Items = make([]Info, 1)
	return list, r.info(v, &list.Items[0])
}

// addNetwork fills in what an actor may know of a repository's forks and of what it was forked from.
func (s *Store) addNetwork(v storage.View, r *catalog.Repo, state catalog.State, info *Info) error {
	if err := s.addPrivateForks(v, r, state, info); err != nil || r.Family.IsZero() {
		return err
	}
	parent, err := catalog.Parent(v, r)
	if err != nil {
		return err
	}
	source, err := catalog.Source(v, r)
	if err != nil {
		return err
	}
	for _, of := range [2]struct {
		id storage.ID
		to *ID
	}{{parent, &info.Parent}, {source, &info.Source}} {
		seen, err := s.actor.CanRead(v, of.id)
		if err != nil {
			return err
		}
		if seen {
			*of.to = publicID(of.id)
		}
	}
	return nil
}

// addPrivateForks counts the private forks that the actor may read, and takes off the public ones if they may not.
func (s *Store) addPrivateForks(v storage.View, r *catalog.Repo, state catalog.State, info *Info) error {
	if s.actor.IsKey() {
		info.Forks = 0
		return nil
	}
	if state.PrivateForks == 0 || s.actor.IsAnonymous() {
		return nil
	}
	if s.actor.IsHost() {
		info.Forks += state.PrivateForks
		return nil
	}
	viewer, err := s.actor.Viewer(v)
	if err != nil {
		return err
	}
	seen, err := catalog.CountPrivateForks(v, r.ID, state.PrivateForks, viewer)
	info.Forks += seen
	return err
}
