package merge

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Candidate is what there is to know of a pull request before it is merged.
type Candidate struct {
	Pull        *pull.Pull    // as it is once it has followed its head
	Moved       bool          // it has yet to follow its head, which a program outside moved
	Lost        bool          // it will be closed: its head is gone, or may not be shown any more
	Base        git.Hash      // what the base holds; zero: it is not there
	FastForward bool          // the head has all that the base has
	Contained   bool          // the base has all of the head, and more
	Rule        *protect.Rule // of the base; nil: none
	owned       bool          // the rule asks for owners
	tested      git.Hash      // the commit of a test merge; zero: none was made
	from        git.Hash      // since which paths count as changed, if owned
	pool        storage.ID

	pull.OwnerRequirements // if owned
}

// Candidate looks at a pull request. It needs a permission, and is not for deploy keys if that is more than Read. It
// walks histories and compares trees.
func (e *Engine) Candidate(ctx context.Context, v storage.View, by access.Actor, repo storage.ID, number int,
	need access.Permission) (*Candidate, error) {
	pool, err := by.Check(v, repo, need)
	if err != nil {
		return nil, err
	}
	if need > access.Read && by.IsKey() {
		return nil, access.ErrKey
	}
	c := &Candidate{pool: pool}
	stored, err := pull.Load(v, repo, number)
	if err != nil {
		return nil, err
	}
	rules, err := protect.Load(v, repo)
	if err != nil {
		return nil, err
	}
	c.Rule = rules.For(stored.BaseBranch)
	var shown bool
	if c.Pull, shown, err = stored.Current(v, c.Rule); err != nil {
		return nil, err
	}
	c.Moved, c.Lost = c.Pull != stored || !shown, !shown
	if c.Base, err = c.Pull.Tip(v); err != nil || c.Base.IsZero() || c.Pull.State != pull.Open {
		return c, err
	}
	test, known, err := c.Pull.TestOf(v, c.Base)
	if err != nil {
		return nil, err
	}
	if known {
		c.tested = test.Commit
	}
	return c, c.compare(ctx, e, pool)
}

// compare finds out whether the head fits, and whose paths it changes.
func (c *Candidate) compare(ctx context.Context, e *Engine, pool storage.ID) (err error) {
	if c.FastForward, c.Contained, err = e.stand(ctx, pool, c.Base, c.Pull.Head); err != nil {
		return err
	}
	if c.Rule == nil || !c.Rule.RequireCodeOwnerReview {
		return nil
	}
	c.from = c.Base
	if !c.FastForward {
		err = e.Backend.Graphs().Do(ctx, pool, nil, func(g *graph.Graph) (err error) {
			c.from, err = g.MergeBase(ctx, c.Pull.Head, c.Base)
			return err
		})
		if err != nil {
			return err
		}
	}
	c.owned = true
	c.OwnerRequirements, err = e.Owners.Requirements(ctx, pool, c.Base, c.from, c.Pull.Head, nil)
	return err
}

// merge merges a candidate whose sides have diverged, and finds out whose paths that changes. It returns a
// *ConflictError if they can't be merged.
func (e *Engine) merge(ctx context.Context, c *Candidate, opts *Options) (*treemerge.Result, error) {
	merged, err := e.trial(ctx, c.pool, c.Pull, c.Base, opts)
	if err != nil || !c.owned {
		return merged, err
	}
	outcome := &pull.Outcome{Tree: merged.Tree, New: make(map[git.Hash]*git.Tree, len(merged.Trees))}
	for _, t := range merged.Trees {
		outcome.New[t.Hash] = t.Item.Tree
	}
	c.OwnerRequirements, err = e.Owners.Requirements(ctx, c.pool, c.Base, c.from, c.Pull.Head, outcome)
	return merged, err
}

// Pull merges a pull request. It needs Write, and is not for deploy keys. update runs a function in a transaction of
// pull requests by the actor.
//
// Histories that have diverged are merged as Branch does it. It returns a *ConflictError if both sides changed the
// same, a conflict if they have diverged and the strategy needs a head that has all of the base, pull.ErrEnded if the
// pull request is not open, and a *ref.ConflictError if its head is not what is expected.
func (e *Engine) Pull(ctx context.Context, repo storage.ID, number int, opts *Options,
	update func(context.Context, func(*pull.Unit) error) error) (Result, error) {
	m := pullMerge{Engine: e, opts: opts.watched(), repo: repo, number: number}
	for {
		m.opts.decided = false
		err := m.try(ctx, update)
		var moved *ref.ConflictError
		switch {
		case errors.Is(err, errUnfit):
			closed := false
			err := update(ctx, func(u *pull.Unit) (err error) {
				closed, err = m.settleUnfit(ctx, u)
				return err
			})
			if err == nil && closed {
				err = pull.ErrEnded
			}
			return m.result, err
		case errors.Is(err, pull.ErrMoved), errors.As(err, &moved) && moved.Name == ref.Branches+m.branch:
			continue
		}
		return m.result, err
	}
}

// A pullMerge is the merge of a pull request.
type pullMerge struct {
	*Engine
	opts   *watched
	repo   storage.ID
	number int
	branch string // the base
	result Result
}

