package ref

import (
	"strings"

	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/storage"
)

// pulls returns what pull requests change in, or nil if the repository has no open ones, neither to nor from it.
func (u *Unit) pulls(c *Change) *pull.Unit {
	if u.State.OpenPulls == 0 && u.State.Offered == 0 {
		return nil
	}
	return &pull.Unit{
		Ctx: u.Ctx, Tx: u.Tx, Read: u.Read, Facts: u.Facts, By: c.By, Now: u.Now, Name: c.Log.Name, Email: c.Log.Email,
	}
}

// pullsMove has the pull requests of a branch, which was now and got a new commit, follow it. A new branch has none.
func (u *Unit) pullsMove(c *Change, now storage.Ref) error {
	branch, ok := strings.CutPrefix(now.Name, Branches)
	p := u.pulls(c)
	if !ok || p == nil || now.Hash.IsZero() {
		return nil
	}
	m := pull.Move{
		Repo: u.Repo.ID, Branch: branch, Old: now.Hash, New: c.New,
		OnTop: c.OnTop && u.Fresh != nil && u.Fresh(c.New),
	}
	if c.Merge != nil {
		m.Pull = c.Merge.Pull
	}
	if u.State.OpenPulls > 0 {
		if err := p.BaseMoved(m); err != nil {
			return err
		}
	}
	if u.State.Offered > 0 {
		return p.HeadMoved(m)
	}
	return nil
}

// pullsEnd ends the pull requests of a branch that is not there any more.
func (u *Unit) pullsEnd(c *Change) error {
	branch, ok := strings.CutPrefix(c.Name, Branches)
	p := u.pulls(c)
	if !ok || p == nil {
		return nil
	}
	return p.Gone(u.Repo.ID, branch)
}

// renamed has the rule and the pull requests of a branch follow it to its new name.
func (u *Unit) renamed(c *Change) error {
	from, to := strings.TrimPrefix(c.Name, Branches), strings.TrimPrefix(c.Renamed, Branches)
	if u.Repo.Protected {
		u.rules = nil
		if err := protect.Rename(u.Tx, u.Repo.ID, from, to); err != nil {
			return err
		}
	}
	p := u.pulls(c)
	if p == nil {
		return nil
	}
	return p.Renamed(u.Repo.ID, from, to)
}
