// Package landing is the one unit of work by which a repository's objects and refs change, whatever the verb.
package landing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/ancestry"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// ErrQuota says that a repository would hold more bytes than it may.
var ErrQuota = fmt.Errorf("repository is full: %w", storage.ErrTooLarge)

// ErrDryRun ends a unit of work that was only to be tried.
var ErrDryRun = errors.New("dry run")

// A Landing is a set of objects and the ref changes that make them reachable.
type Landing struct {
	Repo    storage.ID
	Objects []storage.Object       // children first
	Items   []*object.Item         // what to remember of Objects, by index; nil ones are not remembered
	Staged  int64                  // bytes of new objects that were stored ahead
	Ahead   map[storage.Hash]int64 // sizes of further ones, which may be among Objects too
	Known   int64                  // bytes of further objects that the pool had before they were stored ahead
	Named   []storage.Hash         // objects that must be there, whole and durable, beside those that Refs name
	Refs    []ref.Change
	Now     time.Time
	Quota   int64 // bytes that the repository may hold; 0: any
	DryRun  bool  // do all of it, to find out whether it can be, and take it back

	// Check refuses the changes of refs by what there is in the unit of work that makes them; nil: it does not.
	Check func(storage.View) error
}

// Land stores all of it or nothing. It returns storage.ErrNotFound if there is no such repository, or an object that is
// named is missing, ErrQuota, access.ErrForbidden if one of those who change refs may not, and the errors of Check and
// ref.Apply.
func Land(ctx context.Context, b storage.Backend, objects *object.Store, l *Landing) error {
	a := attempt{Landing: l, objects: objects, fresh: make([]bool, len(l.Objects))}
	a.unit = ref.Unit{Ctx: ctx, Now: l.Now, Read: a.commit, Facts: &ancestry.Facts{}, Fresh: a.isFresh}
	if err := a.unit.Facts.Update(ctx, b, a.commit, a.land); errors.Is(err, ErrDryRun) {
		return nil
	} else if err != nil {
		return err
	}
	for i, item := range l.Items {
		// Of an object that was there before, it is not known how many deltas it takes.
		if item != nil && a.fresh[i] {
			objects.Remember(a.pool, l.Objects[i].Hash, item)
		}
	}
	return nil
}

// Move changes refs of a repository as Land does, within a unit of work that does other things too. It returns the errors
// of ref.Apply.
func Move(u *ref.Unit, changes []ref.Change) error {
	if err := ref.Apply(u, changes); err != nil {
		return err
	}
	return catalog.Moved(u.Tx, u.Repo.ID)
}

// An attempt is a Landing on its way.
type attempt struct {
	*Landing
	objects *object.Store
	unit    ref.Unit
	pool    storage.ID
	fresh   []bool           // which of Objects were not there before
	commits map[git.Hash]int // those among Objects, as soon as they were needed
}

// commit returns a commit of the pool, or one that is about to be there.
func (a *attempt) commit(ctx context.Context, h git.Hash) (*git.Commit, error) {
	if i, ok := a.brought(h); ok {
		return git.ParseCommit(a.Objects[i].Data)
	}
	return a.objects.Commit(ctx, a.pool, h)
}

// brought returns the index of a commit among Objects.
func (a *attempt) brought(h git.Hash) (int, bool) {
	if a.commits == nil {
		a.commits = map[git.Hash]int{}
		for i := range a.Objects {
			if a.Objects[i].Type == storage.Commit {
				a.commits[a.Objects[i].Hash] = i
			}
		}
	}
	i, ok := a.commits[h]
	return i, ok
}

func (a *attempt) isFresh(h git.Hash) bool {
	i, ok := a.brought(h)
	return ok && a.fresh[i]
}

func (a *attempt) land(tx storage.Tx) error {
	if err := a.checkAccess(tx); err != nil {
		return err
	}
	r, err := catalog.Load(tx, a.Repo)
	if err != nil {
		return err
	}
	a.pool = r.Pool
	state, err := catalog.LoadState(tx, r)
	if err != nil {
		return err
	}
	grown, err := a.put(tx, r)
	if err != nil {
		return err
	}
	if a.Quota > 0 && grown > 0 && state.Size+grown > a.Quota {
		return ErrQuota
	}
	if err := a.checkNamed(tx, r.Pool); err != nil {
		return err
	}
	if a.Check != nil {
		if err := a.Check(tx); err != nil {
			return err
		}
	}
	unit := a.unit
	unit.Tx, unit.Repo, unit.State = tx, r, state
	if err := ref.Apply(&unit, a.Refs); err != nil {
		return err
	}
	if state.OpenPulls > 0 || state.Offered > 0 { // which the changes may have changed
		if state, err = catalog.LoadState(tx, r); err != nil {
			return err
		}
	}
	if err := catalog.Touch(tx, r, state, a.Now, grown); err != nil || !a.DryRun {
		return err
	}
	return ErrDryRun
}

// put stores the objects, and returns by how many bytes the repository grows.
func (a *attempt) put(tx storage.Tx, r *catalog.Repo) (grown int64, err error) {
	grown = a.Staged
	// That the pool had an object tells what another repository of the network holds. So whoever brings it is told that
	// it is new.
	if r.Networked {
		grown += a.Known
	}
	for _, size := range a.Ahead {
		grown += size
	}
	var known map[storage.Hash]bool // those of Objects that were there
	for i, o := range a.Objects {
		// A base that was there before may itself take any number of deltas.
		if o.Delta != nil && known[o.Delta.Base] {
			o.Delta = nil
		}
		if a.fresh[i], err = tx.PutObject(a.pool, o); err != nil {
			return 0, err
		}
		if !a.fresh[i] {
			if known == nil {
				known = map[storage.Hash]bool{}
			}
			known[o.Hash] = true
		}
		if _, counted := a.Ahead[o.Hash]; (a.fresh[i] || r.Networked) && !counted {
			grown += o.Size
		}
	}
	return grown, nil
}

// checkAccess asks whether each of those who change refs may write.
func (l *Landing) checkAccess(v storage.View) error {
	for i := range l.Refs {
		by := l.Refs[i].By
		if by.IsHost() || i > 0 && by == l.Refs[i-1].By {
			continue
		}
		if _, err := by.Check(v, l.Repo, access.Write); err != nil {
			return err
		}
	}
	return nil
}

// checkNamed has the backend make sure of each object that is named. That it could be read before does not tell that
// it is durable, and what a crash left of one may have the right size.
func (l *Landing) checkNamed(tx storage.Tx, pool storage.ID) error {
	check := func(h storage.Hash) error {
		found, err := tx.HasObject(pool, h)
		if err == nil && !found {
			err = fmt.Errorf("object %s: %w", h, storage.ErrNotFound)
		}
		return err
	}
	for _, h := range l.Named {
		if err := check(h); err != nil {
			return err
		}
	}
	last := storage.Hash{} // what a commit's ref names
	if n := len(l.Objects); n > 0 {
		last = l.Objects[n-1].Hash
	}
	for i := range l.Refs {
		if h := l.Refs[i].New; !h.IsZero() && h != last {
			if err := check(h); err != nil {
				return err
			}
		}
	}
	return nil
}
