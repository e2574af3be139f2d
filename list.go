package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/names"
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

// A Page is a part of a list.
type Page[T any] struct {
	Items         []T
	NextPageToken string // "" on the last page
	TotalCount    int
}

const (
	defaultPageSize = 30
	maxPageSize     = 100
	maxPage         = 1 << 24 // far beyond what can be counted to
)

// List returns a page of the repositories that the actor may read, but for forks of others on which they decide (see
// Fork). Pages by token cost the same wherever they are: a repository that stays where it is in the order is on one
// page just once, whatever others do meanwhile. A list by one label, or by owner, costs what it returns; several
// labels, or a label and an owner, cost a look at each repository that has the rarest label. A user's page also costs a
// look at each private repository of others that is shared with him. A damaged repository does not keep others from
// being listed, see Info.Damaged. List returns ErrInvalid for a token that another query, or the same of another actor,
// gave out.
func (s *Store) List(ctx context.Context, opts *ListOptions) (Page[Info], error) {
	const op = "list"
	if err := s.calls.Enter(ctx); err != nil {
		return Page[Info]{}, failed(op, "", "", err)
	}
	defer s.calls.Leave()
	q, err := opts.query()
	if err != nil {
		return Page[Info]{}, failed(op, "", "", err)
	}
	page, err := s.list(ctx, q)
	return page, failed(op, "", "", err)
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
	if q.Size, q.Skip, err = pageBounds(o.PageSize, o.Page, o.PageToken); err != nil {
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

// pageBounds returns the size of a page and how many items come before it.
func pageBounds(size, page int, token string) (int, int, error) {
	switch {
	case size < 0 || size > maxPageSize:
		return 0, 0, invalidf("page size: %d is not between 1 and %d", size, maxPageSize)
	case page < 0 || page > maxPage:
		return 0, 0, invalidf("page: %d", page)
	case page > 0 && token != "":
		return 0, 0, invalidf("page: there is a page token too")
	}
	setDefault(&size, defaultPageSize)
	return size, max(page-1, 0) * size, nil
}

// All yields the repositories that List lists, from the page that opts name to the last. It holds nothing while the
// loop body runs.
func (s *Store) All(ctx context.Context, opts *ListOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		var o ListOptions
		if opts != nil {
			o = *opts
		}
		setDefault(&o.PageSize, maxPageSize)
		for {
			page, err := s.List(ctx, &o)
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, info := range page.Items {
				if !yield(info, nil) {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			o.PageToken, o.Page = page.NextPageToken, 0
		}
	}
}
