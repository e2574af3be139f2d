// Package protect keeps what branches are protected from: rules for patterns of branches, of which one applies to a
// branch.
package protect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/fnmatch"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

var (
	// ErrRefused says that a rule refuses a change.
	ErrRefused = fault.New(fault.Protected, "")
	// ErrRule says that a rule can't be.
	ErrRule = fault.New(fault.Invalid, "malformed branch protection")
	// ErrTooMany says that a repository has as many rules as it can have.
	ErrTooMany = fmt.Errorf("too many branch protections: %w", storage.ErrTooLarge)
)

const (
	// MaxRules bounds the rules of one repository: each change of a branch may have to look at all.
	MaxRules = 256
	// MaxPattern bounds a pattern in bytes: each change of a branch may have to match it, while others wait.
	MaxPattern = 1 << 10
	// MaxReviews bounds how many approvals a rule can ask for.
	MaxReviews = 100
)

// A Rule says what the branches that its pattern matches are protected from.
type Rule struct {
	Pattern                string
	RequirePR              bool
	RequiredReviews        int
	DismissStaleReviews    bool
	RequireCodeOwnerReview bool
	RequireLastPushReview  bool
	AllowForcePush         bool
	AllowDeletion          bool
	BypassAdmins           bool
}

// Matches reports whether the rule is for a branch, named in short.
func (r *Rule) Matches(branch string) bool {
	if r.IsExact() {
		return r.Pattern == branch
	}
	return fnmatch.Match(r.Pattern, branch)
}

// IsExact reports whether the rule names just one branch.
func (r *Rule) IsExact() bool { return !strings.ContainsAny(r.Pattern, fnmatch.Special) }

// PullsOnly reports whether commits reach the branch through pull requests only: whatever is asked of these could be
// evaded otherwise.
func (r *Rule) PullsOnly() bool {
	return r.RequirePR || r.RequiredReviews > 0 || r.DismissStaleReviews || r.RequireCodeOwnerReview ||
		r.RequireLastPushReview
}

// Refuse returns the ErrRefused of the rule, for a reason.
func (r *Rule) Refuse(reason string) error { return &refusal{r.Pattern, reason} }

type refusal struct{ pattern, reason string }

func (e *refusal) Error() string { return fmt.Sprintf("%v %q: %s", ErrRefused, e.pattern, e.reason) }
func (e *refusal) Unwrap() error { return ErrRefused }

// Check returns ErrRule if the rule can't be: its pattern is malformed, or whatever its wildcards stand for is no
// branch's name, or it asks for too many reviews.
func (r *Rule) Check() error {
	switch {
	case r.RequiredReviews < 0 || r.RequiredReviews > MaxReviews:
		return fmt.Errorf("%w: %d required reviews, not 0 to %d", ErrRule, r.RequiredReviews, MaxReviews)
	case len(r.Pattern) > MaxPattern:
		return fmt.Errorf("%w: pattern of more than %d bytes", ErrRule, MaxPattern)
	case strings.HasPrefix(r.Pattern, "refs/heads/"):
		return fmt.Errorf("%w: pattern %q: it is matched with names without refs/heads/", ErrRule, r.Pattern)
	case fnmatch.Check(r.Pattern) != nil:
		return fmt.Errorf("%w: pattern %q: a bracket is not closed, or nothing follows a backslash", ErrRule, r.Pattern)
	}
	if err := names.CheckBranch(sample(r.Pattern)); err != nil {
		return fmt.Errorf("%w: pattern %q matches no branch: %w", ErrRule, r.Pattern, err)
	}
	return nil
}

// sample returns a name that has the letters of a pattern, and others in place of its wildcards.
func sample(pattern string) string {
	var b strings.Builder
	for at := 0; at < len(pattern); at++ {
		switch c := pattern[at]; c {
		case '*', '?':
			b.WriteByte('x')
		case '[':
			at += closing(pattern[at:])
			b.WriteByte('x')
		case '\\':
			at++
			b.WriteByte(pattern[at])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// closing returns the offset of the bracket that closes the one that p, which is well formed, begins with.
func closing(p string) int {
	at := 1
	if p[at] == '!' || p[at] == '^' {
		at++
	}
	for first := true; first || p[at] != ']'; first = false {
		if p[at] == '\\' {
			at++
		}
		at++
	}
	return at
}

// Rules are those of one repository, in the order in which their patterns were first set.
type Rules []Rule

// For returns the rule that applies to a branch, named in short: the one that names it, or else the oldest whose
// pattern matches it (docs.github.com, "Managing a branch protection rule"). It is nil if there is none.
func (rs Rules) For(branch string) *Rule {
	var found *Rule
	for i := range rs {
		r := &rs[i]
		if (found == nil || r.IsExact()) && r.Matches(branch) {
			if found = r; r.IsExact() {
				break
			}
		}
	}
	return found
}

// Sorted returns the rules in the order in which they are asked: those that name a branch before those with wildcards.
func (rs Rules) Sorted() Rules {
	sorted := slices.Clone(rs)
	slices.SortStableFunc(sorted, func(a, b Rule) int {
		switch {
		case a.IsExact() == b.IsExact():
			return 0
		case a.IsExact():
			return -1
		}
		return 1
	})
	return sorted
}

func (rs Rules) index(pattern string) int {
	return slices.IndexFunc(rs, func(r Rule) bool { return r.Pattern == pattern })
}
