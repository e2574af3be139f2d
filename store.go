package reposit

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/gogit"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/stats"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Store holds many repositories on one backend. One from Open may do all; see As.
type Store struct {
	*core
	actor access.Actor
	calls calls
}

// core is what a store is, whoever uses it.
type core struct {
	backend  *txn.Engine
	events   *event.Log
	secret   page.Secret
	objects  *object.Store
	owners   *pull.Owners
	lasts    *history.LastCache
	reach    *reach.Index
	stats    *stats.Service
	commits  *commit.Engine
	merges   *merge.Engine
	opts     Options
	random   bool // IDs are: no repository can have one
	gate     storage.Gate
	removals removals
	trees    revision.Memo
	lookups  sync.Pool // of *treeLookup
	damage   damageLog
	held     atomic.Int64 // how many read pools that must not be dropped
}

// Open opens the store kept in backend, creating it there if the backend is empty. The store owns backend from here
// on and closes it, also when Open fails. It returns ErrInvalid for options that can't be, and an error for a store
// of another format version, and with Options.ReadOnly ErrNotFound for one that is yet to be made. The cost does not
// depend on how many repositories there are.
func Open(ctx context.Context, backend storage.Backend, opts *Options) (*Store, error) {
	if backend == nil {
		return nil, failed("open", "", "", invalidf("backend: it is nil"))
	}
	o, err := opts.withDefaults()
	if o.ReadOnly {
		backend, o.Upkeep.Off = readOnly{backend}, true
	} else if err == nil {
		err = backend.Update(ctx, catalog.Init)
	}
	var secret page.Secret
	var marked bool
	if err == nil {
		err = backend.View(ctx, func(v storage.View) error {
			if err := catalog.CheckVersion(v); err != nil {
				return err
			}
			if secret, err = catalog.LoadSecret(v); err != nil {
				return err
			}
			marked, err = stats.HasMarked(v)
			return err
		})
	}
	if err != nil {
		return nil, failed("open", "", "", errors.Join(err, backend.Close()))
	}
	c := &core{secret: secret, objects: object.New(backend, o.CacheSize),
		events: event.NewLog(event.Keep{Units: o.KeepEvents, For: o.KeepEventsFor}), opts: o}
	c.backend = txn.New(backend, c.objects, c.events, c.now, pull.NewGuard, protect.NewGuard)
	c.owners = pull.NewOwners(c.objects)
	c.lasts = history.NewLastCache(max(o.CacheSize/16, minLasts))
	c.random = opts == nil || opts.IDs == nil
	c.reach = reach.New(c.objects, reach.Options{
		Budget: max(o.CacheSize/2, minReach), Exclusive: storage.Exclusive(backend), Records: gogit.Tips,
		Graphs: c.backend.Graphs(),
	})
	c.stats = stats.New(c.backend, c.objects, stats.Upkeep(o.Upkeep), o.Logger)
	c.events.OnWake(c.stats.Wake)
	if marked {
		c.stats.Wake()
	}
	c.commits = commit.New(c.backend, c.objects, c.reach)
	c.merges = &merge.Engine{
		Backend: c.backend, Objects: c.objects, Owners: c.owners, Reach: c.reach, Now: c.now, Quota: c.opts.Limits.RepoSize,
		Author:   func() (git.Signature, error) { return c.opts.Author.clean(c.now()) },
		BlobSize: c.opts.Limits.BlobSize, Drivers: c.opts.drivers(),
	}
	return c.as(access.Host()), nil
}

// Close waits for the calls in flight, closes the backend and lets go of all resources. Later calls, a second Close
// among them, return ErrClosed. Only the Store from Open can be closed; others return ErrForbidden.
func (s *Store) Close() error {
	if !s.actor.IsHost() {
		return failed("close", "", "", ErrForbidden)
	}
	if !s.gate.Close() {
		return failed("close", "", "", ErrClosed)
	}
	s.stats.Stop()
	s.events.Wake()
	if err := s.backend.Settle(context.Background()); err != nil {
		s.opts.Logger.Warn("the content of refused commits is not counted", "err", err)
	}
	return failed("close", "", "", s.backend.Close())
}

// now returns the time of a change, without what would keep two runs from being equal.
func (c *core) now() time.Time { return c.opts.Now().Round(0) }

// splitSlug returns the owner and slug that "slug" or "owner/slug" names, in lower case.
func (s *Store) splitSlug(slug string) (owner, name string, err error) {
	owner, name, found := strings.Cut(slug, "/")
	if !found {
		owner, name = s.opts.Owner, slug
	}
	owner, name = names.Key(owner), names.Key(name)
	if err := names.CheckOwner(owner); err != nil {
		return "", "", invalid("owner", err)
	}
	if err := names.CheckSlug(name); err != nil {
		return "", "", invalid("slug", err)
	}
	return owner, name, nil
}

