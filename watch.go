package reposit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Watchers are the users who watch a repository. Watching allows nothing, and ends when a user may not read the
// repository any more. Of many watchers, that takes a while: ask Permission before telling them anything.
type Watchers struct{ r *Repo }

// Watchers returns the watchers of the repository.
func (r *Repo) Watchers() Watchers { return Watchers{r} }

// List returns a page of the watchers' profiles, in the order in which they began to watch, or with Descending the
// latest first. It needs Read, and is not for deploy keys. The options' owner, labels and sort can't be set. A page
// costs what its rows cost, with Page also a step for each row before. It returns ErrInvalid for a token that another
// query gave out.
func (w Watchers) List(ctx context.Context, opts *ListOptions) (Page[Profile], error) {
	const op = "list watchers"
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return Page[Profile]{}, w.r.fail(op, "", err)
	}
	defer w.r.s.calls.Leave()
	if opts == nil {
		opts = &ListOptions{}
	}
	q, err := w.query(opts)
	if err != nil {
		return Page[Profile]{}, w.r.fail(op, "", err)
	}
	var page Page[Profile]
	err = w.r.readPeople(ctx, access.Read, func(v storage.View) error {
		page, err = w.page(v, q)
		return err
	})
	if err != nil {
		return Page[Profile]{}, w.r.fail(op, "", err)
	}
	return page, nil
}

// A watchersQuery is a page of watchers.
type watchersQuery struct {
	text       []byte // what its tokens are bound to
	behind     []byte
	order      storage.Order
	size, skip int
}

func (w Watchers) query(o *ListOptions) (*watchersQuery, error) {
	if o.Owner != "" || len(o.Labels) > 0 || o.Sort != SortCreated {
		return nil, invalidf("option: watchers have no owner, labels and sort")
	}
	if o.Direction < DefaultDirection || o.Direction > Descending {
		return nil, invalidf("direction: %d", o.Direction)
	}
	q := &watchersQuery{order: storage.Order(o.Direction == Descending)}
	q.text = fmt.Appendf(nil, "watchers of %s %t as %q", w.r.id, q.order, w.r.s.actor)
	var err error
	if q.size, q.skip, err = pageBounds(o.PageSize, o.Page, o.PageToken); err == nil && o.PageToken != "" {
		q.behind, err = w.r.s.secret.Position(q.text, o.PageToken)
	}
	return q, err
}

func (w Watchers) page(v storage.View, q *watchersQuery) (Page[Profile], error) {
	page := Page[Profile]{Items: make([]Profile, 0, q.size)}
	repo, err := catalog.Load(v, w.r.id)
	if err != nil {
		return page, err
	}
	state, err := catalog.LoadState(v, repo)
	if err != nil {
		return page, err
	}
	page.TotalCount = state.Watchers
	var last people.Watcher
	skip := q.skip
	for at, err := range people.Watchers(v, w.r.id, q.behind, q.order) {
		if err != nil {
			return page, err
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(page.Items) == q.size {
			page.NextPageToken = w.r.s.secret.Token(q.text, last.Position())
			break
		}
		u, err := people.LoadUser(v, at.Login)
		if err != nil {
			return page, err
		}
		page.Items = append(page.Items, w.r.s.profile(u))
		last = at
	}
	return page, nil
}

// Add makes a user watch the repository from now on; one who does already stays where they are in the list. Users may
// do so for themselves, and the host for anyone who may read the repository; others get ErrForbidden. It returns
// ErrNotFound if there is no such user.
func (w Watchers) Add(ctx context.Context, login string) error {
	const op = "watch"
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return w.r.fail(op, login, err)
	}
	defer w.r.s.calls.Leave()
	key, err := checkLogin(login)
	if err != nil {
		return w.r.fail(op, login, err)
	}
	now := w.r.s.now()
	return w.r.fail(op, login, w.r.change(ctx, access.Read, func(tx *txn.Tx) error {
		if !w.r.s.actor.ActsFor(key) {
			return ErrForbidden
		}
		added, err := people.Watch(tx, w.r.id, key, now)
		if err != nil || !added {
			return err
		}
		if sees, err := access.User(key).Sees(tx, w.r.id); err != nil || !sees {
			return cmp.Or(err, error(&detail{ErrForbidden, "forbidden: the user may not read the repository", nil}))
		}
		return catalog.Adjust(tx, w.r.id, func(s *catalog.State) { s.Watchers++ })
	}))
}

