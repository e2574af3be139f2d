package treeedit

import (
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// ErrTooDeep says that a path below a directory would be over a limit.
var ErrTooDeep = fmt.Errorf("a path below it is over the limits: %w", storage.ErrTooLarge)

// Fits returns ErrTooDeep if what is below the directory at from would, under the path to, have a path of more than
// length bytes or depth directories. It looks at the trees below only if the new path takes more than the old one.
func (t *Tree) Fits(ctx context.Context, from, to string, length, depth int) error {
	if len(to) <= len(from) && strings.Count(to, "/") <= strings.Count(from, "/") {
		return nil
	}
	e, sub, ok, err := t.lookup(ctx, from)
	if err != nil || !ok || !e.IsDir() {
		return err
	}
	f := fitting{t: t, ctx: ctx, passed: map[git.Hash]budget{}}
	return f.check(sub, e.Hash, budget{length - len(to) - 1, depth - strings.Count(to, "/") - 1})
}

// A budget is what paths below a directory may take.
type budget struct{ length, depth int }

type fitting struct {
	t      *Tree
	ctx    context.Context
	passed map[git.Hash]budget // the least that each tree was found to fit into
}

func (f *fitting) check(d *directory, h git.Hash, left budget) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if left.depth < 0 {
		return ErrTooDeep
	}
	if d == nil {
		if p, ok := f.passed[h]; ok && p.length <= left.length && p.depth <= left.depth {
			return nil
		}
		d = &directory{}
		if err := f.t.load(f.ctx, d, h); err != nil {
			return err
		}
		f.passed[h] = left
	}
	for name, c := range d.changed {
		if c.entry.Mode != 0 {
			if err := f.entry(c.dir, name, c.entry, left); err != nil {
				return err
			}
		}
	}
	if d.base == nil {
		return nil
	}
	for i := range d.base.Tree.Len() {
		e := d.base.Tree.Entry(i)
		if _, changed := d.changed[e.Name]; changed {
			continue
		}
		if err := f.entry(nil, e.Name, e, left); err != nil {
			return err
		}
	}
	return nil
}

func (f *fitting) entry(sub *directory, name string, e git.Entry, left budget) error {
	if len(name) > left.length {
		return ErrTooDeep
	}
	if !e.IsDir() {
		return nil
	}
	return f.check(sub, e.Hash, budget{left.length - len(name) - 1, left.depth - 1})
}