// Repo returns the repository called "slug", of the default owner, or "owner/slug". Case does not matter. A name that a
// repository had before leads to it until another one takes the name: then Repo.MovedFrom says so. It returns
// ErrNotFound, or ErrInvalid for what can't be a slug.
func (s *Store) Repo(ctx context.Context, slug string) (*Repo, error) {
	return call(ctx, s, "repo", slug, func() (*Repo, error) {
		owner, name, err := s.splitSlug(slug)
		if err != nil {
			return nil, err
		}
		return s.find(ctx, owner, name)
	})
}

// find returns the repository that has or had a name.
func (s *Store) find(ctx context.Context, owner, slug string) (*Repo, error) {
	r := &Repo{s: s, name: owner + "/" + slug}
	err := s.backend.View(ctx, func(v storage.View) (err error) {
		var moved bool
		if r.id, moved, err = catalog.Find(v, owner, slug); err == nil {
			_, err = s.actor.Check(v, r.id, access.Read)
		}
		if err != nil || !moved {
			return err
		}
		repo, err := catalog.Load(v, r.id)
		if err == nil {
			r.movedFrom, r.name = owner+"/"+slug, repo.Owner+"/"+repo.Slug
		}
		return err
	})
	return r, err
}

// GetOrCreate returns the repository that Create would make, if there is one of that owner and slug, or one that was
// called so last (see Repo.MovedFrom), and else makes it: of many calls at once just one does. What else opts say is
// for a new one alone. It returns the errors of Create, ErrExists only for one that the actor may not read.
func (s *Store) GetOrCreate(ctx context.Context, name string, opts *CreateOptions) (*Repo, error) {
	const op = "get or create"
	if opts == nil {
		opts = &CreateOptions{}
	}
	made := s.namedRepo(name, opts)
	if made.Slug == "" {
		return s.Create(ctx, name, opts) // it knows why not
	}
	r, err := s.get(ctx, made)
	if err == nil {
		return r, nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return nil, failed(op, "", name, err)
	}
	r, created := s.Create(ctx, name, opts)
	if !errors.Is(created, ErrExists) {
		return r, created
	}
	if r, err = s.get(ctx, made); err != nil { // it is there, but not for the actor
		return nil, created
	}
	return r, nil
}

// get returns the repository of the owner and slug of one that may be yet to be made.
func (s *Store) get(ctx context.Context, r *catalog.Repo) (*Repo, error) {
	if err := s.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Leave()
	if err := checkRepo(r); err != nil {
		return nil, err
	}
	return s.find(ctx, r.Owner, r.Slug)
}

// RepoByID returns the repository with that ID. It returns ErrNotFound, or ErrInvalid for what can't be an ID.
func (s *Store) RepoByID(ctx context.Context, id ID) (*Repo, error) {
	return call(ctx, s, "repo by ID", string(id), func() (*Repo, error) {
		key, ok := id.storage()
		if !ok {
			return nil, invalidf("ID")
		}
		r := &Repo{s: s, id: key}
		err := s.backend.View(ctx, func(v storage.View) error {
			if _, err := s.actor.Check(v, key, access.Read); err != nil {
				return err
			}
			repo, err := catalog.Load(v, key)
			if err == nil {
				r.name = repo.Owner + "/" + repo.Slug
			}
			return err
		})
		return r, err
	})
}

// CreateOptions say what a new repository is, besides its name.
type CreateOptions struct {
	Owner, Slug           string // Owner default: the user that acts, else Options.Owner; Slug default: Slugify(name)
	Description, Homepage string
	Private               bool
	DefaultBranch         string            // default: Options.DefaultBranch
	Labels                map[string]string // the host's own key/value pairs: ErrForbidden for other actors
	ExpiresAt             time.Time         // zero: never; see Store.DeleteExpired
}

// Create makes an empty repository. It returns ErrExists if the owner has one with that slug, of two calls at once
// for just one of them, ErrInvalid for names that can't be, and ErrForbidden if the actor is neither the owner nor a
// member of one of the owner's teams that have Admin. Such a member becomes a collaborator who has Admin.
func (s *Store) Create(ctx context.Context, name string, opts *CreateOptions) (*Repo, error) {
	return call(ctx, s, "create", name, func() (*Repo, error) {
		if opts == nil {
			opts = &CreateOptions{}
		}
		repo, branch, err := s.newRepo(name, opts)
		if err != nil {
			return nil, err
		}
		return s.create(ctx, repo, opts, func(tx *txn.Tx) error {
			return tx.InitRepo(repo.ID, repo.Pool, storage.Ref{Name: ref.Head, Target: branch})
		})
	})
}

