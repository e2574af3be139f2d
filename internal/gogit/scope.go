package gogit

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fsck"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/storage"
)

// A scope is the repository in a View. Whether an object is this repository's is decided here, for all that this
// package does: it is if the refs lead to it, or, for those who may write, what go-git keeps beside them, or if it came
// in by the same session.
type scope struct {
	*Storer
	view  storage.View
	in    reach.Repo
	moves uint64
}

// look calls fn with a sight of the repository. It returns storage.ErrNotFound if that was deleted, and the errors of
// access, and for more than Read of a store that is read-only, storage.ErrReadOnly.
func (s *Storer) look(need access.Permission, fn func(*scope) error) error {
	if need > access.Read && s.ReadOnly {
		return storage.ErrReadOnly
	}
	return s.Backend.View(s.ctx, func(v storage.View) error {
		pool, err := s.By.Check(v, s.Repo, need)
		if err != nil {
			return err
		}
		g := scope{Storer: s, view: v, in: reach.Repo{View: v, ID: s.Repo, Pool: pool, Records: need >= access.Write,
			Hidden: s.Hidden}}
		if !g.in.Records { // what is not committed yet is for those who may write
			if g.in.Records, err = g.mayWrite(); err != nil {
				return err
			}
		}
		if g.moves, err = catalog.RefVersion(v, s.Repo); err != nil {
			return err
		}
		return fn(&g)
	})
}

// has returns storage.ErrNotFound if an object is not this repository's, whether or not the pool holds it.
func (g *scope) has(h git.Hash) error {
	if g.session.owns(h) || g.session.isNamed(g.moves, h) {
		return nil
	}
	found, err := g.Reach.Has(g.ctx, &g.in, h)
	if err == nil && !found && !g.in.Logs {
		if g.in.Logs, g.in.OldLogs, err = g.seesLogs(); g.in.Logs {
			found, err = g.Reach.Has(g.ctx, &g.in, h)
		}
	}
	if err == nil && !found {
		err = fmt.Errorf("object %s: %w", h, storage.ErrNotFound)
	}
	return err
}

// Has returns storage.ErrNotFound if an object is not this repository's: neither do its refs lead there, nor did it
// come in by this Storer.
func (s *Storer) Has(h git.Hash) error {
	return s.look(access.Write, func(g *scope) error { return g.has(h) })
}

// seesLogs reports whether the actor may know what refs held since they were made, and what deleted ones did.
func (g *scope) seesLogs() (logs, old bool, err error) {
	p, err := g.By.Permission(g.view, g.Repo)
	return p >= access.Write, p >= access.Admin, err
}

// mayWrite reports whether the actor may write.
func (g *scope) mayWrite() (bool, error) {
	_, err := g.By.Check(g.view, g.Repo, access.Write)
	if errors.Is(err, access.ErrForbidden) {
		return false, nil
	}
	return err == nil, err
}

// knows reports whether it is known already that an object is this repository's.
func (g *scope) knows(h git.Hash) (bool, error) {
	if g.session.owns(h) || g.session.isNamed(g.moves, h) {
		return true, nil
	}
	return g.Reach.Known(&g.in, h)
}

// stat returns the type and size of a stored object of this repository.
func (g *scope) stat(h git.Hash) (storage.Type, int64, error) {
	if err := g.has(h); err != nil {
		return 0, 0, err
	}
	return g.Objects.Stat(g.ctx, g.in.Pool, h)
}

// checkStored returns a *missingError if an object is not stored, or of another type.
func (g *scope) checkStored(l fsck.Link) error {
	t, _, err := g.stat(l.Hash)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return missing("%s %s is missing", l.Type, l.Hash)
	case err != nil:
		return err
	case t != l.Type:
		return missing("object %s is a %s, not a %s", l.Hash, t, l.Type)
	}
	return nil
}

// handedOut notes that a caller was given an object, and so may have what it names: the refs lead there too. Of what
// came in by the session, they need not.
func (g *scope) handedOut(h git.Hash, item *object.Item) error {
	if item.Type == storage.Blob || g.session.owns(h) {
		return nil
	}
	if settled, err := g.Reach.Settled(&g.in); settled || err != nil {
		return err
	}
	var named []fsck.Link
	err := fsck.Links(item.Type, item, item.Data, func(l fsck.Link) error {
		named = append(named, l)
		return nil
	})
	if err == nil {
		g.session.name(g.moves, named)
	}
	return nil
}

// excused reports whether a commit at which a shallow history ends may lack a parent. The parent must be nowhere, not
// even where this repository does not see it, and nobody else may be able to bring it: or else it would be had by
// naming it.
func (g *scope) excused(parent git.Hash) (bool, error) {
	r, err := catalog.Load(g.view, g.Repo)
	if err != nil || r.Networked {
		return false, err
	}
	_, _, err = g.Objects.Stat(g.ctx, g.in.Pool, parent)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return false, err
}
