package reposit

import (
	"cmp"
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/page"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/storage"
)

// ReviewState is what a review comes to.
type ReviewState int

// The states.
const (
	Commented        ReviewState = ReviewState(pull.Commented)
	Approved         ReviewState = ReviewState(pull.Approved)
	ChangesRequested ReviewState = ReviewState(pull.ChangesRequested)
)

// String returns "commented", "approved" or "changes requested".
func (s ReviewState) String() string {
	switch s {
	case Commented:
		return "commented"
	case Approved:
		return "approved"
	case ChangesRequested:
		return "changes requested"
	}
	return "ReviewState(" + strconv.Itoa(int(s)) + ")"
}

// A Review is what somebody said of a pull request.
type Review struct {
	Number    int // from 1, in this pull request
	Reviewer  string
	State     ReviewState
	Body      string
	Commit    Hash // of the head when it was reviewed
	At        time.Time
	Stale     bool // the head has another commit now
	Dismissed bool // it approved, but counts no more: DismissStaleReviews was set when the head moved
}

// ReviewOptions say more about a review.
type ReviewOptions struct {
	Body     string
	Expect   *Hash  // the commit that the head must be, which the reviewer saw; nil: any
	Reviewer string // on whose behalf the host reviews; a user is the reviewer themselves
}

// Review says something of an open pull request. It needs Read. Of each reviewer, the last review that is more than a
// comment counts, if they may write both when they give it and when the pull request is merged.
//
// It returns ErrConflict for a pull request that is not open or whose head is not what is expected, ErrInvalid if the
// host names no reviewer, and ErrForbidden for more than a comment of the author, and for one who has no name or may
// not read.
func (p Pulls) Review(ctx context.Context, number int, state ReviewState, opts *ReviewOptions) (Review, error) {
	return call(ctx, p.r, "review", pullName(number), func() (Review, error) {
		if opts == nil {
			opts = &ReviewOptions{}
		}
		made := pull.Review{Opinion: pull.Opinion(state), Body: opts.Body}
		err := checkReview(state, opts)
		if err == nil {
			err = p.update(ctx, func(u *pull.Unit) error { return p.review(u, number, opts, &made) })
		}
		return publicReview(&made), err
	})
}

func checkReview(state ReviewState, opts *ReviewOptions) error {
	if state < Commented || state > ChangesRequested {
		return invalidf("state of a review: %d", state)
	}
	if err := names.CheckText(opts.Body); err != nil {
		return invalid("body", err)
	}
	return nil
}

func (p Pulls) review(u *pull.Unit, number int, opts *ReviewOptions, r *pull.Review) error {
	found, err := pull.Load(u.Tx, p.r.id, number)
	if err != nil {
		return err
	}
	if r.Reviewer, err = p.r.s.actsAs(opts.Reviewer); err != nil {
		return err
	}
	if r.Reviewer == "" {
		return invalidf("reviewer: there is none")
	}
	if may, err := access.User(r.Reviewer).Permission(u.Tx, p.r.id); err != nil || may < access.Read {
		return cmp.Or(err, ErrForbidden)
	}
	if found, err = u.CatchUp(found); err != nil {
		return err
	}
	if err := cmp.Or(u.Unanswered(), found.CheckHead((*storage.Hash)(opts.Expect))); err != nil {
		return err
	}
	return u.Review(found, r)
}

func publicReview(r *pull.Review) Review {
	return Review{
		Number: r.Number, Reviewer: r.Reviewer, State: ReviewState(r.Opinion), Body: r.Body, Commit: Hash(r.Commit), At: r.At,
	}
}

// Reviews yields the reviews of a pull request, the earliest first. It needs Read, and returns ErrNotFound. It sees
// them in pages, so later ones may tell of a head that moved meanwhile.
func (p Pulls) Reviews(ctx context.Context, number int) iter.Seq2[Review, error] {
	return page.All(0, func(behind int) (list []Review, last int, more bool, err error) {
		err = do(ctx, p.r, "reviews", pullName(number), func() error {
			list, err = p.reviewsAfter(ctx, number, behind)
			return err
		})
		if more = len(list) == page.MaxSize; more {
			last = list[len(list)-1].Number
		}
		return list, last, more, err
	})
}

// reviewsAfter returns the next reviews behind a number.
func (p Pulls) reviewsAfter(ctx context.Context, number, behind int) (list []Review, err error) {
	err = p.r.read(ctx, access.Read, func(v storage.View) error {
		list = nil
		of, err := pull.Load(v, p.r.id, number)
		if err != nil {
			return err
		}
		found, err := of.ReviewsAfter(v, behind, page.MaxSize)
		for _, r := range found {
			out := publicReview(r)
			out.Stale, out.Dismissed = r.Commit != of.Head, of.Dismisses(r)
			list = append(list, out)
		}
		return err
	})
	return list, err
}
