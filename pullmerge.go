package reposit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
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
			m, err := p.look(ctx, v, access.Read, number)
			if err != nil {
				return err
			}
			judgement, err := m.pull.Judge(v, m.rule, m.needs.Requirements)
			s = PullStatus{
				Head: Hash(m.pull.Head), Base: Hash(m.base), Diverged: !m.fits,
				Approved: judgement.Approved, ChangesRequested: judgement.Requested, Lacks: judgement.Lacks(m.rule),
			}
			if m.needs.TooLarge {
				s.Notes = append(s.Notes, "CODEOWNERS has more than 3 MiB, and is ignored")
			}
			if m.pull.State != pull.Open {
				s.Lacks = append(s.Lacks, "it is not open")
			} else if !m.fits {
				s.Lacks = append(s.Lacks, fmt.Sprintf("%s has commits that the head has not", m.pull.BaseBranch))
			}
			s.Mergeable = len(s.Lacks) == 0
			return err
		})
		return s, err
	})
}

// A pullLook is what there is to know before a pull request is merged.
type pullLook struct {
	pull  *pull.Pull
	base  git.Hash // what the base holds; zero: it is not there
	fits  bool     // the head has all that the base has
	rule  *protect.Rule
	needs pull.Needs
	owned bool // needs are known: the rule asks for them
}

// look looks at a pull request. It walks histories and compares trees.
func (p Pulls) look(ctx context.Context, v storage.View, need access.Permission, number int) (*pullLook, error) {
	pool, err := p.r.s.actor.Check(v, p.r.id, need)
	if err != nil {
		return nil, err
	}
	if need > access.Read && p.r.s.actor.IsKey() {
		return nil, errKey
	}
	m := &pullLook{}
	if m.pull, err = pull.Load(v, p.r.id, number); err != nil {
		return nil, err
	}
	rules, err := protect.Load(v, p.r.id)
	if err != nil {
		return nil, err
	}
	m.rule = rules.For(m.pull.BaseBranch)
	at, err := ref.Follow(v, p.r.id, ref.Branches+m.pull.BaseBranch)
	if err == nil && at.Name == ref.Branches+m.pull.BaseBranch { // else it is gone, or a program outside made it symbolic
		m.base = at.Hash
	}
	if err != nil || m.base.IsZero() || m.pull.State != pull.Open {
		return m, err
	}
	read := func(ctx context.Context, h git.Hash) (*git.Commit, error) { return p.r.s.objects.Commit(ctx, pool, h) }
	if m.fits, err = graph.IsAncestor(ctx, read, m.base, m.pull.Head); err != nil {
		return nil, err
	}
	if m.rule == nil || !m.rule.RequireCodeOwnerReview {
		return m, nil
	}
	from := m.base
	if !m.fits {
		if from, err = graph.MergeBase(ctx, read, m.pull.Head, m.base); err != nil {
			return nil, err
		}
	}
	m.owned = true
	m.needs, err = p.r.s.owners.Needs(ctx, pool, m.base, from, m.pull.Head)
	return m, err
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
		m := pullMerge{p: p, number: number}
		var err error
		if opts.Branch != "" {
			err = &named{opts.Branch, invalidf("branch: a pull request has its own base")}
		} else if opts.HeadRepo != "" {
			err = &named{string(opts.HeadRepo), invalidf("head: a pull request has its own")}
		} else {
			m.merging, err = p.r.merging(opts)
		}
		for err == nil {
			err = m.try(ctx)
			var moved *ref.ConflictError
			if errors.Is(err, errUnfit) {
				err = m.settle(ctx)
				break
			}
			again := errors.Is(err, pull.ErrMoved) || errors.As(err, &moved) && moved.Name == ref.Branches+m.branch
			if !again {
				break
			}
			err = nil
		}
		return m.result, err
	})
}

// A pullMerge is the merge of a pull request.
type pullMerge struct {
	merging
	p      Pulls
	number int
	branch string // the base
}

// try merges what there is now, or returns an error that says that it moved meanwhile.
func (m *pullMerge) try(ctx context.Context) error {
	var look *pullLook
	var head *git.Commit
	var text string
	err := m.p.r.s.backend.View(ctx, func(v storage.View) error {
		var err error
		if look, err = m.p.look(ctx, v, access.Write, m.number); err != nil {
			return err
		}
		if err := m.check(look); err != nil {
			return err
		}
		if text, err = look.pull.Text(v); err != nil {
			return err
		}
		pool, err := m.p.r.s.actor.Check(v, m.p.r.id, access.Write)
		if err == nil {
			head, err = m.p.r.s.objects.Commit(ctx, pool, look.pull.Head)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.branch = look.pull.BaseBranch
	l, err := m.plan(look.base, look.pull.Head, head, m.message(look.pull, text), ref.Change{
		Name: ref.Branches + m.branch, Merge: &ref.Merge{Pull: m.number, Needs: look.needs.Requirements, Owned: look.owned},
		Log: logEntry(m.committer, fmt.Sprintf("pull request #%d: %s", m.number, look.pull.Title)),
	})
	if err != nil {
		return err
	}
	l.Check = func(v storage.View) error { return m.unmoved(v, look) }
	return m.r.s.backend.Push(ctx, m.r.id, l)
}

// unmoved returns pull.ErrMoved unless the pull request is as it was looked at.
func (m *pullMerge) unmoved(v storage.View, look *pullLook) error {
	is, err := pull.Load(v, m.r.id, m.number)
	if err == nil && (is.State != pull.Open || is.Head != look.pull.Head || is.BaseBranch != look.pull.BaseBranch) {
		err = pull.ErrMoved
	}
	return err
}

func (m *pullMerge) check(look *pullLook) error {
	if look.pull.State != pull.Open {
		return pull.ErrEnded
	}
	if err := checkHead(look.pull, m.opts.Expect); err != nil {
		return err
	}
	if !look.fits || look.base == look.pull.Head {
		return errUnfit
	}
	return nil
}

var errUnfit = errors.New("the head is not ahead of the base")

// settle says what became of a pull request whose head is not ahead of the base. Mostly both have gone their ways. But
// a program outside, which tells nobody, may have merged it.
func (m *pullMerge) settle(ctx context.Context) error {
	return m.p.update(ctx, func(u *pull.Unit) error {
		pool, err := m.p.r.s.actor.Check(u.Tx, m.p.r.id, access.Write)
		if err != nil {
			return err
		}
		is, err := pull.Load(u.Tx, m.p.r.id, m.number)
		if err != nil {
			return err
		}
		settled, err := u.Settle(is)
		if err == nil && !settled {
			err = cmp.Or(u.Unanswered(), diverged(is.BaseBranch))
		}
		if err != nil {
			return err
		}
		c, err := m.p.r.s.objects.Commit(ctx, pool, is.Commit)
		if err == nil {
			m.result = MergeResult{Commit: publicCommit(is.Commit, c), Kind: AlreadyMerged, Base: Hash(is.Base)}
		}
		u.DryRun = m.opts.DryRun
		return err
	})
}

func (m *pullMerge) message(p *pull.Pull, text string) string {
	switch {
	case m.opts.Message != "":
		return m.opts.Message
	case m.opts.Strategy == MergeCommit:
		return fmt.Sprintf("Merge pull request #%d from %s\n\n%s\n", p.Number, p.HeadBranch, p.Title)
	case text == "":
		return fmt.Sprintf("%s (#%d)\n", p.Title, p.Number)
	}
	return fmt.Sprintf("%s (#%d)\n\n%s\n", p.Title, p.Number, text)
}
