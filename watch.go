package reposit

import (
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Watchers are the users who watch a repository. Watching allows nothing, and does not end when a user may not read the
// repository any more: ask Permission before telling him anything.
type Watchers struct{ r *Repo }

// Watchers returns the watchers of the repository.
func (r *Repo) Watchers() Watchers { return Watchers{r} }

// List returns a page of the watchers' profiles, in the order in which they began to watch, or with Descending the
// latest first. It needs Read. The options' owner, labels and sort can't be set. A page costs what its rows cost, with
// Page also a step for each row before. It returns ErrInvalid for a token that another query gave out.
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
	err = w.r.read(ctx, access.Read, func(v storage.View) error {
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

// Add makes a user watch the repository from now on; one who does already stays where he is in the list. A user may do
// so for himself if he may read the repository, and the host for anyone; others get ErrForbidden. It returns ErrNotFound
// if there is no such user.
func (w Watchers) Add(ctx context.Context, login string) error {
	now := w.r.s.now()
	return w.set(ctx, "watch", login, +1, func(tx *txn.Tx, key string) (bool, error) {
		return people.Watch(tx, w.r.id, key, now)
	})
}

// Remove ends that a user watches the repository; for one who does not it does nothing. Who may is as with Add.
func (w Watchers) Remove(ctx context.Context, login string) error {
	return w.set(ctx, "unwatch", login, -1, func(tx *txn.Tx, key string) (bool, error) {
		return people.Unwatch(tx, w.r.id, key)
	})
}

// set calls fn, and adds step to the count of watchers if it reports that something changed.
func (w Watchers) set(ctx context.Context, op, login string, step int, fn func(tx *txn.Tx, login string) (bool, error)) error {
	if err := w.r.s.calls.Enter(ctx); err != nil {
		return w.r.fail(op, login, err)
	}
	defer w.r.s.calls.Leave()
	key, err := checkLogin(login)
	if err != nil {
		return w.r.fail(op, login, err)
	}
	return w.r.fail(op, login, w.r.change(ctx, access.Read, func(tx *txn.Tx) error {
		if !w.r.s.actor.ActsFor(key) {
			return ErrForbidden
		}
		changed, err := fn(tx, key)
		if err != nil || !changed {
			return err
		}
		return catalog.Adjust(tx, w.r.id, func(s *catalog.State) { s.Watchers += step })
	}))
}
