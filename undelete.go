package reposit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/language"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/stats"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A DeletedRepo is a repository that was deleted and that Store.Undelete can bring back. Info is what it was. Parent
// and Source are empty if they are deleted, too.
type DeletedRepo struct {
	Info
	DeletedAt time.Time
	KeptUntil time.Time // when it will be dropped; until that is done, Undelete still takes it
	By        string    // who deleted it, as Event.By
}

// Deleted returns a page of the deleted repositories that are still kept, those that were deleted last first, or with
// Ascending last. Of the options, Sort can't be set. A page costs a look at each of them. Only the host may ask: for
// others they are not there, and they get ErrForbidden. Deleted returns ErrInvalid for a token that another query gave
// out.
func (s *Store) Deleted(ctx context.Context, opts *ListOptions) (Page[DeletedRepo], error) {
	return call(ctx, s, "deleted", "", func() (found Page[DeletedRepo], err error) {
		if !s.actor.IsHost() {
			return found, ErrForbidden
		}
		if opts == nil {
			opts = &ListOptions{}
		}
		if opts.Sort != SortCreated {
			return found, invalidf("sort: deleted repositories are listed by when they were deleted")
		}
		if opts.Direction < DefaultDirection || opts.Direction > Descending {
			return found, invalidf("direction: %d", opts.Direction)
		}
		text := fmt.Appendf(nil, "%q", names.Key(opts.Owner))
		for _, k := range slices.Sorted(maps.Keys(opts.Labels)) {
			text = fmt.Appendf(text, " %q=%q", k, opts.Labels[k])
		}
		order := storage.Order(opts.Direction != Ascending)
		q, err := s.page(opts.PageSize, opts.Page, opts.PageToken, "deleted %t %s as %q", order, text, s.actor)
		if err != nil {
			return found, err
		}
		err = s.backend.View(ctx, func(v storage.View) error {
			found, err = s.deleted(ctx, v, &q, order, &catalog.Query{Owner: names.Key(opts.Owner), Labels: opts.Labels})
			return err
		})
		return found, err
	})
}

func (s *Store) deleted(ctx context.Context, v storage.View, q *pageQuery, order storage.Order,
	which *catalog.Query) (found Page[DeletedRepo], err error) {
	total := 0
	rows, more, err := page.Cut(func(yield func(*catalog.Kept, error) bool) {
		wanted := true
		for k, err := range catalog.AllKept(v, nil, order) {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if k.Damaged == nil && !which.Matches(k.Repo) {
				continue
			}
			total++
			if c := bytes.Compare(k.Position(), q.after); q.after != nil && (c == 0 || c > 0 == bool(order)) {
				continue
			}
			wanted = wanted && yield(k, nil) // what comes behind the page is counted
		}
	}, q.Bounds)
	if err != nil {
		return found, err
	}
	found = Page[DeletedRepo]{Items: make([]DeletedRepo, len(rows)), TotalCount: total}
	for i, k := range rows {
		if found.Items[i], err = s.deletedRepo(v, k); err != nil {
			return Page[DeletedRepo]{}, err
		}
	}
	if more {
		found.NextPageToken = q.token(rows[len(rows)-1].Position(), more)
	}
	return found, nil
}

// deletedRepo returns what is known of a deleted repository.
func (s *Store) deletedRepo(v storage.View, k *catalog.Kept) (d DeletedRepo, err error) {
	d = DeletedRepo{DeletedAt: k.Deleted, KeptUntil: k.Until, By: k.By}
	if k.Damaged != nil {
		d.Info = Info{ID: publicID(k.ID), Damaged: classify(k.Damaged)}
		return d, nil
	}
	state, damaged := catalog.LoadState(v, k.Repo)
	if damaged != nil && !catalog.IsDamage(damaged) {
		return d, damaged
	}
	if err := s.describe(v, k.Repo, state, &d.Info); err != nil {
		return d, err
	}
	d.DefaultBranch = ""
	if strings.HasPrefix(k.Head.Target, ref.Branches) {
		d.DefaultBranch = ref.Short(ref.Branches, k.Head.Target)
	}
	return d, d.addDamage(damaged)
}

