package gogit

import (
	"bytes"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
)

// IterEncodedObjects returns an iterator over the objects of a type, or of all types with plumbing.AnyObject. It sees
// the objects that are there all the time while it is used, and may see others. It need not be closed.
func (s *Storer) IterEncodedObjects(t plumbing.ObjectType) (storer.EncodedObjectIter, error) {
	it := &iterator{s: s, want: t, size: firstPage}
	err := s.call("objects", t.String(), func() (err error) {
		return s.look(access.Read, func(*scope) error { return nil })
	})
	if err != nil {
		return nil, err
	}
	it.seen = s.quarantine.snapshot()
	for _, h := range sortedKeys(it.seen) {
		if o := it.seen[h]; matches(t, o.Type) {
			it.held = append(it.held, o)
		}
	}
	return it, nil
}

func sortedKeys(m map[git.Hash]*quarantined) []git.Hash {
	keys := make([]git.Hash, 0, len(m))
	for h := range m {
		keys = append(keys, h)
	}
	slices.SortFunc(keys, func(a, b git.Hash) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

const (
	firstPage = 256
	lastPage  = 1 << 16
)

// An iterator yields the objects that are held back, then the stored ones, whose hashes it reads in growing pages.
type iterator struct {
	s    *Storer
	want plumbing.ObjectType
	held []*quarantined
	seen map[git.Hash]*quarantined
	page []git.Hash
	size int
	from git.Hash // where the next page begins
	done bool     // there is none
}

// Next returns io.EOF at the end.
func (it *iterator) Next() (o plumbing.EncodedObject, err error) {
	if len(it.held) > 0 {
		next := it.held[0]
		it.held = it.held[1:]
		if err := it.s.call("objects", it.want.String(), it.s.readable); err != nil {
			return nil, err
		}
		return newEncoded(next.Hash, next.Type, next.Data), nil
	}
	err = it.s.call("objects", it.want.String(), func() error {
		return it.s.look(access.Read, func(g *scope) error {
			o, err = it.next(g)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, io.EOF
	}
	return o, nil
}

// next returns nil at the end.
func (it *iterator) next(g *scope) (plumbing.EncodedObject, error) {
	for {
		if len(it.page) == 0 {
			if it.done {
				return nil, nil
			}
			if err := it.read(g); err != nil {
				return nil, err
			}
			continue
		}
		h := it.page[0]
		it.page = it.page[1:]
		if it.seen[h] != nil {
			continue
		}
		o, err := g.open(it.want, h)
		if err == plumbing.ErrObjectNotFound {
			continue
		}
		return o, err
	}
}

func (it *iterator) read(g *scope) error {
	it.page = make([]git.Hash, 0, it.size)
	for h, err := range it.s.Backend.Objects(it.s.ctx, g.in.Pool, it.from, git.LastHash()) {
		if err != nil {
			return err
		}
		if len(it.page) == it.size {
			it.from = h
			it.size = min(2*it.size, lastPage)
			return nil
		}
		it.page = append(it.page, h)
	}
	it.done = true
	return nil
}

// ForEach calls fn with each object, until it returns an error; storer.ErrStop ends it without one.
func (it *iterator) ForEach(fn func(plumbing.EncodedObject) error) error {
	return storer.ForEachIterator(it, fn)
}

// Close ends the iteration.
func (it *iterator) Close() { it.held, it.page, it.done = nil, nil, true }
