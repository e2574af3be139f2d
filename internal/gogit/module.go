package gogit

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	gogitstorage "github.com/go-git/go-git/v5/storage"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

const maxModule = 255 // bytes of a submodule's name

// Module returns the Storer of a submodule, the same at every call. It has its own refs, index, configuration and
// list of shallow commits, and shares the objects of the repository. Its refs are no refs of the repository: they
// have no logs, its HEAD may name a commit, as go-git makes it, and only actors who may write see them.
func (s *Storer) Module(name string) (gogitstorage.Storer, error) {
	var m *Storer
	err := s.call("module", name, func() error {
		space := fmt.Sprintf("%smodule/%x/", s.space, name)
		if name == "" || len(name) > maxModule || len(space) > 3*maxModule {
			return fmt.Errorf("%w: name of a submodule is empty or too long", git.ErrMalformed)
		}
		if err := s.readable(); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if m = s.modules[name]; m != nil {
			return nil
		}
		m = &Storer{Host: s.Host, ctx: s.ctx, space: space, session: s.session}
		m.refs = moduleRefs{m}
		if s.modules == nil {
			s.modules = map[string]*Storer{}
		}
		s.modules[name] = m
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// moduleRefs are the refs of a submodule. A value is a byte that says which, and the hash or the name that the ref
// holds.
type moduleRefs struct{ *Storer }

const (
	refHash   = 1
	refTarget = 2
)

func (t moduleRefs) refKey(name string) []byte { return t.key("ref/" + name) }

func (t moduleRefs) leavesOut(storage.Ref) (bool, error) { return false, nil }

func (t moduleRefs) check(r storage.Ref) error {
	if err := names.CheckRef(r.Name); err != nil || r.Target == "" {
		return err
	}
	return names.CheckRef(r.Target)
}

func (t moduleRefs) get(v storage.View, name string) (storage.Ref, error) {
	if len(name) > names.MaxRef {
		return storage.Ref{}, storage.ErrNotFound
	}
	switch shown, err := t.shown(v); {
	case err != nil:
		return storage.Ref{}, err
	case !shown:
		return storage.Ref{}, storage.ErrNotFound
	}
	b, err := v.Record(t.refKey(name))
	if err != nil {
		return storage.Ref{}, err
	}
	return decodeRef(name, b)
}

// shown reports whether there are refs to the actor: they are nobody's business but that of actors who may write.
func (t moduleRefs) shown(v storage.View) (bool, error) {
	_, err := t.By.Check(v, t.Repo, access.Write)
	if errors.Is(err, access.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

func decodeRef(name string, b []byte) (storage.Ref, error) {
	switch {
	case len(b) == 1+len(git.Hash{}) && b[0] == refHash:
		return storage.Ref{Name: name, Hash: git.Hash(b[1:])}, nil
	case len(b) > 1 && b[0] == refTarget:
		return storage.Ref{Name: name, Target: string(b[1:])}, nil
	}
	return storage.Ref{}, fmt.Errorf("%w: ref %q of a submodule", storage.ErrCorrupt, name)
}

func (t moduleRefs) all(v storage.View) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		if shown, err := t.shown(v); !shown {
			if err != nil {
				yield(storage.Ref{}, err)
			}
			return
		}
		lo, hi := t.refKey(""), t.key("ref0") // "0" follows "/"
		for r, err := range v.Records(lo, hi, storage.Ascending) {
			var found storage.Ref
			if err == nil {
				found, err = decodeRef(string(bytes.TrimPrefix(r.Key, lo)), r.Value)
			}
			if !yield(found, err) || err != nil {
				return
			}
		}
	}
}

func (t moduleRefs) replaces(storage.Ref, storage.Ref) error { return nil }

func (t moduleRefs) removes(storage.View, storage.Ref) error { return nil }

func (t moduleRefs) set(c ref.Change, allow func(storage.View) error, objects []*quarantined) error {
	if len(objects) > 0 {
		pool, err := t.writable()
		if err != nil {
			return err
		}
		if err := t.stage(pool, objects); err != nil {
			return err
		}
	}
	return t.update(func(tx *txn.Tx, r *txn.Repo) error {
		if err := allow(tx); err != nil {
			return err
		}
		r.Moved()
		key := t.refKey(c.Name)
		switch {
		case c.Target != "":
			return tx.PutRecord(key, append([]byte{refTarget}, c.Target...))
		case c.New.IsZero():
			return tx.DeleteRecord(key)
		}
		return tx.PutRecord(key, append([]byte{refHash}, c.New[:]...))
	})
}