// Undelete brings back a repository that Delete or DeleteExpired deleted, with its ID, refs, logs, people, keys, pull
// requests, watchers, and forks, and returns it. Open pull requests to it follow what their heads became meanwhile, and
// are closed if these are gone, or would show what is private now. While it was deleted, its forks had no parent; what
// Fork says of forks of a deleted repository held for them, and does not any more. An ExpiresAt that is over is none
// any more. Deploy keys that another repository took meanwhile are not its own any more. What has become of users,
// collaborations and teams counts: if the login of the owner was removed, the repository is Options.Owner's, and not
// the next one's who got the login.
//
// Only the host may; others get ErrForbidden. It returns ErrNotFound if no deleted repository has that ID, or it was
// dropped, and ErrExists if another repository of the owner has taken the slug: give that one another with Update, and
// Undelete can go on.
func (s *Store) Undelete(ctx context.Context, id ID) (*Repo, error) {
	return call(ctx, s, "undelete", string(id), func() (*Repo, error) {
		key, err := s.deletedID(id)
		if err != nil {
			return nil, err
		}
		r := &Repo{s: s, id: key}
		for more := true; more; {
			err := s.backend.Update(ctx, s.actor, func(tx *txn.Tx) (err error) {
				more, err = s.undelete(tx, r)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		s.dropWatchers(ctx)
		return r, nil
	})
}

// deletedID returns the ID of a deleted repository, if the actor may have to do with any.
func (s *Store) deletedID(id ID) (storage.ID, error) {
	if !s.actor.IsHost() {
		return storage.ID{}, ErrForbidden
	}
	key, ok := id.storage()
	if !ok {
		return key, invalidf("ID")
	}
	return key, nil
}

// lateAtOnce is how many pull requests change in one transaction at most because of what happened meanwhile.
const lateAtOnce = 200

// undelete brings a repository back. If its pull requests have to change more than one transaction should do, it
// changes some, leaves the repository deleted, and returns true.
func (s *Store) undelete(tx *txn.Tx, r *Repo) (more bool, err error) {
	k, err := catalog.LoadKept(tx, r.id)
	if err != nil {
		return false, err
	}
	is := *k.Repo
	if err := s.inherit(tx, k, &is); err != nil {
		return false, err
	}
	r.name = is.Owner + "/" + is.Slug
	if _, err := k.Restore(tx, &is, s.now()); err != nil {
		return false, fault.About(r.name, err)
	}
	repo, err := tx.Repo(r.id, access.None)
	if err != nil {
		return false, err
	}
	if more, err = s.catchUp(tx, repo); err != nil {
		return false, err
	} else if more {
		return true, repo.Keep(tx, *k)
	}
	if err := repo.Show(k.Head); err != nil {
		return false, err
	}
	state, err := repo.State(tx)
	if err != nil {
		return false, err
	}
	if !state.LanguageIsNew() {
		if err := language.Mark(tx, r.id); err != nil {
			return false, err
		}
	}
	if is.Private { // who could read it may not any more
		if err := people.Doubt(tx, r.id); err != nil {
			return false, err
		}
	}
	s.note(tx, event.RepoCreated, repo.Entry.Repo, event.Undeleted)
	return false, search.Add(tx, searched(repo.Entry.Repo, state.Language))
}

// inherit has a repository be the host's if the login of its owner was removed since it was deleted.
func (s *Store) inherit(tx *txn.Tx, k *catalog.Kept, is *catalog.Repo) error {
	removals, err := people.Removals(tx, k.Owner)
	if err != nil || removals == k.Removals {
		return err
	}
	is.Owner = names.Key(s.opts.Owner)
	return people.Transferred(tx, k.ID, k.Owner, is.Owner)
}

// catchUp has the open pull requests of a repository that comes back do what they would have done meanwhile.
func (s *Store) catchUp(tx *txn.Tx, r *txn.Repo) (more bool, err error) {
	author, err := s.opts.Author.clean(tx.Now)
	if err != nil {
		return false, err
	}
	u := &pull.Unit{Tx: tx, By: s.actor, Name: author.Name, Email: author.Email}
	if more, err = u.CloseHidden(r.ID, r.Private, lateAtOnce); more || err != nil {
		return more, err
	}
	return u.CatchUpAll(r.ID, lateAtOnce)
}

// DropDeleted drops a deleted repository at once and for good, whatever Options.KeepDeleted says, and gives its storage
// back. Only the host may; others get ErrForbidden. It returns ErrNotFound if no deleted repository has that ID.
func (s *Store) DropDeleted(ctx context.Context, id ID) error {
	return do(ctx, s, "drop deleted", string(id), func() error {
		key, err := s.deletedID(id)
		if err != nil {
			return err
		}
		if err := s.drop(ctx, key); err != nil {
			return err
		}
		if err := s.sweep(ctx, overdueAtOnce); err != nil { // the repository is gone; the next deletion goes on
			s.opts.Logger.Warn("records of a deleted repository are left", "repo", id, "err", err)
		}
		return nil
	})
}

// delete deletes a repository, and keeps it for as long as Options.KeepDeleted says.
func (s *Store) delete(tx *txn.Tx, id storage.ID) error {
	repo, err := tx.Repo(id, access.None)
	if err != nil {
		return err
	}
	s.note(tx, event.RepoDeleted, repo.Entry.Repo, "")
	if s.opts.KeepDeleted < 0 {
		if err := s.forget(tx, id); err != nil {
			return err
		}
		last, err := repo.Remove(tx)
		if err != nil {
			return err
		}
		return s.giveBack(tx, repo.Entry.Repo, last)
	}
	k := catalog.Kept{Deleted: tx.Now, Until: tx.Now.Add(s.opts.KeepDeleted), By: s.actor.String()}
	if k.Removals, err = people.Removals(tx, repo.Owner); err != nil {
		return err
	}
	if k.Head, err = repo.Hide(); err != nil {
		return err
	}
	for _, hide := range [...]func(storage.Tx, storage.ID) error{search.Drop, people.Keep} {
		if err := hide(tx, id); err != nil {
			return err
		}
	}
	if err := repo.Keep(tx, k); err != nil {
		return err
	}
	return language.Clean(tx, id)
}

// forget removes what there is about a repository besides the catalog's, or begins to.
func (s *Store) forget(tx *txn.Tx, id storage.ID) error {
	if err := pull.Deleted.Bury(tx, id); err != nil {
		return err
	}
	for _, drop := range [...]func(storage.Tx, storage.ID) error{people.Drop, protect.Drop, search.Drop, stats.Drop,
		event.Drop} {
		if err := drop(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// giveBack gives the storage of a repository back, the last of its pool or not.
func (s *Store) giveBack(tx *txn.Tx, r *catalog.Repo, last bool) error {
	if err := tx.DropRepo(r.ID); err != nil || !last {
		return err
	}
	if err := graph.Dropped.Bury(tx, r.Pool); err != nil {
		return err
	}
	return s.dropPool(tx, r.Pool)
}

// drop drops a deleted repository for good.
func (s *Store) drop(ctx context.Context, id storage.ID) error {
	return s.backend.Update(ctx, s.actor, func(tx *txn.Tx) error {
		k, err := catalog.LoadKept(tx, id)
		if err != nil {
			return err
		}
		if err := s.forget(tx, id); err != nil {
			return err
		}
		last, err := k.Drop(tx)
		if err != nil {
			return err
		}
		return s.giveBack(tx, k.Repo, last)
	})
}

// overdueAtOnce is how many deleted repositories, that were kept long enough, one call drops that is about another one.
const overdueAtOnce = 4

// dropOverdue drops up to limit deleted repositories that were kept long enough, all if it is 0. One that can't be
// dropped keeps no other from being.
func (s *Store) dropOverdue(ctx context.Context, limit int) error {
	now, done := s.now(), 0
	left := map[storage.ID]error{}
	for {
		var ids []storage.ID
		err := s.backend.View(ctx, func(v storage.View) (err error) {
			ids, err = catalog.Overdue(v, now, expiryBatch, func(id storage.ID) bool { return left[id] != nil })
			return err
		})
		if err != nil || len(ids) == 0 {
			return errors.Join(append(slices.Collect(maps.Values(left)), err)...)
		}
		for _, id := range ids {
			if limit > 0 && done+len(left) == limit {
				return errors.Join(slices.Collect(maps.Values(left))...)
			}
			switch err := s.drop(ctx, id); {
			case ctx.Err() != nil, errors.Is(err, storage.ErrClosed), errors.Is(err, storage.ErrReadOnly):
				return err
			case err != nil && !errors.Is(err, storage.ErrNotFound):
				left[id] = fault.About(string(publicID(id)), err)
			default:
				done++
			}
		}
	}
}

// sweepOverdue is sweep if a deleted repository was kept long enough.
func (s *Store) sweepOverdue(ctx context.Context) error {
	due := false
	err := s.backend.View(ctx, func(v storage.View) error {
		ids, err := catalog.Overdue(v, s.now(), 1, func(storage.ID) bool { return false })
		due = len(ids) > 0
		return err
	})
	if err != nil || !due {
		return err
	}
	return s.sweep(ctx, 0)
}

// isThere reports whether there is a repository. One that was deleted and is kept is not.
func isThere(v storage.View, id storage.ID) (bool, error) {
	_, err := catalog.Pool(v, id)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
