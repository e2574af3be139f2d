package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// blame finds out which refs lead to what is damaged, and notes that. Everything that refs lead to is read once more,
// and each object remembers what lies below it: of 63 damaged objects which, and of all others that there is one.
func (p *poolScan) blame(ctx context.Context) error {
	damaged := slices.SortedFunc(maps.Keys(p.bad), func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	w := &tracer{poolScan: p, below: make([]uint64, len(p.hashes)), done: make([]bool, len(p.hashes)),
		bits: map[storage.Hash]uint64{}}
	for i, h := range damaged {
		w.bits[h] = 1 << min(i, 63)
	}
	found := make([]Finding, len(damaged))
	for i, h := range damaged {
		found[i] = Finding{Noun: Object, Pool: p.pool, What: h.String(), Means: p.bad[h]}
	}
	alive := false
	err := p.backend.View(ctx, func(v storage.View) error {
		for _, id := range p.members {
			pool, err := catalog.Pool(v, id)
			if errors.Is(err, storage.ErrNotFound) || err == nil && pool != p.pool {
				continue // it was deleted meanwhile
			}
			alive = true
			var roots []namedHash
			if err := p.readRefs(v, id, false, func(name string, h storage.Hash) {
				roots = append(roots, namedHash{name, h})
			}); err != nil {
				return err
			}
			var all uint64
			names := map[int]string{}
			for _, root := range roots {
				mask, err := w.trace(ctx, root.hash)
				if err != nil {
					return err
				}
				for i := range 64 {
					if mask&^all&(1<<i) != 0 {
						names[i] = root.name
					}
				}
				all |= mask
			}
			touch(found, all, id, names)
		}
		return nil
	})
	if err != nil || !alive {
		return err
	}
	for i, h := range damaged {
		f := &found[i]
		if len(f.Repos) > 0 {
			f.Repo = f.Repos[0]
		} else if f.Means == storage.ErrNotFound.Error() {
			continue // rests of what never became whole; nothing leads there
		} else {
			f.Means += "; no ref leads to it"
		}
		if again := p.stillBad(ctx, h); again != nil {
			return again
		} else if p.bad[h] != "" {
			p.note(*f)
		}
	}
	if p.uncounted > 0 {
		p.note(Finding{Noun: Pool, Pool: p.pool, What: p.pool.String(), Repos: p.members[:min(len(p.members), maxTouched)],
			Means: fmt.Sprintf("%d more of its objects are damaged or missing", p.uncounted)})
	}
	return nil
}

// stillBad forgets an object that can be read by now.
func (p *poolScan) stillBad(ctx context.Context, h storage.Hash) error {
	_, _, err := p.read(ctx, h)
	switch {
	case err == nil:
		delete(p.bad, h)
		return nil
	case catalog.IsDamage(err), errors.Is(err, storage.ErrNotFound):
		return nil
	}
	return err
}

// touch notes that a repository misses what a mask says.
func touch(found []Finding, mask uint64, id storage.ID, names map[int]string) {
	for i := range found {
		bit := min(i, 63)
		f := &found[i]
		if mask&(1<<bit) == 0 || len(f.Repos) >= maxTouched {
			continue
		}
		if len(f.Repos) == 0 {
			if f.Means = names[bit] + " leads to it: " + f.Means; bit == 63 {
				f.Means = names[bit] + " leads to it, or to another one that is damaged: " + f.Means
			}
		}
		f.Repos = append(f.Repos, id)
	}
}

type namedHash struct {
	name string
	hash storage.Hash
}

// A tracer finds out what is damaged below objects.
type tracer struct {
	*poolScan
	below []uint64 // by the place of an object
	done  []bool
	bits  map[storage.Hash]uint64
}

// A frame is an object on the way down.
type frame struct {
	at       int
	children []storage.Hash
}

// trace returns which damaged objects a hash leads to.
func (w *tracer) trace(ctx context.Context, root storage.Hash) (uint64, error) {
	at, ok := w.find(root)
	if !ok {
		return w.bits[root], nil
	}
	if w.done[at] {
		return w.below[at], nil
	}
	first, err := w.enter(ctx, at)
	if err != nil {
		return 0, err
	}
	for stack := []frame{first}; len(stack) > 0; {
		top := &stack[len(stack)-1]
		if len(top.children) == 0 {
			mask := w.below[top.at]
			if stack = stack[:len(stack)-1]; len(stack) > 0 {
				w.below[stack[len(stack)-1].at] |= mask
			}
			continue
		}
		child := top.children[0]
		top.children = top.children[1:]
		at, ok := w.find(child)
		switch {
		case !ok:
			w.below[top.at] |= w.bits[child]
		case w.done[at]:
			w.below[top.at] |= w.below[at]
		default:
			f, err := w.enter(ctx, at)
			if err != nil {
				return 0, err
			}
			stack = append(stack, f)
		}
	}
	return w.below[at], nil
}

// enter begins with an object.
func (w *tracer) enter(ctx context.Context, at int) (frame, error) {
	h := w.hashes[at]
	w.done[at] = true
	w.below[at] = w.bits[h]
	below, _, err := w.read(ctx, h)
	if err != nil && !catalog.IsDamage(err) && !errors.Is(err, storage.ErrNotFound) {
		return frame{}, err
	}
	return frame{at, below}, nil
}
