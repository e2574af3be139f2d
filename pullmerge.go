package reposit

import (
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/storage"
)

// PullStatus says whether a pull request can be merged.
type PullStatus struct {
	Head, Base       Hash     // of which this is said
	Mergeable        bool     // the base can take the head, and no rule asks for more
	Diverged         bool     // the base has commits that the head has not
	Approved         []string // whose approvals count, sorted
	ChangesRequested []string // who asked for changes, sorted
	Lacks            []string // what is missing, one sentence each
	Notes            []string // what else to know, one sentence each: CODEOWNERS of more than 3 MiB says nothing
}

// Status returns whether a pull request can be merged, and what is missing. It needs Read. Whoever is exempt from the
// base's protection can merge what only lacks what that asks for.
func (p Pulls) Status(ctx context.Context, number int) (PullStatus, error) {
	return call(ctx, p.r, "pull status", pullName(number), func() (PullStatus, error) {
		var s PullStatus
		err := p.r.s.backend.View(ctx, func(v storage.View) error {
			c, err := p.r.s.merges.Candidate(ctx, v, p.r.s.actor, p.r.id, number, access.Read)
			if err != nil {
				return err
			}
			judgement, err := c.Pull.Summarize(v, c.Rule, c.Requirements)
			s = PullStatus{
				Head: Hash(c.Pull.Head), Base: Hash(c.Base), Diverged: !c.FastForward,
				Approved: judgement.Approved, ChangesRequested: judgement.Requested, Lacks: judgement.Missing(c.Rule),
			}
			if c.TooLarge {
				s.Notes = append(s.Notes, "CODEOWNERS has more than 3 MiB, and is ignored")
			}
			if c.Pull.State != pull.Open {
				s.Lacks = append(s.Lacks, "it is not open")
			} else if c.Lost {
				s.Lacks = append(s.Lacks, "its head was deleted, or may not be shown any more: it will be closed")
			} else if !c.FastForward {
				s.Lacks = append(s.Lacks, fmt.Sprintf("%s has commits that the head has not", c.Pull.BaseBranch))
			}
			s.Mergeable = len(s.Lacks) == 0
			return err
		})
		return s, err
	})
}

// Merge has the base of an open pull request take the commits of its head, by a commit that has both as parents unless
// opts say otherwise. It needs Write, and is not for deploy keys. What the base's protection asks of pull requests is
// asked in the transaction that moves the base; others who push meanwhile change what is merged only if Expect allows.
//
// A head that lacks commits of the base can't be merged yet: that is ErrConflict, as is a pull request that is not
// open, or one whose head is not what is expected (*ConflictError). ErrProtected tells what is missing. A Branch or
// HeadRepo in opts is ErrInvalid.
func (p Pulls) Merge(ctx context.Context, number int, opts *MergeOptions) (MergeResult, error) {
	return call(ctx, p.r, "merge pull", pullName(number), func() (MergeResult, error) {
		if opts == nil {
			opts = &MergeOptions{}
		}
		switch {
		case opts.Branch != "":
			return MergeResult{}, fault.About(opts.Branch, invalidf("branch: a pull request has its own base"))
		case opts.HeadRepo != "":
			return MergeResult{}, fault.About(string(opts.HeadRepo), invalidf("head: a pull request has its own"))
		}
		how, err := p.r.merging(opts)
		if err != nil {
			return MergeResult{}, err
		}
		made, err := p.r.s.merges.Pull(ctx, p.r.id, number, how, p.update)
		return publicMerge(made, opts.Strategy), err
	})
}
