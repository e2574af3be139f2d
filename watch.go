package reposit

import (
	"cmp"
	"context"
	"errors"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/page"
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
	return call(ctx, w.r, "list watchers", "", func() (Page[Profile], error) {
		if opts == nil {
			opts = &ListOptions{}
		}
		q, order, err := w.query(opts)
		if err != nil {
			return Page[Profile]{}, err
		}
		var found Page[Profile]
		err = w.r.readPeople(ctx, access.Read, func(v storage.View) error {
			found, err = w.page(v, &q, order)
			return err
		})
		return found, err
	})
}

func (w Watchers) query(o *ListOptions) (q pageQuery, order storage.Order, err error) {
	if o.Owner != "" || len(o.Labels) > 0 || o.Sort != SortCreated {
		return q, order, invalidf("option: watchers have no owner, labels and sort")
	}
	if o.Direction < DefaultDirection || o.Direction > Descending {
		return q, order, invalidf("direction: %d", o.Direction)
	}
	order = storage.Order(o.Direction == Descending)
	q, err = w.r.s.page(o.PageSize, o.Page, o.PageToken, "watchers of %s %t as %q", w.r.id, order, w.r.s.actor)
	return q, order, err
}

func (w Watchers) page(v storage.View, q *pageQuery, order storage.Order) (found Page[Profile], err error) {
	repo, err := catalog.Load(v, w.r.id)
	if err != nil {
		return found, err
	}
	state, err := catalog.LoadState(v, repo)
	if err != nil {
		return found, err
	}
	rows, more, err := page.Cut(people.Watchers(v, w.r.id, q.after, order), q.Bounds)
	if err != nil {
		return found, err
	}
	found = Page[Profile]{Items: make([]Profile, len(rows)), TotalCount: state.Watchers}
	for i, at := range rows {
		u, err := people.LoadUser(v, at.Login)
		if err != nil {
			return found, err
		}
		found.Items[i] = w.r.s.profile(u)
	}
	if more {
		found.NextPageToken = q.token(rows[len(rows)-1].Position(), more)
	}
	return found, nil
}

// Add makes a user watch the repository from now on; one who does already stays where they are in the list. Users may
// do so for themselves, and the host for anyone who may read the repository; others get ErrForbidden. It returns
// ErrNotFound if there is no such user.
func (w Watchers) Add(ctx context.Context, login string) error {
	return do(ctx, w.r, "watch", login, func() error {
		key, err := checkLogin(login)
		if err != nil {
			return err
		}
		now := w.r.s.now()
		return w.r.change(ctx, access.Read, func(tx *txn.Tx) error {
			if !w.r.s.actor.IsOrHost(key) {
				return ErrForbidden
			}
			added, err := people.Watch(tx, w.r.id, key, now)
			if err != nil || !added {
				return err
			}
			if sees, err := access.User(key).CanRead(tx, w.r.id); err != nil || !sees {
				return cmp.Or(err, error(&detail{ErrForbidden, "forbidden: the user may not read the repository", nil}))
			}
			return catalog.Adjust(tx, w.r.id, func(s *catalog.State) { s.Watchers++ })
		})
	})
}

// Remove makes a user stop watching the repository. Removing a user who is not watching is a no-op. Users may do so for
// themselves, also if they may not read it any more; see Users.Unwatch. The host may for anyone; others get
// ErrForbidden.
func (w Watchers) Remove(ctx context.Context, login string) error {
	return do(ctx, w.r, "unwatch", login, func() error {
		key, err := checkLogin(login)
		if err != nil {
			return err
		}
		return w.r.s.backend.Update(ctx, w.r.s.actor, func(tx *txn.Tx) error {
			return w.r.s.unwatch(tx, w.r.id, key)
		})
	})
}

// unwatch makes a user no watcher, if the actor may.
func (s *Store) unwatch(tx *txn.Tx, repo storage.ID, login string) error {
	if there, err := isThere(tx, repo); err != nil || !there {
		return cmp.Or(err, error(storage.ErrNotFound))
	}
	if s.actor.IsOrHost(login) {
		// Whoever watches a repository knows of it. So they need not be able to read it.
		if was, err := dropWatch(tx, repo, login); was || err != nil {
			return err
		}
	}
	if _, err := s.actor.Check(tx, repo, access.Read); err != nil {
		return err
	}
	if !s.actor.IsOrHost(login) {
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
		sees, err := access.User(login).CanRead(tx, repo)
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
		if errors.Is(err, storage.ErrNotFound) {
			continue // it was deleted, and is kept: Undelete doubts them
		}
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
