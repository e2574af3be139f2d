package ref

import (
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/storage"
)

// rule returns the rule that applies to a ref, or nil.
func (u *Unit) rule(name string) (*protect.Rule, error) {
	branch, ok := strings.CutPrefix(name, Branches)
	if !ok || !u.Repo.Protected {
		return nil, nil
	}
	if u.rules == nil {
		var err error
		if u.rules, err = protect.Load(u.Tx, u.Repo.ID); err != nil {
			return nil, err
		}
	}
	return u.rules.For(branch), nil
}

// binding returns the rule that applies to a ref and to who changes it, or nil.
func (u *Unit) binding(c *Change, name string) (*protect.Rule, error) {
	r, err := u.rule(name)
	if err != nil || r == nil || !r.BypassAdmins {
		return r, err
	}
	isAdmin, err := u.isAdmin(c)
	if err != nil || isAdmin {
		return nil, err
	}
	return r, nil
}

func (u *Unit) isAdmin(c *Change) (bool, error) {
	p, err := c.By.Permission(u.Tx, u.Repo.ID)
	return p == access.Admin, err
}

// mayMove asks whether the change may give a new hash to the ref now, to which the change's name leads. The rules of all
// names on the way apply.
func (u *Unit) mayMove(c *Change, now storage.Ref) error {
	if !u.Repo.Protected {
		return nil
	}
	for name := c.Name; ; {
		if err := u.mayMoveAs(c, name, now.Hash); err != nil || name == now.Name {
			return err
		}
		r, err := u.Tx.Ref(u.Repo.ID, name)
		if err != nil {
			return err
		}
		name = r.Target
	}
}

func (u *Unit) mayMoveAs(c *Change, name string, old storage.Hash) error {
	r, err := u.binding(c, name)
	if err != nil || r == nil {
		return err
	}
	onTop := c.OnTop
	if old.IsZero() {
		old, onTop = u.gone[name], false
	}
	switch {
	case old.IsZero(), old == c.New:
		return nil
	case c.Merge != nil:
		if err := u.mayMerge(c, r); err != nil {
			return err
		}
	case r.RequirePR:
		return r.Refuse("changes must come by a pull request")
	}
	if r.AllowForcePush || onTop {
		return nil
	}
	if contains, known := u.Facts.Contains(c.New, old); known && !contains {
		return r.Refuse("it can only be fast-forwarded")
	}
	return nil
}

// mayMerge asks whether reviewers said what a rule wants to hear of the pull request that the change merges.
func (u *Unit) mayMerge(c *Change, r *protect.Rule) error {
	if r.RequireCodeOwnerReview && !c.Merge.Owned {
		return pull.ErrMoved
	}
	p, err := pull.Load(u.Tx, u.Repo.ID, c.Merge.Pull)
	if err != nil {
		return err
	}
	judgement, err := p.Judge(u.Tx, r, c.Merge.Needs)
	if err != nil {
		return err
	}
	if lacks := judgement.Lacks(r); len(lacks) > 0 {
		return r.Refuse(pull.Few(lacks, "; "))
	}
	return nil
}

// mayRemove asks whether the change may delete the ref now.
func (u *Unit) mayRemove(c *Change, now storage.Ref) error {
	if err := u.mayTakeAlong(c); err != nil {
		return err
	}
	r, err := u.binding(c, c.Name)
	if err != nil || r == nil {
		return err
	}
	if !r.AllowDeletion {
		return r.Refuse("it can't be deleted")
	}
	if u.gone == nil {
		u.gone = map[string]storage.Hash{}
	}
	u.gone[c.Name] = now.Hash
	return nil
}

// mayTakeAlong asks whether the change may give another name to a branch that a rule names, which then is the rule of that
// name, whatever pattern protected it before, and no more of the old one: that changes what is protected.
func (u *Unit) mayTakeAlong(c *Change) error {
	if c.Renamed == "" {
		return nil
	}
	r, err := u.rule(c.Name)
	if err != nil || r == nil || !r.IsExact() {
		return err
	}
	isAdmin, err := u.isAdmin(c)
	if err != nil || isAdmin {
		return err
	}
	return r.Refuse("only admins may rename a branch that a rule names")
}

// mayPoint asks whether the change may make the ref now symbolic. Of a protected branch that would be a way round its
// rule, since whatever it leads to has another one.
func (u *Unit) mayPoint(c *Change, now storage.Ref) error {
	if c.Name != Head {
		r, err := u.binding(c, c.Name)
		if err != nil || r == nil || now.Target == c.Target {
			return err
		}
		return r.Refuse("it can't be made symbolic")
	}
	r, err := u.rule(now.Target)
	if err != nil || r == nil || now.Target == c.Target {
		return err
	}
	isAdmin, err := u.isAdmin(c)
	if err != nil || isAdmin {
		return err
	}
	return r.Refuse("only admins may make another branch the default")
}
