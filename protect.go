package reposit

import (
	"context"
	"errors"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// Protections are the rules by which the branches of a repository are protected.
type Protections struct{ r *Repo }

// Protection returns the rules by which the branches of the repository are protected.
//
// A rule is for a pattern. "*" stands for any characters but a slash, "**" between slashes for any number of
// directories, "?" for one character, "[a-z]" and "[!a-z]" for one of a set or none of it: "release/*" is "release/1",
// but not "release/1/fix", which "release/**" is too. To each branch one rule applies at most: the one that names it,
// or else the oldest whose pattern matches.
//
// Rules hold for every verb that moves a ref, whatever name leads to it, in the transaction that moves it. To give a
// branch another name is to delete it; the rule that names it then follows, so only admins may. A branch that does not
// exist yet may be created. Nobody but admins can make another branch the default. A symbolic branch has the rules of
// its own name and of what it leads to, against changes by way of it and of itself.
//
// They do not bind git programs, or others, that write to the folder of a store on billyfs.
//
// Approvals, and owners, are asked of pull requests: a rule that asks for any lets commits in through a pull request
// only, whether or not RequirePR is set.
func (r *Repo) Protection() Protections { return Protections{r} }

// A Protection says what a branch is protected from. The zero value lets every commit in that comes on top of the
// branch, and refuses to delete the branch or to take commits from it.
type Protection struct {
	RequirePR               bool // commits reach the branch through a pull request only
	RequiredReviews         int  // approvals that a pull request needs, at most 100
	DismissStaleReviews     bool // a new commit on the head drops the approvals so far
	RequireCodeOwnerReview  bool // an owner, by CODEOWNERS on the base, of each changed path must approve
	RequireLastPushApproval bool // somebody other than who pushed last to the head must approve of what it became
	AllowForcePush          bool // else only fast-forwards
	AllowDeletion           bool
	BypassAdmins            bool // admins and the host's own calls are exempt
}

// A ProtectionRule is a Protection and the pattern of the branches that it is for.
type ProtectionRule struct {
	Pattern string
	Protection
}

// List returns all rules in the order in which they are asked: those that name a branch before those with wildcards,
// and the older ones first. It needs Read.
func (p Protections) List(ctx context.Context) ([]ProtectionRule, error) {
	return call(ctx, p.r, "list protections", "", func() ([]ProtectionRule, error) {
		rules, _, err := p.load(ctx, "")
		list := make([]ProtectionRule, 0, len(rules))
		for _, rule := range rules.Sorted() {
			list = append(list, publicRule(&rule))
		}
		return list, err
	})
}

// Branch returns the rule that applies to a branch, which need not exist yet: of a symbolic one that of its own name,
// or else that of the branch to which it leads. It returns ErrNotFound if there is none. It needs Read.
func (p Protections) Branch(ctx context.Context, name string) (ProtectionRule, error) {
	return call(ctx, p.r, "branch protection", name, func() (ProtectionRule, error) {
		full, err := branchRef(name)
		if err != nil {
			return ProtectionRule{}, err
		}
		rules, leads, err := p.load(ctx, full[len(ref.Branches):])
		if err != nil {
			return ProtectionRule{}, err
		}
		rule := rules.For(full[len(ref.Branches):])
		if rule == nil && leads != "" {
			rule = rules.For(leads)
		}
		if rule == nil {
			return ProtectionRule{}, &detail{ErrNotFound, "not found: the branch is not protected", nil}
		}
		return publicRule(rule), nil
	})
}

// load returns all rules, and the branch that a name leads to, if it is one that is there.
func (p Protections) load(ctx context.Context, name string) (rules protect.Rules, leads string, err error) {
	err = p.r.s.backend.View(ctx, func(v storage.View) error {
		if _, err := p.r.s.actor.Check(v, p.r.id, access.Read); err != nil {
			return err
		}
		if rules, err = protect.Load(v, p.r.id); err != nil || name == "" {
			return err
		}
		at, err := ref.Follow(v, p.r.id, ref.Branches+name)
		if errors.Is(err, ref.ErrSymbolic) {
			err = nil
		}
		leads = strings.TrimPrefix(at.Name, ref.Branches)
		return err
	})
	return rules, leads, err
}

// Set protects the branches that a pattern matches, in place of what was set for the pattern before. It needs Admin. It
// returns ErrInvalid for a pattern that is malformed or matches no branch, whatever its wildcards stand for, and
// ErrTooLarge beyond 256 patterns.
func (p Protections) Set(ctx context.Context, pattern string, protection Protection) error {
	return do(ctx, p.r, "protect", pattern, func() error {
		rule := protect.Rule{
			Pattern: pattern, RequirePR: protection.RequirePR, RequiredReviews: protection.RequiredReviews,
			DismissStaleReviews: protection.DismissStaleReviews, RequireCodeOwnerReview: protection.RequireCodeOwnerReview,
			RequireLastPushReview: protection.RequireLastPushApproval,
			AllowForcePush:        protection.AllowForcePush, AllowDeletion: protection.AllowDeletion,
			BypassAdmins: protection.BypassAdmins,
		}
		if err := rule.Check(); err != nil {
			return err
		}
		return p.r.s.backend.Update(ctx, p.r.s.actor, func(tx *txn.Tx) error {
			r, err := tx.Repo(p.r.id, access.Admin)
			if err != nil {
				return err
			}
			if err := protect.Set(tx, p.r.id, rule); err != nil {
				return err
			}
			noteRule(r, pattern, "protected")
			return r.Protect(tx, true)
		})
	})
}

// Remove takes the rule of a pattern away. It needs Admin. It returns ErrNotFound if there is none.
func (p Protections) Remove(ctx context.Context, pattern string) error {
	return do(ctx, p.r, "unprotect", pattern, func() error {
		return p.r.s.backend.Update(ctx, p.r.s.actor, func(tx *txn.Tx) error {
			r, err := tx.Repo(p.r.id, access.Admin)
			if err != nil {
				return err
			}
			left, err := protect.Remove(tx, p.r.id, pattern)
			if err != nil {
				return err
			}
			noteRule(r, pattern, "unprotected")
			return r.Protect(tx, left)
		})
	})
}

// noteRule adds the event of a changed rule.
func noteRule(r *txn.Repo, pattern, detail string) {
	r.Tx().Note(event.Event{Kind: event.AccessChanged, Repo: r.ID, Private: r.Private, Name: pattern, Detail: detail})
}

func publicRule(r *protect.Rule) ProtectionRule {
	return ProtectionRule{r.Pattern, Protection{
		RequirePR: r.RequirePR, RequiredReviews: r.RequiredReviews, DismissStaleReviews: r.DismissStaleReviews,
		RequireCodeOwnerReview: r.RequireCodeOwnerReview, RequireLastPushApproval: r.RequireLastPushReview,
		AllowForcePush: r.AllowForcePush, AllowDeletion: r.AllowDeletion,
		BypassAdmins: r.BypassAdmins,
	}}
}
