package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/storage"
)

// Sort is what a list of repositories is ordered by. Repositories that are equal in it are in the order of their IDs.
type Sort int

const (
	SortCreated Sort = iota
	SortUpdated
	SortPushed // those never pushed to are the earliest
	SortName   // by owner, then slug
)

// Direction is the direction of a list.
type Direction int

const (
	DefaultDirection Direction = iota // Ascending for SortName, Descending for the times
	Ascending
	Descending
)

// ListOptions say which repositories are listed, in which order, and which page of them.
type ListOptions struct {
	Owner     string            // "" lists every owner
	Labels    map[string]string // all must match
	Sort      Sort              // SortCreated (default), SortUpdated, SortPushed, SortName
	Direction Direction         // default: Ascending for SortName, Descending for the times
	PageSize  int               // default 30, at most 100; more is ErrInvalid
	PageToken string            // from the page before; holds while repositories come and go
	Page      int               // 1-based, instead of PageToken; costs a step for each repository before it
}

// List returns a page of the repositories that the actor may read, but for forks of others on which they decide (see
// Fork). Pages by token cost the same wherever they are: a repository that stays where it is in the order is on one
// page just once, whatever others do meanwhile. A list by one label, or by owner, costs what it returns; several
// labels, or a label and an owner, cost a look at each repository that has the rarest label. A user's page also costs a
// look at each private repository of others that is shared with them. A damaged repository does not keep others from
// being listed, see Info.Damaged. List returns ErrInvalid for a token that another query, or the same of another actor,
// gave out.
func (s *Store) List(ctx context.Context, opts *ListOptions) (Page[Info], error) {
	return call(ctx, s, "list", "", func() (Page[Info], error) {
		q, err := opts.query()
		if err != nil {
			return Page[Info]{}, err
		}
		return s.list(ctx, q)
	})
}

func (s *Store) list(ctx context.Context, q *catalog.Query) (page Page[Info], err error) {
	err = s.backend.View(ctx, func(v storage.View) error {
		page, err = s.listIn(ctx, v, q)
		return err
	})
	if err != nil {
		return Page[Info]{}, err
	}
	s.tellDamaged(page.Items)
	return page, nil
}

// listIn returns a page of what the actor may read.
func (s *Store) listIn(ctx context.Context, v storage.View, q *catalog.Query) (page Page[Info], err error) {
	if q.Viewer, err = s.actor.Viewer(v); err != nil {
		return page, err
	}
	return s.listSeen(ctx, v, q)
}

// listSeen returns a page of what the query's viewer comes across.
func (s *Store) listSeen(ctx context.Context, v storage.View, q *catalog.Query) (page Page[Info], err error) {
	q.Secret = &s.secret
	found, next, total, err := catalog.List(ctx, v, q)
	if err != nil {
		return page, err
	}
	page = Page[Info]{Items: make([]Info, len(found)), NextPageToken: next, TotalCount: total}
	for i, f := range found {
		if f.Damaged != nil && f.Pool.IsZero() { // the record itself: what it says of the repository is not known
			page.Items[i] = Info{ID: publicID(f.Repo.ID), Owner: f.Owner, Slug: f.Slug, Damaged: classify(f.Damaged)}
			continue
		}
		if err := s.describe(v, f.Repo, f.State, &page.Items[i]); err != nil {
			return Page[Info]{}, err
		}
		if f.Damaged != nil {
			page.Items[i].Damaged = classify(f.Damaged)
		}
	}
	return page, nil
}

func (o *ListOptions) query() (*catalog.Query, error) {
	if o == nil {
		o = &ListOptions{}
	}
	q := &catalog.Query{Owner: names.Key(o.Owner), Labels: o.Labels, Token: o.PageToken}
	var err error
	if q.Bounds, err = pageBounds(o.PageSize, o.Page, o.PageToken); err != nil {
		return nil, err
	}
	switch o.Sort {
	case SortCreated:
		q.Sort = catalog.ByCreated
	case SortUpdated:
		q.Sort = catalog.ByUpdated
	case SortPushed:
		q.Sort = catalog.ByPushed
	case SortName:
		q.Sort = catalog.ByName
	default:
		return nil, invalidf("sort: %d", o.Sort)
	}
	switch o.Direction {
	case DefaultDirection:
		q.Descending = o.Sort != SortName
	case Ascending, Descending:
		q.Descending = o.Direction == Descending
	default:
		return nil, invalidf("direction: %d", o.Direction)
	}
	return q, nil
}

// All yields the repositories that List lists, from the page that opts name to the last. It holds nothing while the
// loop body runs.
func (s *Store) All(ctx context.Context, opts *ListOptions) iter.Seq2[Info, error] {
	var first ListOptions
	if opts != nil {
		first = *opts
	}
	setDefault(&first.PageSize, page.MaxSize)
	return page.All(first, func(o ListOptions) ([]Info, ListOptions, bool, error) {
		found, err := s.List(ctx, &o)
		o.PageToken, o.Page = found.NextPageToken, 0
		return found.Items, o, o.PageToken != "", err
	})
}
