package ref

import (
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/ancestry"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/storage"
)

// A guard makes the changes of one unit of work that the rules of the repository's branches allow.
type guard struct {
	tx    storage.Tx
	repo  *catalog.Repo
	facts *ancestry.Facts
	rules protect.Rules           // as soon as they were needed
	gone  map[string]storage.Hash // what protected branches held that were deleted here
}

// rule returns the rule that applies to a ref, or nil.
func (g *guard) rule(name string) (*protect.Rule, error) {
	branch, ok := strings.CutPrefix(name, Branches)
	if !ok || !g.repo.Protected {
		return nil, nil
	}
	if g.rules == nil {
		var err error
		if g.rules, err = protect.Load(g.tx, g.repo.ID); err != nil {
			return nil, err
		}
	}
	return g.rules.For(branch), nil
}

// binding returns the rule that applies to a ref and to who changes it, or nil.
func (g *guard) binding(c *Change, name string) (*protect.Rule, error) {
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

func (g *guard) isAdmin(c *Change) (bool, error) {
	p, err := c.By.Permission(g.tx, g.repo.ID)
	return p == access.Admin, err
}

// mayMove asks whether the change may give a new hash to the ref now, to which the change's name leads. The rules of all
// names on the way apply.
func (g *guard) mayMove(c *Change, now storage.Ref) error {
	if !g.repo.Protected {
		return nil
	}
	for name := c.Name; ; {
		if err := g.mayMoveAs(c, name, now.Hash); err != nil || name == now.Name {
			return err
		}
		r, err := g.tx.Ref(g.repo.ID, name)
		if err != nil {
			return err
		}
		name = r.Target
	}
}

func (g *guard) mayMoveAs(c *Change, name string, old storage.Hash) error {
	r, err := g.binding(c, name)
	if err != nil || r == nil {
		return err
	}
	onTop := c.OnTop
	if old.IsZero() {
		old, onTop = g.gone[name], false
	}
	switch {
	case old.IsZero(), old == c.New:
		return nil
	case r.RequirePR:
		return r.Refuse("changes must come by a pull request")
	case r.AllowForcePush, onTop:
		return nil
	}
	if contains, known := g.facts.Contains(c.New, old); known && !contains {
		return r.Refuse("it can only be fast-forwarded")
	}
	return nil
}

// mayRemove asks whether the change may delete the ref now.
func (g *guard) mayRemove(c *Change, now storage.Ref) error {
	r, err := g.binding(c, c.Name)
	if err != nil || r == nil {
		return err
	}
	if !r.AllowDeletion {
		return r.Refuse("it can't be deleted")
	}
	if g.gone == nil {
		g.gone = map[string]storage.Hash{}
	}
	g.gone[c.Name] = now.Hash
	return nil
}

// renamed has the rule that names a branch follow it to its new name.
func (g *guard) renamed(c *Change) error {
	if c.Renamed == "" || !g.repo.Protected {
		return nil
	}
	g.rules = nil
	return protect.Rename(g.tx, g.repo.ID, strings.TrimPrefix(c.Name, Branches), strings.TrimPrefix(c.Renamed, Branches))
}

// mayPoint asks whether the change may make the ref now symbolic. Of a protected branch that would be a way round its
// rule, since whatever it leads to has another one.
func (g *guard) mayPoint(c *Change, now storage.Ref) error {
	if c.Name != Head {
		r, err := g.binding(c, c.Name)
		if err != nil || r == nil || now.Target == c.Target {
			return err
		}
		return r.Refuse("it can't be made symbolic")
	}
	r, err := g.rule(now.Target)
	if err != nil || r == nil || now.Target == c.Target {
		return err
	}
	isAdmin, err := g.isAdmin(c)
	if err != nil || isAdmin {
		return err
	}
	return r.Refuse("only admins may make another branch the default")
}
