// Package txn is the one place where the objects and refs of repositories change. An Engine runs transactions. A
// transaction loads each repository once, and stores what changed of it once, at its end. Guards, which stand above,
// refuse changes of refs and do what follows from them.
package txn

import (
	"context"
	"errors"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A Guard watches the refs of one repository in one transaction. Its errors end the transaction.
type Guard interface {
	// Check refuses a change of a ref, which is now as given. A change of a symbolic ref's hash is given the ref that it
	// leads to.
	Check(c *ref.Change, now storage.Ref) error

	// After does what follows from a change that was made, of a ref that was before as given.
	After(c *ref.Change, before storage.Ref) error
}

// An Engine runs the transactions of one store. It is safe for concurrent use.
type Engine struct {
	storage.Backend // for Views, and for objects; it is updated by Update alone

	objects *object.Store
	events  *event.Log
	graphs  *graph.Store
	now     func() time.Time
	guards  []func(*Repo) Guard
	debts   debts
}

// New returns an Engine. Each of guards makes the guard of one repository in one transaction. Guards are asked in
// order.
func New(b storage.Backend, o *object.Store, l *event.Log, now func() time.Time, guards ...func(*Repo) Guard) *Engine {
	return &Engine{
		Backend: b, objects: o, events: l, graphs: graph.NewStore(b, o, graph.Budget), now: now, guards: guards,
	}
}

// Graphs returns the graphs of the pools' commits.
func (e *Engine) Graphs() *graph.Store { return e.graphs }

// A Tx is one read-write transaction. It is for one goroutine, and ends with the function that it was passed to.
type Tx struct {
	storage.Tx
	Ctx context.Context
	By  access.Actor // on whose behalf it runs
	Now time.Time

	// DryRun has the transaction do all of its work, to find out whether it can be done, and then take it back.
	DryRun bool

	engine  *Engine
	answers answers
	repos   []*Repo // few
	events  []event.Event
	objects []put
	commits map[git.Hash]int     // the commits among the first of objects
	indexed int                  // how many these are
	settled map[storage.ID]int64 // of the debts of repositories, what it counts
}

// A put is an object that the transaction stores.
type put struct {
	pool  storage.ID
	hash  git.Hash
	item  *object.Item // nil: it is not remembered
	data  []byte
	typ   storage.Type
	fresh bool // it was not there before
}

// Update runs fn in a transaction on behalf of an actor. If fn returns nil, all that it did is there when Update
// returns, otherwise nothing is. fn may run more than once, each time from the start: its last run counts. It must not
// walk histories itself, since other writers wait for it; see Repo.IsAncestor.
func (e *Engine) Update(ctx context.Context, by access.Actor, fn func(*Tx) error) error {
	tx := &Tx{Ctx: ctx, By: by, Now: e.now(), engine: e}
	for {
		err := e.Backend.Update(ctx, func(begun storage.Tx) error {
			tx.begin(begun)
			if err := fn(tx); err != nil {
				return err
			}
			return tx.finish()
		})
		switch {
		case errors.Is(err, errUnanswered):
			if err := tx.answers.find(ctx, e.graphs, tx.Commit); err != nil {
				return err
			}
			continue
		case err == errDryRun:
			return nil
		case err != nil:
			return err
		}
		tx.remember()
		for repo, n := range tx.settled {
			e.debts.add(repo, -n)
		}
		if len(tx.events) > 0 {
			e.events.Wake()
		}
		return nil
	}
}

// errDryRun ends a transaction that was only to be tried.
var errDryRun = errors.New("dry run")

func (t *Tx) begin(tx storage.Tx) {
	t.Tx, t.DryRun = tx, false
	t.repos, t.events, t.objects = t.repos[:0], t.events[:0], t.objects[:0]
	t.answers.asked, t.commits, t.indexed = t.answers.asked[:0], nil, 0
	clear(t.settled)
}

// finish stores what the transaction keeps until its end.
func (t *Tx) finish() error {
	if err := t.Unanswered(); err != nil {
		return err
	}
	for _, r := range t.repos {
		if err := r.Store(t.Tx); err != nil {
			return err
		}
	}
	if err := t.putGraph(); err != nil {
		return err
	}
	if len(t.events) > 0 {
		if err := t.engine.events.Append(t.Tx, t.events, t.Now); err != nil {
			return err
		}
	}
	if t.DryRun {
		return errDryRun
	}
	return nil
}

// Unanswered returns an error if the transaction asked what is not known yet: it must end with that error where it
// would end with another one because of the answers.
func (t *Tx) Unanswered() error {
	if len(t.answers.asked) > 0 {
		return errUnanswered
	}
	return nil
}

// Note adds an event. Number and When are filled in, and By if it is empty.
func (t *Tx) Note(e event.Event) {
	if e.By == "" {
		e.By = t.By.String()
	}
	t.events = append(t.events, e)
}

// Repo returns a repository in which the transaction's actor has a permission. With access.None it does so whoever
// asks. The errors are those of access.Actor.Check.
func (t *Tx) Repo(id storage.ID, need access.Permission) (*Repo, error) {
	r, err := t.repo(id)
	if err == nil && need > access.None {
		err = r.Check(t.By, need)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// repo returns a repository, whoever asks.
func (t *Tx) repo(id storage.ID) (*Repo, error) {
	for _, r := range t.repos {
		if r.ID == id {
			return r, nil
		}
	}
	e, err := catalog.LoadEntry(t.Tx, id)
	if err != nil {
		return nil, err
	}
	r := &Repo{Entry: e, tx: t}
	t.repos = append(t.repos, r)
	return r, nil
}

// Entry returns what the catalog knows of a repository, whoever asks, or storage.ErrNotFound.
func (t *Tx) Entry(id storage.ID) (*catalog.Entry, error) {
	r, err := t.repo(id)
	if err != nil {
		return nil, err
	}
	return &r.Entry, nil
}

// InitRepo prepares for the refs of a new repository, and gives it first ones, of which neither events nor logs tell.
func (t *Tx) InitRepo(repo, pool storage.ID, first ...storage.Ref) error {
	if err := t.Tx.CreateRepo(repo, pool); err != nil {
		return err
	}
	for _, r := range first {
		if err := t.Tx.PutRef(repo, r, nil); err != nil {
			return err
		}
	}
	return nil
}

// FillRepo is InitRepo of a repository that the transaction makes, whose objects were stored ahead: so many bytes. It
// returns storage.ErrNotFound if one that a ref names is not there, whole and durable.
func (t *Tx) FillRepo(repo, pool storage.ID, first []storage.Ref, bytes int64) error {
	if err := t.InitRepo(repo, pool, first...); err != nil {
		return err
	}
	r, err := t.repo(repo)
	if err != nil {
		return err
	}
	p := &Push{}
	for _, f := range first {
		if f.Target == "" {
			p.Named = append(p.Named, f.Hash)
		}
	}
	if err := r.checkNamed(p); err != nil {
		return err
	}
	s, err := r.Edit(t.Tx)
	if err != nil {
		return err
	}
	s.Size, s.Updated, s.Pushed = s.Size+bytes, t.Now, t.Now
	r.Moved()
	return nil
}

// Commit returns a commit of a pool, or one that the transaction puts there.
func (t *Tx) Commit(ctx context.Context, pool storage.ID, h git.Hash) (*git.Commit, error) {
	o := t.brought(h)
	switch {
	case o == nil:
		return t.engine.objects.Commit(ctx, pool, h)
	case o.item != nil && o.item.Commit != nil:
		return o.item.Commit, nil
	}
	return git.ParseCommit(o.data)
}

// putGraph adds the new commits to the graphs of their pools.
func (t *Tx) putGraph() error {
	for i := range t.objects {
		o := &t.objects[i]
		if o.typ != storage.Commit || !o.fresh {
			continue
		}
		var c *git.Commit
		if o.item != nil {
			c = o.item.Commit
		}
		if c == nil {
			var err error
			if c, err = git.ParseCommit(o.data); err != nil {
				return err
			}
		}
		if err := graph.Put(t.Tx, o.pool, o.hash, c); err != nil {
			return err
		}
	}
	return nil
}

// brought returns a commit that the transaction puts, or nil.
func (t *Tx) brought(h git.Hash) *put {
	for ; t.indexed < len(t.objects); t.indexed++ {
		if o := &t.objects[t.indexed]; o.typ == storage.Commit {
			if t.commits == nil {
				t.commits = map[git.Hash]int{}
			}
			t.commits[o.hash] = t.indexed
		}
	}
	if i, ok := t.commits[h]; ok {
		return &t.objects[i]
	}
	return nil
}

// isFresh reports whether the transaction brings a commit that was not there.
func (t *Tx) isFresh(h git.Hash) bool {
	o := t.brought(h)
	return o != nil && o.fresh
}

// remember has the cache know the objects that were stored. Of one that was there before, it is not known how many
// deltas it takes.
func (t *Tx) remember() {
	for i := range t.objects {
		if o := &t.objects[i]; o.fresh && o.item != nil {
			t.engine.objects.Remember(o.pool, o.hash, o.item)
		}
	}
}