// try merges what there is now, or returns an error that says that it moved meanwhile.
func (m *pullMerge) try(ctx context.Context, update func(context.Context, func(*pull.Unit) error) error) error {
	var c *Candidate
	var text string
	err := m.Backend.View(ctx, func(v storage.View) error {
		var err error
		if c, err = m.Candidate(ctx, v, m.opts.By, m.repo, m.number, access.Write); err != nil {
			return err
		}
		if err := m.check(c); err != nil {
			return err
		}
		text, err = c.Pull.Text(v)
		return err
	})
	if err != nil {
		return err
	}
	m.branch = c.Pull.BaseBranch
	p, result, err := m.made(ctx, c, text)
	if err != nil {
		return err
	}
	m.result = result
	p.Check = func(v storage.View) error { return m.unmoved(v, c) }
	if !c.Moved {
		return m.Backend.Push(ctx, m.repo, p)
	}
	return update(ctx, func(u *pull.Unit) error {
		u.DryRun = p.DryRun
		is, err := pull.Load(u.Tx, m.repo, m.number)
		if err == nil {
			_, err = u.CatchUp(is)
		}
		if err == nil {
			err = u.Unanswered()
		}
		if err != nil {
			return err
		}
		return u.Tx.Push(m.repo, p)
	})
}

// made returns the push by which the base takes the head, and what comes of it.
func (m *pullMerge) made(ctx context.Context, c *Candidate, text string) (p *txn.Push, r Result, err error) {
	opts := &m.opts.Options
	merge := &ref.Merge{Pull: m.number, Owned: c.owned}
	change := ref.Change{
		Name: ref.Branches + m.branch, Merge: merge,
		Log: opts.logEntry(fmt.Sprintf("pull request #%d: %s", m.number, c.Pull.Title)),
	}
	if !c.FastForward && opts.Strategy == pull.Rebase {
		p, r, err = m.rebased(ctx, c.pool, c.Base, c.Pull.Head, opts, change)
		switch {
		case err != nil:
		case p == nil:
			err = errContained
		case c.Rule != nil:
			merge.Decided, err = m.differs(ctx, c, r.Commit.Tree)
		}
	} else {
		p, r, err = m.joined(ctx, c, text, change)
	}
	merge.Requirements = c.Requirements // a merge may have added to them
	merge.Decided = merge.Decided || m.opts.decided || !c.FastForward && opts.Trees.Favor != linemerge.None
	return p, r, err
}

// differs reports whether a tree is not the one that a merge gives without anybody's decision: it is not what reviewers
// saw.
func (m *pullMerge) differs(ctx context.Context, c *Candidate, tree git.Hash) (bool, error) {
	merged, err := m.merge(ctx, c, &Options{})
	var failed *ConflictError
	if errors.As(err, &failed) {
		return true, nil
	}
	return err != nil || merged.Tree != tree, err
}

// joined is made with other strategies, and of a head that has all of the base.
func (m *pullMerge) joined(ctx context.Context, c *Candidate, text string, change ref.Change) (*txn.Push, Result,
	error) {
	head, err := m.Objects.Commit(ctx, c.pool, c.Pull.Head)
	if err != nil {
		return nil, Result{}, err
	}
	var merged *treemerge.Result
	if !c.FastForward {
		if merged, err = m.merge(ctx, c, &m.opts.Options); err != nil {
			return nil, Result{}, err
		}
	}
	return m.push(&m.opts.Options, c.Base, c.Pull.Head, head, merged, m.message(c.Pull, text), change)
}

var errContained = fault.New(fault.NoChange, "nothing to commit: the base has all changes of the head")

// unmoved returns pull.ErrMoved unless the pull request is as it was looked at.
func (m *pullMerge) unmoved(v storage.View, c *Candidate) error {
	is, err := pull.Load(v, m.repo, m.number)
	if err == nil && (is.State != pull.Open || is.Head != c.Pull.Head || is.BaseBranch != c.Pull.BaseBranch) {
		err = pull.ErrMoved
	}
	return err
}

func (m *pullMerge) check(c *Candidate) error {
	if c.Pull.State != pull.Open {
		return pull.ErrEnded
	}
	if err := c.Pull.CheckHead(m.opts.Expect); err != nil {
		return err
	}
	switch {
	case c.Lost, c.Contained, c.Base.IsZero(), c.Base == c.Pull.Head,
		!c.FastForward && m.opts.Strategy == pull.FastForward:
		return errUnfit
	}
	return nil
}

var errUnfit = errors.New("there is nothing that the base can take")

// settleUnfit says what became of a pull request that can't be merged, and whether it is closed. Mostly both
// have gone their ways. But a program outside, which tells nobody, may have merged it, or taken its head away.
func (m *pullMerge) settleUnfit(ctx context.Context, u *pull.Unit) (closed bool, err error) {
	pool, err := m.opts.By.Check(u.Tx, m.repo, access.Write)
	if err != nil {
		return false, err
	}
	is, err := pull.Load(u.Tx, m.repo, m.number)
	if err != nil {
		return false, err
	}
	if err := u.Settle(is); err != nil {
		return false, err
	}
	switch is.State {
	case pull.Open:
		return false, cmp.Or(u.Unanswered(), diverged(is.BaseBranch))
	case pull.Merged:
		c, err := m.Objects.Commit(ctx, pool, is.Commit)
		if err != nil {
			return false, err
		}
		m.result = Result{Hash: is.Commit, Commit: c, Base: is.Base, Already: true}
	}
	u.DryRun = m.opts.DryRun
	return is.State == pull.Closed, nil
}

func (m *pullMerge) message(p *pull.Pull, text string) string {
	switch {
	case m.opts.Message != "":
		return m.opts.Message
	case m.opts.Strategy == pull.MergeCommit:
		return fmt.Sprintf("Merge pull request #%d from %s\n\n%s\n", p.Number, p.HeadBranch, p.Title)
	case text == "":
		return fmt.Sprintf("%s (#%d)\n", p.Title, p.Number)
	}
	return fmt.Sprintf("%s (#%d)\n\n%s\n", p.Title, p.Number, text)
}
