package pull

import (
	"strings"

	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A guard has pull requests follow their branches.
type guard struct{ repo *txn.Repo }

// NewGuard returns the guard of a repository. It comes before the one of package protect.
func NewGuard(r *txn.Repo) txn.Guard { return guard{r} }

// Check refuses the merge of a pull request that lacks what the base's rule asks of reviewers, with protect.ErrRefused.
// It returns ErrMoved if the rule asks for more than was found out before.
func (g guard) Check(c *ref.Change, now storage.Ref) error {
	if c.Merge == nil || now.Hash.IsZero() || now.Hash == c.New {
		return nil
	}
	r, err := protect.Binding(g.repo, c.Name, c.By)
	if err != nil || r == nil {
		return err
	}
	if r.RequireCodeOwnerReview && !c.Merge.Owned {
		return ErrMoved
	}
	if c.Merge.Decided && (r.RequiredReviews > 0 || r.RequireCodeOwnerReview || r.RequireLastPushReview) {
		return r.Refuse("no reviewer has seen how its conflicts are resolved: do so in a commit to the head")
	}
	p, err := Load(g.repo.Tx(), g.repo.ID, c.Merge.Pull)
	if err != nil {
		return err
	}
	judgement, err := p.Summarize(g.repo.Tx(), r, c.Merge.Requirements)
	if err != nil {
		return err
	}
	if lacks := judgement.Missing(r); len(lacks) > 0 {
		return r.Refuse(codeowners.Few(lacks, "; "))
	}
	return nil
}

// After does what follows for the pull requests of a branch: they follow its head and its name, become merged, and end
// with it.
func (g guard) After(c *ref.Change, before storage.Ref) error {
	branch, ok := strings.CutPrefix(before.Name, ref.Branches)
	u, err := g.unit(c)
	if !ok || u == nil {
		return err
	}
	switch {
	case c.Target != "" && before.Hash.IsZero(), c.New.IsZero() && before.Target != "":
		return nil // it had none
	case c.Renamed != "":
		return u.Renamed(g.repo.ID, branch, strings.TrimPrefix(c.Renamed, ref.Branches))
	case c.Target != "", c.New.IsZero():
		return u.Gone(g.repo.ID, branch)
	case before.Hash.IsZero(): // a new branch has none
		return nil
	}
	return g.move(u, c, before)
}

// unit returns what pull requests change in, or nil if the repository has no open ones, neither to nor from it.
func (g guard) unit(c *ref.Change) (*Unit, error) {
	s, err := g.repo.State(g.repo.Tx())
	if err != nil || s.OpenPulls == 0 && s.OutgoingPulls == 0 {
		return nil, err
	}
	return &Unit{Tx: g.repo.Tx(), By: c.By, Name: c.Log.Name, Email: c.Log.Email}, nil
}

// move has the pull requests of a branch that got a new commit follow it.
func (g guard) move(u *Unit, c *ref.Change, before storage.Ref) error {
	s, err := g.repo.State(u.Tx)
	if err != nil {
		return err
	}
	m := Move{
		Repo: g.repo.ID, Branch: strings.TrimPrefix(before.Name, ref.Branches), Old: before.Hash, New: c.New,
		OnTop: c.OnTop && g.repo.IsFresh(c.New),
	}
	if c.Merge != nil {
		m.Pull = c.Merge.Pull
	}
	offered := s.OutgoingPulls
	if s.OpenPulls > 0 {
		if err := u.BaseMoved(m); err != nil {
			return err
		}
	}
	if offered > 0 {
		return u.HeadMoved(m)
	}
	return nil
}
