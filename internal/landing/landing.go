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

	// Check refuses the changes of refs by what there is in the unit of work that makes them; nil: it does not.
	Check func(storage.View) error
}

// Land stores all of it or nothing. It returns storage.ErrNotFound if there is no such repository, or an object that is
// named is missing, ErrQuota, access.ErrForbidden if one of those who change refs may not, and the errors of Check and
// ref.Apply.
func Land(ctx context.Context, b storage.Backend, objects *object.Store, l *Landing) error {
	var facts ancestry.Facts
	for {
		pool, err := l.land(ctx, b, objects, &facts)
		if !errors.Is(err, ancestry.ErrUnanswered) {
			return err
		}
		// Histories are walked outside of the unit of work, where nobody waits. What it then finds to be as it was
		// when it asked, it need not ask again.
		if err := facts.Answer(ctx, l.commits(objects, pool)); err != nil {
			return err
		}
	}
}

// Move changes refs of a repository as Land does, within a unit of work that does other things too. It returns the errors
// of ref.Apply.
func Move(tx storage.Tx, r *catalog.Repo, changes []ref.Change, facts *ancestry.Facts) error {
	if err := ref.Apply(tx, r, changes, facts); err != nil {
		return err
	}
	return catalog.Adjust(tx, r.ID, func(s *catalog.State) { s.Moves++ })
}

// commits returns a reader of the pool's commits and of those that are about to be there.
func (l *Landing) commits(objects *object.Store, pool storage.ID) ancestry.Reader {
	brought := map[git.Hash][]byte{}
	for _, o := range l.Objects {
		if o.Type == storage.Commit {
			brought[o.Hash] = o.Data
		}
	}
	return func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		if raw, ok := brought[h]; ok {
			return git.ParseCommit(raw)
		}
		return objects.Commit(ctx, pool, h)
	}
}

// land makes one attempt, and returns the repository's pool.
func (l *Landing) land(ctx context.Context, b storage.Backend, objects *object.Store, facts *ancestry.Facts) (pool storage.ID, err error) {
	fresh := make([]bool, len(l.Objects))
	err = b.Update(ctx, func(tx storage.Tx) error {
		if err := l.checkAccess(tx); err != nil {
			return err
		}
		r, err := catalog.Load(tx, l.Repo)
		if err != nil {
			return err
		}
		pool = r.Pool
		state, err := catalog.LoadState(tx, r)
		if err != nil {
			return err
		}
		grown := l.Staged
		// That the pool had an object tells what another repository of the network holds. So whoever brings it is told that
		// it is new.
		if r.Networked {
			grown += l.Known
		}
		for _, size := range l.Ahead {
			grown += size
		}
		var known map[storage.Hash]bool // those of Objects that were there
		for i, o := range l.Objects {
			// A base that was there before may itself take any number of deltas.
			if o.Delta != nil && known[o.Delta.Base] {
				o.Delta = nil
			}
			added, err := tx.PutObject(pool, o)
			if err != nil {
				return err
			}
			fresh[i] = added
			if _, counted := l.Ahead[o.Hash]; (added || r.Networked) && !counted {
				grown += o.Size
			}
			if !added {
				if known == nil {
					known = map[storage.Hash]bool{}
				}
				known[o.Hash] = true
			}
		}
		if l.Quota > 0 && grown > 0 && state.Size+grown > l.Quota {
			return ErrQuota
		}
		if err := l.checkNamed(tx, pool); err != nil {
			return err
		}
		if l.Check != nil {
			if err := l.Check(tx); err != nil {
				return err
			}
		}
		if err := ref.Apply(tx, r, l.Refs, facts); err != nil {
			return err
		}
		return catalog.Touch(tx, r, state, l.Now, grown)
	})
	if err != nil {
		return pool, err
	}
	for i, item := range l.Items {
		// Of an object that was there before, it is not known how many deltas it takes.
		if item != nil && fresh[i] {
			objects.Remember(pool, l.Objects[i].Hash, item)
		}
	}
	return pool, nil
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