// Remove makes a user stop watching the repository. Removing a user who is not watching is a no-op. Users may do so for
// themselves, also if they may not read it any more; see Users.Unwatch. The host may for anyone; others get
// ErrForbidden.
func (w Watchers) Remove(ctx context.Context, login string) error {
	const op = "unwatch"
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return w.r.fail(op, login, err)
	}
	defer w.r.s.calls.Leave()
	key, err := checkLogin(login)
	if err != nil {
		return w.r.fail(op, login, err)
	}
	return w.r.fail(op, login, w.r.s.backend.Update(ctx, w.r.s.actor, func(tx *txn.Tx) error {
		return w.r.s.unwatch(tx, w.r.id, key)
	}))
}

// unwatch makes a user no watcher, if the actor may.
func (s *Store) unwatch(tx *txn.Tx, repo storage.ID, login string) error {
	if s.actor.ActsFor(login) {
		// Whoever watches a repository knows of it. So they need not be able to read it.
		if was, err := dropWatch(tx, repo, login); was || err != nil {
			return err
		}
	}
	if _, err := s.actor.Check(tx, repo, access.Read); err != nil {
		return err
	}
	if !s.actor.ActsFor(login) {
		return ErrForbidden
	}
	return nil
}

// dropWatch makes a user no watcher, and reports whether they were one.
func dropWatch(tx *txn.Tx, repo storage.ID, login string) (bool, error) {
	was, err := people.Unwatch(tx, repo, login)
	if err != nil || !was {
		return false, err
	}
	return true, catalog.Adjust(tx, repo, func(s *catalog.State) { s.Watchers-- })
}

// dropBlind makes those of the given watchers none who may not read the repository any more.
func dropBlind(tx *txn.Tx, repo storage.ID, logins ...string) error {
	for _, login := range logins {
		sees, err := access.User(login).Sees(tx, repo)
		if err == nil && !sees {
			_, err = dropWatch(tx, repo, login)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// doubtWatchers notes that watchers of repositories may have lost Read. Those of public ones can't.
func doubtWatchers(tx *txn.Tx, repos []storage.ID) error {
	for _, id := range repos {
		h, err := catalog.LoadHeader(tx, id)
		if err == nil && h.Private {
			err = people.Doubt(tx, id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// watchersAtOnce is how many watchers are looked at in one transaction.
const watchersAtOnce = 500

// dropSome drops some of the watchers of one repository who have lost Read, and reports whether there may be more.
func dropSome(tx *txn.Tx) (more bool, err error) {
	repo, list, err := people.Doubted(tx, watchersAtOnce)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	logins := make([]string, len(list))
	for i, w := range list {
		logins[i] = w.Login
	}
	if err := dropBlind(tx, repo, logins...); err != nil {
		return false, err
	}
	var last people.Watcher
	if len(list) == watchersAtOnce {
		last = list[len(list)-1]
	}
	return true, people.Settle(tx, repo, last)
}

// dropWatchers drops all watchers who have lost Read. What made them lose it is done: after an error, the next one who
// comes here goes on.
func (s *Store) dropWatchers(ctx context.Context) {
	more := false
	err := s.backend.View(ctx, func(v storage.View) error {
		_, _, err := people.Doubted(v, 1)
		if more = err == nil; errors.Is(err, storage.ErrNotFound) {
			err = nil
		}
		return err
	})
	for more && err == nil {
		err = s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
			var err error
			more, err = dropSome(tx)
			return err
		})
	}
	if err != nil {
		s.opts.Logger.Warn("watchers who may not read a repository are left", "err", err)
	}
}
