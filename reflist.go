package reposit

import (
	"context"
	"fmt"
	"iter"

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
	if err := l.r.s.calls.Enter(ctx); err != nil {
		return Page[T]{}, l.r.fail(l.op, "", err)
	}
	defer l.r.s.calls.Leave()
	page, err := l.page(ctx, o)
	if err != nil {
		return Page[T]{}, l.r.fail(l.op, "", err)
	}
	l.tell(page.Items)
	return page, nil
}

func (l refLister[T]) page(ctx context.Context, o *RefListOptions) (page Page[T], err error) {
	if o == nil {
		o = &RefListOptions{}
	}
	size, skip, err := pageBounds(o.PageSize, o.Page, o.PageToken)
	if err != nil {
		return page, err
	}
	prefix := l.dir + o.Prefix
	query := fmt.Appendf(nil, "refs of %s %q as %q", l.r.id, prefix, l.r.s.actor)
	after := ""
	if o.PageToken != "" {
		position, err := l.r.s.secret.Position(query, o.PageToken)
		if err != nil {
			return page, err
		}
		after = string(position)
	}
	err = l.r.resolve(ctx, func(res *revision.Resolver) error {
		page = Page[T]{}
		for found, err := range res.View.Refs(l.r.id, prefix, "") {
			damaged := isDamagedRef(found, err)
			if err == nil || damaged {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			if damaged || !dangling(res, found) {
				page.TotalCount++
			}
		}
		items, last, err := l.items(ctx, res, prefix, after, skip, size)
		if page.Items = items; last != "" {
			page.NextPageToken = l.r.s.secret.Token(query, []byte(last))
		}
		return err
	})
	return page, err
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

// items returns up to size items of the refs after a name, less skip, and the name of the last if there are more.
func (l refLister[T]) items(ctx context.Context, res *revision.Resolver, prefix, after string, skip,
	size int) ([]T, string, error) {
	items, last := []T{}, ""
	item, err := l.maker(res)
	if err != nil {
		return nil, "", err
	}
	for found, err := range res.View.Refs(l.r.id, prefix, after) {
		var damage error
		if isDamagedRef(found, err) {
			damage, err = err, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, "", err
		}
		if damage == nil && dangling(res, found) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(items) == size {
			return items, last, nil
		}
		var it T
		if damage == nil {
			it, err = item(ctx, found)
			if damage = damageOf(err); err != nil && damage == nil {
				return nil, "", err
			}
		}
		if damage != nil {
			it = l.damaged(found.Name, classify(damage))
		}
		items, last = append(items, it), found.Name
	}
	return items, "", nil
}

// all yields the items of all refs, read in pages.
func (l refLister[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		after := ""
		for {
			items, last, err := l.next(ctx, after)
			if err != nil {
				var none T
				yield(none, l.r.fail(l.op, "", err))
				return
			}
			for _, it := range items {
				if !yield(it, nil) {
					return
				}
			}
			if after = last; after == "" {
				return
			}
		}
	}
}

func (l refLister[T]) next(ctx context.Context, after string) (items []T, last string, err error) {
	if err := l.r.s.calls.Enter(ctx); err != nil {
		return nil, "", err
	}
	defer l.r.s.calls.Leave()
	err = l.r.resolve(ctx, func(res *revision.Resolver) error {
		items, last, err = l.items(ctx, res, l.dir, after, 0, maxPageSize)
		return err
	})
	l.tell(items)
	return items, last, err
}

// tell logs once what is damaged.
func (l refLister[T]) tell(items []T) {
	for _, it := range items {
		name, err := l.damage(it)
		l.r.s.tellDamage(l.r.ID(), name, err)
	}
}