// create adds a new repository, and has fill give it its first refs.
func (s *Store) create(ctx context.Context, repo *catalog.Repo, opts *CreateOptions,
	fill func(*txn.Tx) error) (*Repo, error) {
	fullName := repo.Owner + "/" + repo.Slug
	entry := searched(repo, "")
	err := s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
		if err := s.mayCreate(tx, repo, opts); err != nil {
			return err
		}
		if err := s.add(tx, repo); err != nil {
			return err
		}
		if err := search.Add(tx, entry); err != nil {
			return err
		}
		s.note(tx, event.RepoCreated, repo, "")
		if err := s.keep(tx, repo.ID); err != nil {
			return err
		}
		return fill(tx)
	})
	if err != nil {
		return nil, about(fullName, err)
	}
	return &Repo{s: s, id: repo.ID, name: fullName}, nil
}

// mayCreate returns an error unless the actor may create such a repository.
func (s *Store) mayCreate(v storage.View, repo *catalog.Repo, opts *CreateOptions) error {
	if err := s.checkOwner(v, repo.Owner); err != nil {
		return err
	}
	return s.checkLabels(opts.Labels)
}

// add puts a new repository into the catalog.
func (c *core) add(tx *txn.Tx, r *catalog.Repo) error {
	if c.random {
		return catalog.Add(tx, r)
	}
	return catalog.Create(tx, r)
}

// namedRepo returns what options say of a new repository.
func (s *Store) namedRepo(name string, opts *CreateOptions) *catalog.Repo {
	r := &catalog.Repo{
		Owner: opts.Owner, Slug: opts.Slug, Name: name, Description: opts.Description, Homepage: opts.Homepage,
		Private: opts.Private, HasWiki: true, HasIssues: true, HasDownloads: true,
		Expires: opts.ExpiresAt, Labels: opts.Labels,
	}
	setDefault(&r.Owner, s.actor.Login())
	setDefault(&r.Owner, s.opts.Owner)
	setDefault(&r.Slug, Slugify(name))
	r.Owner, r.Slug = names.Key(r.Owner), names.Key(r.Slug)
	return r
}

func (s *Store) newRepo(name string, opts *CreateOptions) (*catalog.Repo, string, error) {
	r := s.namedRepo(name, opts)
	if r.Created = s.now(); r.Slug == "" {
		return nil, "", invalidf("name: no slug can be made of it, set CreateOptions.Slug")
	}
	branch := opts.DefaultBranch
	setDefault(&branch, s.opts.DefaultBranch)
	branch, err := branchRef(branch)
	if err != nil {
		return nil, "", err
	}
	if err := checkRepo(r); err != nil {
		return nil, "", err
	}
	id, ok := s.opts.IDs().storage()
	if !ok {
		return nil, "", invalidf("ID from Options.IDs")
	}
	r.ID, r.Pool = id, id
	return r, branch, nil
}

const (
	maxLabels     = 64
	maxLabelKey   = 128 // bytes
	maxLabelValue = 256 // bytes
)

// checkRepo checks everything that callers may say of a repository.
func checkRepo(r *catalog.Repo) error {
	if err := names.CheckOwner(r.Owner); err != nil {
		return invalid("owner", err)
	}
	if err := names.CheckSlug(r.Slug); err != nil {
		return invalid("slug", err)
	}
	if err := names.CheckDisplayName(r.Name); err != nil {
		return invalid("name", err)
	}
	if err := names.CheckDescription(r.Description); err != nil {
		return invalid("description", err)
	}
	if err := names.CheckDescription(r.Homepage); err != nil {
		return invalid("homepage", err)
	}
	if !r.Expires.IsZero() && (r.Expires.Before(record.MinTime) || r.Expires.After(record.MaxTime)) {
		return invalidf("expiry: the year %d can't be kept", r.Expires.Year())
	}
	if len(r.Labels) > maxLabels {
		return &detail{ErrTooLarge, "too large: more than 64 labels", nil}
	}
	for k, v := range r.Labels {
		if len(k) > maxLabelKey || len(v) > maxLabelValue {
			return &detail{ErrTooLarge, "too large: label " + cut(k), nil}
		}
		if err := names.CheckDisplayName(k); err != nil {
			return invalid("label", err)
		}
		if err := names.CheckDescription(v); err != nil {
			return invalid("value of label "+k, err)
		}
	}
	return nil
}
