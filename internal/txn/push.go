package txn

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// A Push is objects, and changes of refs that make them reachable.
type Push struct {
	Objects []storage.Object       // children first
	Items   []*object.Item         // what to remember of Objects, by index; nil ones are not remembered
	Ahead   map[storage.Hash]int64 // sizes of new ones that were stored ahead, which may be among Objects too
	Again   map[storage.Hash]int64 // of all that was stored ahead: where the pool is shared, what it had counts too
	Named   []storage.Hash         // objects that must be there, whole and durable, beside those that Refs name
	Refs    []ref.Change
	Now     time.Time
	Quota   int64 // bytes that the repository may hold; 0: any
	DryRun  bool  // see Tx.DryRun

	// Check refuses the changes of refs by what there is in the transaction that makes them; nil: it does not.
	Check func(storage.View) error
}

// Push runs a transaction that does nothing but a Push, on behalf of those who change its refs.
func (e *Engine) Push(ctx context.Context, repo storage.ID, p *Push) error {
	by := access.Host()
	if len(p.Refs) > 0 {
		by = p.Refs[0].By
	}
	return e.Update(ctx, by, func(tx *Tx) error {
		tx.DryRun = p.DryRun
		return tx.Push(repo, p)
	})
}

// Push stores the objects and makes the changes, in order. It returns storage.ErrNotFound if there is no such
// repository, or an object that is named is missing, ErrQuota, access.ErrForbidden if one of those who change refs may
// not write, and the errors of Check and SetRef.
func (t *Tx) Push(repo storage.ID, p *Push) error {
	r, err := t.repo(repo)
	if err != nil {
		return err
	}
	if err := r.checkWriters(p.Refs); err != nil {
		return err
	}
	grown, err := r.putAll(p)
	if err != nil {
		return err
	}
	if over, err := r.growBy(grown, p.Quota); err != nil {
		return err
	} else if over != nil {
		return over
	}
	s, err := r.State(t.Tx)
	if err != nil {
		return err
	}
	if err := r.checkNamed(p); err != nil {
		return err
	}
	if p.Check != nil {
		if err := p.Check(t.Tx); err != nil {
			return err
		}
	}
	for i := range p.Refs {
		if err := r.SetRef(&p.Refs[i]); err != nil {
			return err
		}
	}
	s.Updated, s.Pushed = p.Now, p.Now
	r.Moved()
	return nil
}

// checkWriters asks whether each of those who change refs may write.
func (r *Repo) checkWriters(changes []ref.Change) error {
	for i := range changes {
		by := changes[i].By
		if i > 0 && by == changes[i-1].By {
			continue
		}
		if err := r.Check(by, access.Write); err != nil {
			return err
		}
	}
	return nil
}

// putAll stores the objects of a Push, and returns by how many bytes the repository grows.
func (r *Repo) putAll(p *Push) (grown int64, err error) {
	for _, size := range p.Ahead {
		grown += size
	}
	var again map[storage.Hash]int64
	if r.counts(false) {
		again = p.Again
	}
	for h, size := range again {
		if _, counted := p.Ahead[h]; !counted {
			grown += size
		}
	}
	r.tx.objects = slices.Grow(r.tx.objects, len(p.Objects))
	var known map[storage.Hash]bool // those of the objects that were there
	for i, o := range p.Objects {
		// A base that was there before may itself take any number of deltas.
		if o.Delta != nil && known[o.Delta.Base] {
			o.Delta = nil
		}
		var item *object.Item
		if i < len(p.Items) {
			item = p.Items[i]
		}
		added, err := r.put(o, item)
		if err != nil {
			return 0, err
		}
		if !added {
			if known == nil {
				known = map[storage.Hash]bool{}
			}
			known[o.Hash] = true
		}
		_, isAhead := p.Ahead[o.Hash]
		if _, isAgain := again[o.Hash]; r.counts(added) && !isAhead && !isAgain {
			grown += o.Size
		}
	}
	return grown, nil
}

// checkNamed has the backend make sure of each object that is named. That it could be read before does not tell that
// it is durable, and what a crash left of one may have the right size.
func (r *Repo) checkNamed(p *Push) error {
	check := func(h storage.Hash) error {
		found, err := r.tx.Tx.HasObject(r.Pool, h)
		if err == nil && !found {
			err = fmt.Errorf("object %s: %w", h, storage.ErrNotFound)
		}
		return err
	}
	for _, h := range p.Named {
		if err := check(h); err != nil {
			return err
		}
	}
	last := storage.Hash{} // what a commit's ref names
	if n := len(p.Objects); n > 0 {
		last = p.Objects[n-1].Hash
	}
	for i := range p.Refs {
		if h := p.Refs[i].New; !h.IsZero() && h != last {
			if err := check(h); err != nil {
				return err
			}
		}
	}
	return nil
}
