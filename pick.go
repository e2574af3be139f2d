package reposit

import (
	"context"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/names"
)

// PickOptions say how commits are taken over or reverted, and to which branch that goes. Branch, From, Expect and Sign
// are as for Commit. Parents and Headers must be empty.
//
// Message is that of each commit; default: the commit's own, or as git words a revert. Author is that of each commit;
// default: a pick keeps author and date, and a revert is by Options.Author. Committer is Options.Author by default.
// AllowEmpty keeps commits that change nothing where they come to (git cherry-pick --keep-redundant-commits).
type PickOptions struct {
	CommitOptions
	Mainline     int  // of a merge, the parent whose difference to it is taken over, from 1; 0: a merge is ErrInvalid
	RecordOrigin bool // CherryPick ends messages with "(cherry picked from commit <hash>)", among the trailers (-x)

	// Resolve decides on conflicts, as MergeOptions.Resolve does. Default: all conflicts are left
	Resolve func(Conflict) (content []byte, err error)
}

// CherryPick makes commits of the changes that other commits made, as git cherry-pick does: on the tip of a branch,
// with authors and messages kept. revs is one commit, or a range as Log has it, "a..b", of which those come first
// that others are made on. It returns the new commits in that order.
//
// All of them are made or none. What others push meanwhile is kept: then the changes are made anew on top of it. Where
// the branch has changed the same, it is ErrConflict (*MergeConflictError, whose Commit says which one). A commit that
// changes nothing there, as one that was picked before, is ErrNoChange, where git stops too; so is a range without
// commits. A merge is ErrInvalid without Mainline, and ErrTooLarge is a range of more than 10,000 commits. Beyond
// these, it returns ErrNotFound for revisions that do not exist, and the errors of Commit.
//
// Each commit costs what Merge of it would.
func (r *Repo) CherryPick(ctx context.Context, revs string, opts *PickOptions) ([]*Commit, error) {
	return call(ctx, r, "cherry-pick", revs, func() ([]*Commit, error) { return r.pick(ctx, revs, opts, false) })
}

// Revert makes commits that take back the changes of others, as git revert does: a range from its last commit to its
// first. It is as CherryPick in all else.
func (r *Repo) Revert(ctx context.Context, revs string, opts *PickOptions) ([]*Commit, error) {
	return call(ctx, r, "revert", revs, func() ([]*Commit, error) { return r.pick(ctx, revs, opts, true) })
}

func (r *Repo) pick(ctx context.Context, revs string, opts *PickOptions, revert bool) ([]*Commit, error) {
	if opts == nil {
		opts = &PickOptions{}
	}
	p, err := r.picking(opts, revert)
	if err != nil {
		return nil, err
	}
	p.Revisions = revs
	made, err := r.s.merges.Pick(ctx, r.id, p)
	if err != nil {
		return nil, conflictsOf(err)
	}
	commits := make([]*Commit, len(made))
	for i, m := range made {
		commits[i] = publicCommit(m.Hash, m.Commit)
	}
	return commits, nil
}

// picking checks the options of a pick.
func (r *Repo) picking(opts *PickOptions, revert bool) (*merge.Pick, error) {
	switch {
	case opts.Mainline < 0:
		return nil, invalidf("mainline: %d", opts.Mainline)
	case len(opts.Parents) > 0 || opts.Headers != "":
		return nil, invalidf("option: what is picked has neither Parents nor Headers")
	}
	if err := names.CheckMessage(opts.Message); err != nil {
		return nil, invalid("message", err)
	}
	p := &merge.Pick{
		Replay: merge.Replay{
			Revert: revert, Mainline: opts.Mainline, RecordOrigin: opts.RecordOrigin && !revert, Message: opts.Message,
			Resolve: resolver(opts.Resolve),
		},
		By: r.s.actor, Start: opts.From, Expect: (*git.Hash)(opts.Expect),
	}
	if opts.AllowEmpty {
		p.Empty = merge.KeepEmpty
	}
	if opts.Branch != "" {
		var err error
		if p.Into, err = branchRef(opts.Branch); err != nil {
			return nil, fault.About(opts.Branch, err)
		}
	}
	committer := opts.Committer
	if committer == nil {
		committer = &r.s.opts.Author
	}
	author, by, err := r.s.signatures(opts.Author, committer, r.s.now())
	if err != nil {
		return nil, err
	}
	if p.Committer = by; opts.Author != nil || revert {
		p.Author = &author
	}
	if opts.Sign != nil {
		p.Sign = func(payload []byte) (string, error) { return sign(opts.Sign, payload) }
	}
	return p, nil
}
