package merge

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// ErrNone says that there are no commits to take over.
var ErrNone = fault.New(fault.NoChange, "nothing to commit: the range has no commits")

// A Pick says which commits a branch takes over, or reverts.
type Pick struct {
	Replay
	By        access.Actor
	Into      string // full name of a branch; "": the default branch
	Start     string // a revision, where a new branch begins; "": at the default branch
	Revisions string // one commit, or a range
	Expect    *git.Hash
}

// Pick has a branch take over commits, all of them or none, and returns what it made of them, in order. It needs Write.
// If the branch moves meanwhile, it begins again, unless p says what the branch must hold.
//
// It returns a *ConflictError, ErrEmpty, ErrNone, fault.Invalid for a merge without Mainline, and a *ref.ConflictError
// if the branch does not hold what is expected.
func (e *Engine) Pick(ctx context.Context, repo storage.ID, p *Pick) ([]Made, error) {
	own := *p
	own.Resolve = p.Resolve.remember()
	k := pick{Engine: e, Pick: &own, repo: repo}
	for {
		made, err := k.try(ctx)
		var untested *pull.UntestedError
		var moved *ref.ConflictError
		switch {
		case errors.As(err, &untested):
			if err := e.Test(ctx, p.By, untested.Repo, untested.Number); err != nil {
				return nil, err
			}
		case !errors.As(err, &moved), moved == k.unexpected:
			return made, err
		}
	}
}

// A pick is one on its way.
type pick struct {
	*Engine
	*Pick
	repo       storage.ID
	unexpected *ref.ConflictError // the branch is not where the caller saw it
}

// A place is where a pick goes, and what it takes.
type place struct {
	pool    storage.ID
	branch  string
	implied bool     // HEAD named the branch
	old     git.Hash // what the branch holds; zero: it does not exist
	tip     git.Hash // old, or where the new branch begins
	commits revision.Range
}

// try takes over what there is now, or returns a *ref.ConflictError if that moved meanwhile.
func (k *pick) try(ctx context.Context) ([]Made, error) {
	var at place
	err := k.Backend.View(ctx, func(v storage.View) (err error) {
		at, err = k.look(ctx, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	commits, err := k.list(ctx, &at)
	if err != nil {
		return nil, err
	}
	if len(commits) == 0 {
		return nil, ErrNone
	}
	c, err := k.chain(ctx, at.pool, at.tip, &k.Replay)
	if err != nil {
		return nil, err
	}
	for _, h := range commits {
		if err := c.add(ctx, h); err != nil {
			return nil, err
		}
	}
	return c.made, k.Backend.Push(ctx, k.repo, k.push(&at, c, commits))
}

// look finds out where the branch stands, and which commits are meant.
func (k *pick) look(ctx context.Context, v storage.View) (at place, err error) {
	if at.pool, err = k.By.Check(v, k.repo, access.Write); err != nil {
		return at, err
	}
	if at.branch = k.Into; at.branch == "" {
		at.implied = true
		if at.branch, err = ref.Default(v, k.repo); err != nil {
			return at, err
		}
	}
	found, err := ref.Follow(v, k.repo, at.branch)
	if err != nil {
		return at, fault.About(at.branch, err)
	}
	at.old, at.tip = found.Hash, found.Hash
	if k.Expect != nil && at.old != *k.Expect {
		k.unexpected = &ref.ConflictError{Name: at.branch, Expected: *k.Expect, Actual: at.old}
		return at, k.unexpected
	}
	res := revision.Resolver{
		View: v, Objects: k.Objects, Reach: k.Reach, Repo: k.repo, Pool: at.pool, Ready: pull.Tested, By: k.By,
	}
	if at.old.IsZero() {
		if at.tip, err = k.start(ctx, v, &res); err != nil {
			return at, err
		}
	}
	at.commits, err = res.Range(ctx, k.Revisions)
	return at, err
}

// start returns where a new branch begins; the zero hash if there is no commit yet.
func (k *pick) start(ctx context.Context, v storage.View, res *revision.Resolver) (git.Hash, error) {
	if k.Start != "" {
		h, err := res.Commit(ctx, k.Start)
		if err != nil {
			err = fault.About(k.Start, err)
		}
		return h, err
	}
	name, err := ref.Default(v, k.repo)
	if err != nil {
		return git.Hash{}, err
	}
	found, err := ref.Follow(v, k.repo, name)
	return found.Hash, err
}

// list returns the commits that are meant, in git's order: of a range those first that others come from, or when they
// are reverted last. Without a range, they are as they were named.
func (k *pick) list(ctx context.Context, at *place) ([]git.Hash, error) {
	if len(at.commits.Exclude) == 0 && !at.commits.Symmetric {
		return at.commits.Include, nil
	}
	o := &history.Options{Symmetric: at.commits.Symmetric, Order: history.Reverse}
	if k.Revert {
		o.Order = history.ByDate
	}
	for _, h := range at.commits.Exclude {
		o.Tips = append(o.Tips, history.Tip{Commit: h, Excluded: true})
	}
	for _, h := range at.commits.Include {
		o.Tips = append(o.Tips, history.Tip{Commit: h})
	}
	return k.walk(ctx, at.pool, o, MaxReplay)
}

// walk returns the commits of a history, of which there may be no more than most, or any number with 0.
func (e *Engine) walk(ctx context.Context, pool storage.ID, o *history.Options, most int) (all []git.Hash,
	err error) {
	const steps = 1 << 16
	w := history.New(&history.Objects{Store: e.Objects, Pool: pool, Graphs: e.Backend.Graphs()}, o)
	for {
		h, err := w.Next(ctx, steps)
		switch {
		case errors.Is(err, history.ErrEnd):
			return all, nil
		case errors.Is(err, history.ErrPaused):
			continue
		case err != nil:
			return nil, err
		case most > 0 && len(all) == most:
			return nil, errTooMany
		}
		all = append(all, h)
	}
}

// push returns the push that has the branch hold a chain.
func (k *pick) push(at *place, c *chain, commits []git.Hash) *txn.Push {
	old := at.old
	p := &txn.Push{
		Objects: c.objects, Items: c.items, Named: commits, Now: k.Now(), Quota: k.Quota,
		Refs: []ref.Change{{
			Name: at.branch, New: c.tip, Old: &old, By: k.By, OnTop: len(c.made) == 1 && !old.IsZero(), Log: k.logEntry(c),
		}},
	}
	if at.implied && old.IsZero() {
		// One that is yet to be made does not tell of itself that another has taken its place.
		p.Check = func(v storage.View) error {
			name, err := ref.Default(v, k.repo)
			if err == nil && name != at.branch {
				err = &ref.ConflictError{Name: at.branch}
			}
			return err
		}
	}
	return p
}

// logEntry returns the line of the branch's log.
func (k *pick) logEntry(c *chain) storage.LogEntry {
	by, what := &k.Committer, "cherry-pick: "
	if k.Revert {
		what = "revert: "
	}
	message := k.Revisions
	if len(c.made) == 1 {
		message = subject(c.made[0].Commit.Message)
	}
	return storage.LogEntry{Name: by.Name, Email: by.Email, When: by.When, Message: names.LogMessage(what + message)}
}
