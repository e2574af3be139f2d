package protect

import (
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Guard holds the rules of one repository in one transaction.
type Guard struct {
	repo  *txn.Repo
	rules Rules // as soon as they were needed
}

// NewGuard returns the guard of a repository.
func NewGuard(r *txn.Repo) txn.Guard { return &Guard{repo: r} }

// Check refuses a change of a protected branch by its rule, with ErrRefused. Of the merge of a pull request it asks
// only what is asked of all changes.
func (g *Guard) Check(c *ref.Change, now storage.Ref) error {
	switch {
	case c.Name == ref.Head && c.Target != "":
		return g.mayLead(c, now)
	case !g.repo.Protected:
		return nil
	case c.Target != "":
		return g.mayPoint(c, now)
	case c.New.IsZero():
		return g.mayRemove(c, now)
	}
	return g.mayMove(c, now)
}

// After has the rule of a branch follow it to its new name.
func (g *Guard) After(c *ref.Change, before storage.Ref) error {
	if c.Renamed == "" || before.Target != "" || !g.repo.Protected {
		return nil
	}
	g.rules = nil
	from, to := strings.TrimPrefix(c.Name, ref.Branches), strings.TrimPrefix(c.Renamed, ref.Branches)
	return Rename(g.repo.Tx(), g.repo.ID, from, to)
}

// rule returns the rule that applies to a ref, or nil.
func (g *Guard) rule(name string) (*Rule, error) {
	branch, ok := strings.CutPrefix(name, ref.Branches)
	if !ok {
		return nil, nil
	}
	if g.rules == nil {
		var err error
		if g.rules, err = Load(g.repo.Tx(), g.repo.ID); err != nil {
			return nil, err
		}
	}
	return g.rules.For(branch), nil
}

// Binding returns the rule that applies to a ref of a repository and to the actor who changes it, or nil.
func Binding(r *txn.Repo, name string, by access.Actor) (*Rule, error) {
	if !r.Protected {
		return nil, nil
	}
	g := Guard{repo: r}
	return g.binding(&ref.Change{By: by}, name)
}

// binding returns the rule that applies to a ref and to who changes it, or nil.
func (g *Guard) binding(c *ref.Change, name string) (*Rule, error) {
	r, err := g.rule(name)
	if err != nil || r == nil || !r.BypassAdmins {
		return r, err
	}
	isAdmin, err := g.isAdmin(c)
	if err != nil || isAdmin {
		return nil, err
	}
	return r, nil
}

func (g *Guard) isAdmin(c *ref.Change) (bool, error) {
	p, err := g.repo.Permission(c.By)
	return p == access.Admin, err
}

// mayMove asks whether the change may give a new hash to the ref now, to which the change's name leads. The rules of
// all names on the way apply.
func (g *Guard) mayMove(c *ref.Change, now storage.Ref) error {
	for name := c.Name; ; {
		if err := g.mayMoveAs(c, name, now.Hash); err != nil || name == now.Name {
			return err
		}
		r, err := g.repo.Tx().Ref(g.repo.ID, name)
		if err != nil {
			return err
		}
		name = r.Target
	}
}

func (g *Guard) mayMoveAs(c *ref.Change, name string, old storage.Hash) error {
	r, err := g.binding(c, name)
	if err != nil || r == nil {
		return err
	}
	if g.repo.Damaged(name) && (r.PullsOnly() || !r.AllowForcePush) {
		// It may have held anything, so whatever takes its place may be no fast-forward, and bring what no pull request did.
		if isAdmin, err := g.isAdmin(c); err != nil || isAdmin {
			return err
		}
		return r.Refuse("it is damaged, and only admins may mend it")
	}
	onTop := c.OnTop
	if old.IsZero() {
		old, onTop = g.repo.Deleted(name), false
	}
	switch {
	case old.IsZero(), old == c.New:
		return nil
	case r.PullsOnly() && c.Merge == nil:
		return r.Refuse("changes must come by a pull request")
	}
	if r.AllowForcePush || onTop {
		return nil
	}
	if on, known := g.repo.IsAncestor(old, c.New); known && !on {
		return r.Refuse("it can only be fast-forwarded")
	}
	return nil
}

// mayRemove asks whether the change may delete the ref now.
func (g *Guard) mayRemove(c *ref.Change, now storage.Ref) error {
	if err := g.mayTakeAlong(c); err != nil {
		return err
	}
	return g.along(c, now, func(r *Rule) error {
		if r.AllowDeletion {
			return nil
		}
		return r.Refuse("it can't be deleted")
	})
}

// along calls fn with the rules that bind a change of the ref now itself: of its own name, and if it is symbolic, of
// all that it leads to, since it stands for these.
func (g *Guard) along(c *ref.Change, now storage.Ref, fn func(*Rule) error) error {
	name, next := c.Name, now.Target
	for range ref.MaxSymbolic + 1 {
		if r, err := g.binding(c, name); err != nil {
			return err
		} else if r != nil {
			if err := fn(r); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		name = next
		at, err := g.repo.Tx().Ref(g.repo.ID, name)
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		next = at.Target
	}
	return nil // too far to be followed
}

// mayTakeAlong asks whether the change may give another name to a branch that a rule names, which then is the rule of
// that name, whatever pattern protected it before, and no more of the old one: that changes what is protected.
func (g *Guard) mayTakeAlong(c *ref.Change) error {
	if c.Renamed == "" {
		return nil
	}
	r, err := g.rule(c.Name)
	if err != nil || r == nil || !r.IsExact() {
		return err
	}
	isAdmin, err := g.isAdmin(c)
	if err != nil || isAdmin {
		return err
	}
	return r.Refuse("only admins may rename a branch that a rule names")
}

// mayPoint asks whether the change may make the ref now symbolic. Of a protected branch that would be a way round its
// rule, since whatever it leads to has another one.
func (g *Guard) mayPoint(c *ref.Change, now storage.Ref) error {
	if now.Target == c.Target {
		return nil
	}
	return g.along(c, now, func(r *Rule) error { return r.Refuse("it can't be made to name another ref") })
}

// mayLead asks whether the change may have HEAD name another branch, whether or not rules protect it: what is the
// default decides what all who clone get, and which files' owners and attributes count.
func (g *Guard) mayLead(c *ref.Change, now storage.Ref) error {
	if now.Target == c.Target {
		return nil
	}
	isAdmin, err := g.isAdmin(c)
	if err != nil || isAdmin {
		return err
	}
	return fmt.Errorf("%w: only admins make another branch the default", access.ErrForbidden)
}
