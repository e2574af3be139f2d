package reposit

import (
	"context"
	"slices"
	"strconv"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/storage"
)

// PullStatus says whether a pull request can be merged.
type PullStatus struct {
	Head, Base       Hash       // of which this is said
	Mergeable        bool       // the base can take the head, and no rule asks for more
	Diverged         bool       // the base has commits that the head has not, so that a merge is needed
	Approved         []string   // whose approvals count, sorted
	ChangesRequested []string   // who asked for changes, sorted
	Lacks            []string   // what is missing, one sentence each
	Conflicts        []Conflict // on which the sides can't be merged
	// what else to know, one sentence each: CODEOWNERS of more than 3 MiB says nothing, approvals of those who may not
	// write do not count
	Notes []string
}

// Status returns whether a pull request can be merged, and what is missing. It needs Read. Whoever is exempt from the
// base's protection can merge what only lacks what that asks for. Of sides that have diverged it costs a merge, unless
// refs/pull/N/merge was asked for since either moved.
func (p Pulls) Status(ctx context.Context, number int) (PullStatus, error) {
	return call(ctx, p.r, "pull status", pullName(number), func() (PullStatus, error) {
		var c *merge.Candidate
		err := p.r.s.backend.View(ctx, func(v storage.View) (err error) {
			c, err = p.r.s.merges.Candidate(ctx, v, p.r.s.actor, p.r.id, number, access.Read)
			return err
		})
		if err != nil {
			return PullStatus{}, err
		}
		conflicts, err := p.r.s.merges.Conflicts(ctx, c)
		if err != nil {
			return PullStatus{}, err
		}
		var s PullStatus
		err = p.r.read(ctx, access.Read, func(v storage.View) error {
			s, err = statusOf(v, c, conflicts)
			return err
		})
		return s, err
	})
}

// statusOf returns the status of a pull request that was looked at, with the conflicts that were found.
func statusOf(v storage.View, c *merge.Candidate, conflicts []merge.Conflict) (s PullStatus, err error) {
	judgement, err := c.Pull.Summarize(v, c.Rule, c.Requirements)
	if err != nil {
		return s, err
	}
	s = PullStatus{
		Head: Hash(c.Pull.Head), Base: Hash(c.Base), Diverged: !c.FastForward,
		Approved: judgement.Approved, ChangesRequested: judgement.Requested, Lacks: judgement.Missing(c.Rule),
	}
	if c.Rule != nil && len(judgement.Approved) < c.Rule.RequiredReviews {
		s.Notes, err = uncounted(v, c.Pull, &judgement)
	}
	if c.TooLarge {
		s.Notes = append(s.Notes, "CODEOWNERS has more than 3 MiB, and is ignored")
	}
	switch {
	case c.Pull.State != pull.Open:
		s.Lacks = append(s.Lacks, "it is not open")
	case c.Lost:
		s.Lacks = append(s.Lacks, "its head was deleted, or may not be shown any more: it will be closed")
	case c.Contained:
		s.Lacks = append(s.Lacks, c.Pull.BaseBranch+" has all commits of the head: it will be merged")
	case len(conflicts) > 0:
		var paths []string
		for _, found := range conflicts {
			s.Conflicts = append(s.Conflicts, publicConflict(found))
			paths = append(paths, strconv.QuoteToGraphic(found.Path))
		}
		few := codeowners.Few(slices.Compact(paths), ", ")
		s.Lacks = append(s.Lacks, "both sides changed "+few+" since they diverged")
	}
	s.Mergeable = len(s.Lacks) == 0
	return s, err
}

// uncounted returns a sentence for each approval that does not count because of who gave it, of the first 100 reviews.
func uncounted(v storage.View, p *pull.Pull, j *pull.Judgement) (notes []string, err error) {
	reviews, err := p.ReviewsAfter(v, 0, page.MaxSize)
	if err != nil {
		return nil, err
	}
	for _, r := range reviews {
		note := r.Reviewer + " approved, which does not count: they may not write"
		if r.Opinion != pull.Approved || p.Dismisses(r) || slices.Contains(j.Approved, r.Reviewer) ||
			slices.Contains(notes, note) {
			continue
		}
		may, err := access.User(r.Reviewer).Permission(v, p.Repo)
		if err != nil {
			return nil, err
		}
		if may < access.Write {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// Merge has the base of an open pull request take the commits of its head, by a commit that has both as parents unless
// opts say otherwise. It needs Write, and is not for deploy keys. What the base's protection asks of pull requests is
// asked in the transaction that moves the base; others who push meanwhile change what is merged only if Expect allows.
//
// Sides that have diverged are merged as Repo.Merge does it, and those that can't be are a *MergeConflictError. Where
// the base's protection asks for reviews, nobody has seen what Resolve or Favor makes of conflicts: that is
// ErrProtected. ErrConflict is also what has diverged with other strategies, a pull request that is not open, or one
// whose head is not what is expected (*ConflictError). ErrProtected tells what is missing. A Branch or HeadRepo in opts
// is ErrInvalid.
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
		return publicMerge(made, opts.Strategy), conflictsOf(err)
	})
}
