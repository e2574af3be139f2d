package merge

import (
	"context"
	"errors"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// trial merges the trees of a pull request and of its base, which have diverged.
func (e *Engine) trial(ctx context.Context, pool storage.ID, p *pull.Pull, base git.Hash,
	opts *Options) (*treemerge.Result, error) {
	labels := [3]string{
		treemerge.Ours:   ref.Short(ref.Branches, ref.Branches+p.BaseBranch),
		treemerge.Theirs: ref.Short(ref.Branches, ref.Branches+p.HeadBranch),
	}
	return e.combine(ctx, pool, base, p.Head, opts, labels)
}

// Conflicts returns the paths on which a pull request can't be merged, and finds out whose paths a merge changes. It is
// for outside of transactions.
func (e *Engine) Conflicts(ctx context.Context, c *Candidate) ([]Conflict, error) {
	if c.Pull.State != pull.Open || c.Lost || c.FastForward || c.Contained || c.Base.IsZero() {
		return nil, nil
	}
	if !c.tested.IsZero() {
		if !c.owned {
			return nil, nil
		}
		made, err := e.Objects.Commit(ctx, c.pool, c.tested)
		if err == nil {
			outcome := &pull.Outcome{Tree: made.Tree}
			c.OwnerRequirements, err = e.Owners.Requirements(ctx, c.pool, c.Base, c.from, c.Pull.Head, outcome)
		}
		return nil, err
	}
	_, err := e.merge(ctx, c, &Options{})
	var failed *ConflictError
	if errors.As(err, &failed) {
		return failed.Conflicts, nil
	}
	return nil, err
}

// Test has the ref of an open pull request that tells what the base would become by a merge tell that of its base and
// head as they are. It needs Read.
func (e *Engine) Test(ctx context.Context, by access.Actor, repo storage.ID, number int) error {
	for {
		if err := e.test(ctx, by, repo, number); !errors.Is(err, pull.ErrMoved) {
			return err
		}
	}
}

func (e *Engine) test(ctx context.Context, by access.Actor, repo storage.ID, number int) error {
	var p *pull.Pull
	var pool storage.ID
	var base git.Hash
	err := e.Backend.View(ctx, func(v storage.View) (err error) {
		if pool, err = by.Check(v, repo, access.Read); err != nil {
			return err
		}
		if p, err = pull.Load(v, repo, number); err == nil {
			base, err = p.Tip(v)
		}
		return err
	})
	if err != nil || p.State != pull.Open || base.IsZero() {
		return err
	}
	tree, err := e.tree(ctx, pool, p, base)
	if err != nil {
		return err
	}
	author, err := e.Author()
	if err != nil {
		return err
	}
	return e.Backend.Update(ctx, access.Host(), func(tx *txn.Tx) error {
		is, err := pull.Load(tx, repo, number)
		if err != nil || is.State != pull.Open {
			return err
		}
		u := &pull.Unit{Tx: tx, By: tx.By, Name: author.Name, Email: author.Email}
		return u.Keep(is, base, p.Head, tree)
	})
}

// tree returns what a test merge gives. There is none of a head that the base has, as a program outside may have
// brought about.
func (e *Engine) tree(ctx context.Context, pool storage.ID, p *pull.Pull, base git.Hash) (t pull.Tree, err error) {
	ahead, contained, err := e.stand(ctx, pool, base, p.Head)
	if err != nil || contained || p.Head == base {
		return t, err
	}
	var sides [2]*git.Commit
	for i, h := range [2]git.Hash{base, p.Head} {
		if sides[i], err = e.Objects.Commit(ctx, pool, h); err != nil {
			return t, err
		}
		// Programs outside write times that no clock tells.
		if at := sides[i].Committer.When.Unix(); at >= 0 && at < 1<<36 && (i == 0 || at > t.When.Unix()) {
			t.When = time.Unix(at, 0).UTC()
		}
	}
	if t.When.Before(time.Unix(0, 0)) {
		t.When = time.Unix(0, 0).UTC()
	}
	if ahead {
		t.Hash = sides[1].Tree
		return t, nil
	}
	merged, err := e.trial(ctx, pool, p, base, &Options{})
	var failed *ConflictError
	if errors.As(err, &failed) {
		return t, nil
	}
	if err == nil {
		t.Hash = merged.Tree
		t.Objects, t.Items = objects(merged)
	}
	return t, err
}
