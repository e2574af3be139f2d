package reposit

import (
	"context"
	"iter"

	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// RefListOptions say which branches or tags are listed, and which page of them.
type RefListOptions struct {
	Prefix         string // of the short name
	PageSize, Page int    // default 30, at most 100; Page is 1-based, instead of PageToken
	PageToken      string // from the page before
}

// A refLister lists the refs under a directory, with the items that are made of them.
type refLister[T any] struct {
	r       *Repo
	op, dir string
	maker   func(*revision.Resolver) (itemMaker[T], error)
	damaged func(name string, err error) T        // the item of a damaged ref
	damage  func(item T) (name string, err error) // what is damaged of an item
}

// An itemMaker makes items of refs of one snapshot.
type itemMaker[T any] func(context.Context, storage.Ref) (T, error)

// list returns a page of the refs, and how many there are in all.
func (l refLister[T]) list(ctx context.Context, o *RefListOptions) (Page[T], error) {
	return call(ctx, l.r, l.op, "", func() (Page[T], error) {
		found, err := l.page(ctx, o)
		l.tell(found.Items)
		return found, err
	})
}

func (l refLister[T]) page(ctx context.Context, o *RefListOptions) (found Page[T], err error) {
	if o == nil {
		o = &RefListOptions{}
	}
	prefix := l.dir + o.Prefix
	q, err := l.r.s.page(o.PageSize, o.Page, o.PageToken, "refs of %s %q as %q", l.r.id, prefix, l.r.s.actor)
	if err != nil {
		return found, err
	}
	err = l.r.resolve(ctx, func(res *revision.Resolver) error {
		found = Page[T]{}
		for _, err := range l.rows(ctx, res, prefix, "") {
			if err != nil {
				return err
			}
			found.TotalCount++
		}
		items, last, err := l.items(ctx, res, prefix, string(q.after), q.Bounds)
		found.Items, found.NextPageToken = items, q.token([]byte(last), last != "")
		return err
	})
	return found, err
}

// dangling reports whether a ref is symbolic and leads to none that exists: it is no branch or tag then. One that leads
// to damage is.
func dangling(res *revision.Resolver, r storage.Ref) bool {
	if r.Target == "" {
		return false
	}
	end, err := ref.Follow(res.View, res.Repo, r.Name)
	if err != nil {
		return !isDamagedRef(end, err)
	}
	return end.Hash.IsZero()
}

// A refRow is a ref under a directory, or what is known of a damaged one.
type refRow struct {
	storage.Ref
	damage error
}

// rows yields the refs after a name that are branches or tags.
func (l refLister[T]) rows(ctx context.Context, res *revision.Resolver, prefix,
	after string) iter.Seq2[refRow, error] {
	return func(yield func(refRow, error) bool) {
		for found, err := range res.View.Refs(l.r.id, prefix, after) {
			row := refRow{Ref: found}
			if isDamagedRef(found, err) {
				row.damage, err = err, nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && row.damage == nil && dangling(res, found) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// items returns the items of a page of the refs after a name, and the name of the last if there are more.
func (l refLister[T]) items(ctx context.Context, res *revision.Resolver, prefix, after string,
	b page.Bounds) (items []T, last string, err error) {
	item, err := l.maker(res)
	if err != nil {
		return nil, "", err
	}
	rows, more, err := page.Cut(l.rows(ctx, res, prefix, after), b)
	if err != nil {
		return nil, "", err
	}
	items = make([]T, len(rows))
	for i, row := range rows {
		damage := row.damage
		if damage == nil {
			items[i], err = item(ctx, row.Ref)
			if damage = damageOf(err); err != nil && damage == nil {
				return nil, "", err
			}
		}
		if damage != nil {
			items[i] = l.damaged(row.Name, classify(damage))
		}
	}
	if more {
		last = rows[len(rows)-1].Name
	}
	return items, last, nil
}

// all yields the items of all refs, read in pages.
func (l refLister[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return page.All("", func(after string) (items []T, last string, more bool, err error) {
		err = do(ctx, l.r, l.op, "", func() error {
			return l.r.resolve(ctx, func(res *revision.Resolver) error {
				items, last, err = l.items(ctx, res, l.dir, after, page.Bounds{Size: page.MaxSize})
				return err
			})
		})
		l.tell(items)
		return items, last, last != "", err
	})
}

// tell logs once what is damaged.
func (l refLister[T]) tell(items []T) {
	for _, it := range items {
		name, err := l.damage(it)
		l.r.s.tellDamage(l.r.ID(), name, err)
	}
}
