// Package merge has branches take the commits of others: of revisions, and of pull requests.
package merge

import (
	"context"
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/reach"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// An Engine merges. Its fields are set before it is used, and never change.
type Engine struct {
	Backend *txn.Engine
	Objects *object.Store
	Owners  *pull.Owners
	Reach   *reach.Index
	Now     func() time.Time
	Author  func() (git.Signature, error) // of test merges
	Quota   int64                         // of the bytes of a repository; 0: none

	BlobSize int64 // bytes that a file may have which Options.Resolve or Drivers give; 0: any
	Drivers  []Driver
}

// Options say how a merge is made.
type Options struct {
	By                access.Actor
	Strategy          pull.Strategy
	Message           string // of the commit; "" says what is merged
	Author, Committer git.Signature
	Expect            *git.Hash         // what the branch must hold, or of a pull request the head; nil: any
	DryRun            bool              // writes nothing
	Trees             treemerge.Options // of what has diverged; without labels
	Resolve           Resolver          // nil: conflicts are left
	RefuseMerges      bool              // pull.Rebase of what has diverged leaves no merges out, but refuses them
}

// A Result is what a merge made, or would make.
type Result struct {
	Hash    git.Hash // what the branch became
	Commit  *git.Commit
	Base    git.Hash // what the branch was
	Already bool     // the branch had all of the head
}

// push returns the push by which a branch at base takes a head, and what comes of it. merged is what their trees give,
// or nil for a head that has all of base. change names the branch.
func (e *Engine) push(opts *Options, base, head git.Hash, is *git.Commit, merged *treemerge.Result, message string,
	change ref.Change) (*txn.Push, Result, error) {
	made := git.Commit{Author: opts.Author, Committer: opts.Committer, Message: message}
	tree := is.Tree
	if merged != nil {
		tree = merged.Tree
	}
	h, o, item, err := opts.Strategy.Result(base, head, tree, made)
	if err != nil {
		return nil, Result{}, err
	}
	change.New, change.Old, change.By, change.OnTop = h, &base, opts.By, opts.Strategy == pull.Squash
	p := &txn.Push{
		Named: []storage.Hash{head}, Refs: []ref.Change{change}, Now: e.Now(), Quota: e.Quota, DryRun: opts.DryRun,
	}
	r := Result{Hash: h, Commit: is, Base: base}
	if merged != nil {
		p.Objects, p.Items = objects(merged)
	}
	if o != nil {
		p.Objects, p.Items = append(p.Objects, *o), append(p.Items, item)
		r.Commit = item.Commit
	}
	return p, r, nil
}

// stand reports how a head stands to a base: whether it has all of the base, and if not, whether the base has all of
// the head. One graph answers both, so that commits without a number in it are read once.
func (e *Engine) stand(ctx context.Context, pool storage.ID, base, head git.Hash) (fits, contained bool, err error) {
	err = e.Backend.Graphs().Do(ctx, pool, nil, func(g *graph.Graph) error {
		contained = false
		if fits, err = g.IsAncestor(ctx, base, head); err == nil && !fits {
			contained, err = g.IsAncestor(ctx, head, base)
		}
		return err
	})
	return fits, contained, err
}

// diverged is the conflict of a branch that has commits which the head lacks.
func diverged(branch string) error {
	return fault.New(fault.Conflict, fmt.Sprintf(
		"conflict: the branches have diverged: %s has commits that the head has not", branch))
}
