package merge

import (
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Head is what a branch takes the commits of: a revision of a repository of the same fork network.
type Head struct {
	Repo     storage.ID
	Revision string // "": HEAD
}

// Branch merges a revision into a branch of a repository, by its full name; "" stands for the default branch. It needs
// Write, and Read on the head's repository. If the branch moves meanwhile, it begins again, unless opts say what the
// branch must hold.
//
// Histories that have diverged are a conflict with pull.FastForward. With pull.Rebase the commits of the head are made
// anew on top of the branch.
//
// It returns a *ConflictError if both sides changed the same, a *ref.ConflictError if the branch does not hold what is
// expected, fault.Invalid for a head of another network, and pull.ErrHidden for one of a private repository where the
// branch is of a public one.
func (e *Engine) Branch(ctx context.Context, repo storage.ID, into string, head Head, opts *Options) (Result, error) {
	own := *opts
	own.Resolve = opts.Resolve.remember()
	m := branchMerge{Engine: e, opts: &own, repo: repo, into: into, head: head}
	for {
		err := m.try(ctx)
		var untested *pull.UntestedError
		var moved *ref.ConflictError
		switch {
		case errors.As(err, &untested):
			if err := e.Test(ctx, opts.By, untested.Repo, untested.Number); err != nil {
				return m.result, err
			}
		case !errors.As(err, &moved), moved == m.unexpected:
			return m.result, err
		}
	}
}

// A branchMerge is the merge of a revision.
type branchMerge struct {
	*Engine
	opts       *Options
	repo       storage.ID
	into       string
	head       Head
	unexpected *ref.ConflictError // the branch is not where the caller saw it
	result     Result
}

// try merges what there is now, or returns a *ref.ConflictError if that moved meanwhile. Only what is merged is found
// out in a View: to merge may take long, and calls what is not ours.
func (m *branchMerge) try(ctx context.Context) error {
	var pool storage.ID
	var branch storage.Ref
	var head git.Hash
	err := m.Backend.View(ctx, func(v storage.View) (err error) {
		if pool, err = m.opts.By.Check(v, m.repo, access.Write); err != nil {
			return err
		}
		if branch, err = m.branch(v); err != nil {
			return err
		}
		if m.head.Repo != m.repo {
			if err := m.checkHead(v); err != nil {
				return err
			}
		}
		res := revision.Resolver{
			View: v, Objects: m.Objects, Reach: m.Reach, Repo: m.head.Repo, Pool: pool, Ready: pull.Tested, By: m.opts.By,
			Now: m.Now,
		}
		head, err = res.ResolveAs(ctx, m.head.Revision, revision.Commitish)
		if err == nil {
			head, err = res.Peel(ctx, head, storage.Commit)
		}
		if errors.Is(err, storage.ErrNotFound) {
			err = fmt.Errorf("no such head: %w", err)
		}
		return err
	})
	if err != nil {
		return err
	}
	p, err := m.look(ctx, pool, branch, head)
	if err != nil || p == nil {
		return err
	}
	if m.head.Repo != m.repo {
		p.Check = m.checkHead
	}
	return m.Backend.Push(ctx, m.repo, p)
}

// checkHead returns an error unless the actor may read the repository of the head, and show it here.
func (m *branchMerge) checkHead(v storage.View) error {
	id := m.head.Repo.String()
	if _, err := m.opts.By.Check(v, m.head.Repo, access.Read); err != nil {
		return fault.About(id, err)
	}
	from, err := catalog.LoadHeader(v, m.head.Repo)
	if err != nil {
		return err
	}
	base, err := catalog.LoadHeader(v, m.repo)
	switch {
	case err != nil:
		return err
	case from.Pool != base.Pool:
		return fault.About(id, fault.New(fault.Invalid, "the head's repository is not of the same fork network"))
	case from.Private && !base.Private:
		return fault.About(id, pull.ErrHidden)
	}
	return nil
}

// branch returns the branch that takes the commits, if it is where the caller saw it.
func (m *branchMerge) branch(v storage.View) (storage.Ref, error) {
	name := m.into
	if name == "" {
		var err error
		if name, err = ref.Default(v, m.repo); err != nil {
			return storage.Ref{}, err
		}
	}
	at, err := ref.Follow(v, m.repo, name)
	switch {
	case errors.Is(err, storage.ErrNotFound), err == nil && at.Hash.IsZero():
		return at, fault.About(name, fmt.Errorf("no such branch to merge into: %w", fault.NotFound))
	case err != nil:
		return at, fault.About(name, err)
	case m.opts.Expect != nil && at.Hash != *m.opts.Expect:
		m.unexpected = &ref.ConflictError{Name: name, Expected: *m.opts.Expect, Actual: at.Hash}
		return at, m.unexpected
	}
	at.Name = name // rules may be for the symbolic one
	return at, nil
}

// look returns the push that has the branch take the head, or nil if there is nothing to do.
func (m *branchMerge) look(ctx context.Context, pool storage.ID, branch storage.Ref, head git.Hash) (*txn.Push, error) {
	is, err := m.Objects.Commit(ctx, pool, head)
	if err != nil {
		return nil, err
	}
	fits, contained, err := m.stand(ctx, pool, branch.Hash, head)
	if err != nil {
		return nil, err
	}
	if contained || head == branch.Hash {
		tip, err := m.Objects.Commit(ctx, pool, branch.Hash)
		if err == nil {
			m.result = Result{Hash: branch.Hash, Commit: tip, Base: branch.Hash, Already: true}
		}
		return nil, err
	}
	short := ref.Short(ref.Branches, branch.Name)
	name := m.head.Revision
	if name == "" {
		name = ref.Head
	}
	change := ref.Change{Name: branch.Name, Log: m.opts.logEntry("merge " + name)}
	if !fits && m.opts.Strategy == pull.Rebase {
		p, result, err := m.rebased(ctx, pool, branch.Hash, head, m.opts, change)
		m.result = result
		return p, err
	}
	var merged *treemerge.Result
	if !fits {
		if m.opts.Strategy == pull.FastForward {
			return nil, diverged(short)
		}
		labels := [3]string{treemerge.Ours: short, treemerge.Theirs: name}
		merged, err = m.combine(ctx, pool, branch.Hash, head, m.opts, labels)
		if err != nil {
			return nil, err
		}
	}
	message := m.opts.Message
	if message == "" {
		message = fmt.Sprintf("Merge %s into %s\n", name, short)
	}
	p, result, err := m.push(m.opts, branch.Hash, head, is, merged, message, change)
	m.result = result
	return p, err
}

// logEntry returns the line of the branch's log.
func (o *Options) logEntry(message string) storage.LogEntry {
	by := &o.Committer
	return storage.LogEntry{Name: by.Name, Email: by.Email, When: by.When, Message: names.LogMessage(message)}
}
