package gogit

import (
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"github.com/reposit/reposit/internal/git"
)

// Begin starts a transaction: objects that are seen by no other until Commit, which makes all of them visible at
// once. It has no refs.
func (s *Storer) Begin() storer.Transaction {
	return &transaction{s: s, objects: map[git.Hash]*quarantined{}}
}

type transaction struct {
	s       *Storer
	mu      sync.Mutex
	objects map[git.Hash]*quarantined
	order   []*quarantined
}

// SetEncodedObject checks an object, and keeps it in memory.
func (t *transaction) SetEncodedObject(o plumbing.EncodedObject) (h plumbing.Hash, err error) {
	err = t.s.call("set object", "", func() error {
		if _, err := t.s.writable(); err != nil {
			return err
		}
		made, err := t.s.read(o)
		if err != nil {
			return err
		}
		h = plumbing.Hash(made.Hash)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.objects[made.Hash] == nil {
			t.objects[made.Hash] = made
			t.order = append(t.order, made)
		}
		return nil
	})
	return h, err
}

// EncodedObject returns an object of the transaction, or one that was there before.
func (t *transaction) EncodedObject(typ plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	t.mu.Lock()
	o := t.objects[git.Hash(h)]
	t.mu.Unlock()
	if o == nil {
		return t.s.EncodedObject(typ, h)
	}
	if !matches(typ, o.Type) {
		return nil, plumbing.ErrObjectNotFound
	}
	if err := t.s.call("object", h.String(), t.s.readable); err != nil {
		return nil, err
	}
	return newEncoded(o.Hash, o.Type, o.Data), nil
}

// Commit stores the objects, as SetEncodedObject of the Storer would.
func (t *transaction) Commit() error {
	return t.s.call("commit objects", "", func() error {
		t.mu.Lock()
		defer t.mu.Unlock()
		if err := t.s.hold(t.order...); err != nil {
			return err
		}
		clear(t.objects)
		t.order = nil
		return nil
	})
}

// Rollback drops the objects.
func (t *transaction) Rollback() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.objects)
	t.order = nil
	return nil
}
