package pull

import (
	"fmt"
	"time"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// ErrAuthor says that the author of a pull request is the one who can't judge it.
var ErrAuthor = fmt.Errorf("%w: the author of a pull request can only comment on it", access.ErrForbidden)

// An Opinion is what a review comes to.
type Opinion byte

// The opinions. Their numbers are stored.
const (
	Commented Opinion = 1 + iota
	Approved
	ChangesRequested
	opinions
)

// Valid reports whether there is such an opinion.
func (o Opinion) Valid() bool { return o >= Commented && o < opinions }

// A Review is what somebody said of a pull request, about the commit that its head then was.
type Review struct {
	Number   int
	Reviewer string
	Opinion  Opinion
	Body     string
	Commit   git.Hash
	At       time.Time
}

// A Verdict is the last review of somebody who may write that is more than a comment.
type Verdict struct {
	Reviewer string
	Opinion  Opinion
	Commit   git.Hash
	Review   int // its number
	Removals int // how often a user of the reviewer's login had been removed; of another user, it counts nothing
}

// Review adds a review to an open pull request, and fills in its number, commit and time. It returns ErrEnded and
// ErrAuthor.
func (u *Unit) Review(p *Pull, r *Review) error {
	switch {
	case p.State != Open:
		return ErrEnded
	case r.Opinion != Commented && r.Reviewer == p.Author:
		return ErrAuthor
	}
	p.Reviews++
	r.Number, r.Commit, r.At = p.Reviews, p.Head, u.Now
	if err := u.Tx.PutRecord(reviewKey(p.Repo, p.Number, r.Number), r.encode()); err != nil {
		return err
	}
	if r.Opinion != Commented {
		if err := u.decide(p, r); err != nil {
			return err
		}
	}
	return u.put(p, Open, "reviewed", p.Head)
}

// decide makes a review the reviewer's verdict. Of one who may not write it counts nothing, and never will: so there
// are no more verdicts than writers.
func (u *Unit) decide(p *Pull, r *Review) error {
	key := verdictKey(p.Repo, p.Number, r.Reviewer)
	may, err := access.User(r.Reviewer).Permission(u.Tx, p.Repo)
	if err != nil {
		return err
	}
	if may < access.Write {
		return u.Tx.DeleteRecord(key)
	}
	v := Verdict{Reviewer: r.Reviewer, Opinion: r.Opinion, Commit: r.Commit, Review: r.Number}
	if v.Removals, err = people.Removals(u.Tx, r.Reviewer); err != nil {
		return err
	}
	return u.Tx.PutRecord(key, v.encode())
}

// Dismisses reports whether a review that approved counts no more because the head moved.
func (p *Pull) Dismisses(r *Review) bool { return r.Opinion == Approved && r.Number <= p.Dismissed }

// ReviewsAfter returns up to limit reviews behind a number, the earliest first.
func (p *Pull) ReviewsAfter(v storage.View, number, limit int) ([]*Review, error) {
	var list []*Review
	lo, hi := reviewKey(p.Repo, p.Number, number+1), record.After(numberKey(keyReview, p.Repo, p.Number))
	for rec, err := range v.Records(lo, hi, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(list) == limit {
			break
		}
		n, err := lastNumber(rec.Key)
		if err != nil {
			return nil, err
		}
		r, err := decodeReview(n, rec.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// A Judgement is what those who may write to the base say of a pull request's head.
type Judgement struct {
	Approved  []string                 // who approved of it, sorted
	Requested []string                 // who asked for changes, sorted
	Unowned   []codeowners.Requirement // what no owner has approved
	Pushed    bool                     // somebody other than who pushed last approved of what the head became

	why map[codeowners.Owner]string // why owners of what is unowned can't approve; of the first few
}

// Summarize returns the judgement under a rule, which may be nil. needs are what must be approved by owners, of the
// base and head that there are.
func (p *Pull) Summarize(v storage.View, rule *protect.Rule, needs []codeowners.Requirement) (Judgement, error) {
	var j Judgement
	prefix := verdictKey(p.Repo, p.Number, "")
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return j, err
		}
		verdict, err := decodeVerdict(string(rec.Key[len(prefix):]), rec.Value)
		if err != nil {
			return j, err
		}
		if verdict.Reviewer == p.Author {
			continue
		}
		may, err := access.User(verdict.Reviewer).Permission(v, p.Repo)
		if err != nil {
			return j, err
		}
		removals, err := people.Removals(v, verdict.Reviewer)
		if err != nil {
			return j, err
		}
		stale := verdict.Review <= p.Dismissed || rule != nil && rule.DismissStaleReviews && verdict.Commit != p.Head
		switch {
		case may < access.Write || removals != verdict.Removals:
		case verdict.Opinion == ChangesRequested:
			j.Requested = append(j.Requested, verdict.Reviewer)
		case !stale:
			j.Approved = append(j.Approved, verdict.Reviewer)
			j.Pushed = j.Pushed || verdict.Commit == p.Head && verdict.Reviewer != p.Pusher
		}
	}
	if len(needs) == 0 {
		return j, nil
	}
	o, err := ownersIn(v, p.Repo)
	if err != nil {
		return j, err
	}
	are, err := o.of(j.Approved)
	if err != nil {
		return j, err
	}
	for _, need := range needs {
		if !need.MetBy(are) {
			j.Unowned = append(j.Unowned, need)
		}
	}
	j.why, err = o.lacking(j.Unowned)
	return j, err
}

// Missing returns what a rule, which may be nil, asks for beyond the judgement.
func (j *Judgement) Missing(rule *protect.Rule) []string {
	var lacks []string
	if rule == nil {
		return nil
	}
	if len(j.Approved) < rule.RequiredReviews {
		lacks = append(lacks, fmt.Sprintf("it has %d of %d approvals", len(j.Approved), rule.RequiredReviews))
	}
	if rule.RequiredReviews > 0 || rule.RequireCodeOwnerReview {
		for _, login := range j.Requested {
			lacks = append(lacks, login+" asked for changes")
		}
	}
	if rule.RequireCodeOwnerReview {
		for _, need := range j.Unowned {
			lacks = append(lacks, need.Text(j.why))
		}
	}
	if rule.RequireLastPushReview && !j.Pushed {
		lacks = append(lacks, "nobody but who pushed last has approved of what was pushed")
	}
	return lacks
}
