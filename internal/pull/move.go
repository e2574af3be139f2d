package pull

import (
	"errors"
	"slices"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Move is a branch that got another commit.
type Move struct {
	Repo     storage.ID
	Branch   string // in short
	Old, New git.Hash
	OnTop    bool // New was not there before, and its only parent is Old
	Pull     int  // the number of the pull request of which it is the merge; 0: of none
}

// HeadMoved has the open pull requests from a branch follow it. Those with nothing left that the base has not are
// closed.
func (u *Unit) HeadMoved(m Move) error {
	heads, err := u.fromHead(m.Repo, m.Branch)
	if err != nil {
		return err
	}
	for _, p := range heads {
		if p.Head == m.New {
			continue
		}
		if err := u.follow(p, m); err != nil {
			return err
		}
	}
	return nil
}

// follow has one pull request follow its head.
func (u *Unit) follow(p *Pull, m Move) error {
	base, err := u.tip(p)
	if errors.Is(err, storage.ErrNotFound) { // by a program outside
		return u.Close(p)
	}
	if err != nil {
		return err
	}
	if may, err := u.mayShow(p); err != nil {
		return err
	} else if !may {
		return u.Close(p)
	}
	if !m.OnTop {
		if has, err := u.contains(p, base, m.New); err != nil {
			return err
		} else if has {
			return u.Close(p)
		}
	}
	old := p.Head
	p.Head, p.Pusher = m.New, u.By.Login()
	if err := u.setHead(p); err != nil {
		return err
	}
	if err := u.dismiss(p); err != nil {
		return err
	}
	return u.put(p, Open, "head moved", old)
}

// mayShow reports whether what comes to the head may still be shown to those who may read the base: both have the
// visibility for it, and the author may write to the head and read the base.
func (u *Unit) mayShow(p *Pull) (bool, error) {
	if hides, err := u.hides(p); err != nil || hides {
		return false, err
	}
	if p.HeadRepo == p.Repo || p.Author == "" {
		return true, nil
	}
	author := access.User(p.Author)
	for _, of := range [2]struct {
		repo storage.ID
		need access.Permission
	}{{p.HeadRepo, access.Write}, {p.Repo, access.Read}} {
		r, err := u.Tx.Repo(of.repo, access.None)
		if err != nil {
			return false, err
		}
		if may, err := r.Permission(author); err != nil || may < of.need {
			return false, err
		}
	}
	return true, nil
}

// dismiss drops the approvals so far where the base's rule says so.
func (u *Unit) dismiss(p *Pull) error {
	r, err := u.repo(p)
	if err != nil || !r.Protected {
		return err
	}
	rules, err := protect.Load(u.Tx, p.Repo)
	if err != nil {
		return err
	}
	if rule := rules.For(p.BaseBranch); rule != nil && rule.DismissStaleReviews {
		p.Dismissed = p.Reviews
	}
	return nil
}

// BaseMoved makes the open pull requests to a branch merged whose heads the branch now has, and forgets the test merges
// of the others.
func (u *Unit) BaseMoved(m Move) error {
	if m.Pull > 0 {
		p, err := Load(u.Tx, m.Repo, m.Pull)
		if err != nil {
			return err
		}
		if err := u.merged(p, m.Old, m.New); err != nil {
			return err
		}
	}
	if err := u.forgetAll(m.Repo, m.Branch); err != nil || m.OnTop {
		return err
	}
	numbers, heads, err := u.ontoBase(m.Repo, m.Branch)
	if err != nil || len(heads) == 0 {
		return err
	}
	distinct := slices.Clone(heads)
	slices.SortFunc(distinct, func(a, b git.Hash) int { return slices.Compare(a[:], b[:]) })
	r, err := u.Tx.Repo(m.Repo, access.None)
	if err != nil {
		return err
	}
	for _, h := range r.Among(m.New, m.Old, slices.Compact(distinct)) {
		for i, n := range numbers {
			if heads[i] != h {
				continue
			}
			p, err := Load(u.Tx, m.Repo, n)
			if err != nil {
				return dangling(err, m.Repo, n)
			}
			if err := u.merged(p, m.Old, m.New); err != nil {
				return err
			}
		}
	}
	return nil
}

// Settle finds out what a program outside, which tells nobody, did to an open pull request. One whose head the base has
// by now becomes merged. Otherwise it follows its head, and may be closed by that.
func (u *Unit) Settle(p *Pull) error {
	if p.State != Open {
		return ErrEnded
	}
	base, err := u.tip(p)
	if err != nil {
		return err
	}
	head, err := p.headNow(u.Tx)
	if err != nil {
		return err
	}
	if head.IsZero() { // deleted, maybe since it was merged
		head = p.Head
	}
	has, err := u.contains(p, base, head)
	if err == nil && has {
		has, err = u.contains(p, head, p.Head) // else it went back to what the base has
	}
	if err != nil {
		return err
	}
	if !has {
		_, err = u.CatchUp(p)
		return err
	}
	p.Head = head
	if err := u.point(p, p.HeadRef(), head); err != nil {
		return err
	}
	return u.merged(p, base, base)
}

// Gone closes the open pull requests from and to a branch that is not there any more.
func (u *Unit) Gone(repo storage.ID, branch string) error {
	all, err := u.of(repo, branch)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := u.Close(p); err != nil {
			return err
		}
	}
	return nil
}

// Renamed has the open pull requests from and to a branch follow it to its new name.
func (u *Unit) Renamed(repo storage.ID, from, to string) error {
	all, err := u.of(repo, from)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := u.forget(p); err != nil {
			return err
		}
		for _, key := range [2][]byte{p.headKey(), p.baseKey()} {
			if err := u.Tx.DeleteRecord(key); err != nil {
				return err
			}
		}
		if p.HeadRepo == repo && p.HeadBranch == from {
			p.HeadBranch = to
		}
		if p.Repo == repo && p.BaseBranch == from {
			p.BaseBranch = to
		}
		if err := u.Tx.PutRecord(p.headKey(), encodeNumber(p.Number)); err != nil {
			return err
		}
		if err := u.put(p, Open, "branch renamed", p.Head); err != nil {
			return err
		}
	}
	return nil
}

// of returns the open pull requests from and to a branch. No branch is head and base of the same one.
func (u *Unit) of(repo storage.ID, branch string) ([]*Pull, error) {
	all, err := u.fromHead(repo, branch)
	if err != nil {
		return nil, err
	}
	numbers, _, err := u.ontoBase(repo, branch)
	for _, n := range numbers {
		p, err := Load(u.Tx, repo, n)
		if err != nil {
			return nil, dangling(err, repo, n)
		}
		all = append(all, p)
	}
	return all, err
}

// fromHead returns the open pull requests from a branch. Those of repositories that were deleted are no more.
func (u *Unit) fromHead(repo storage.ID, branch string) ([]*Pull, error) {
	var all []*Pull
	prefix := branchKey(keyHead, repo, branch)
	for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		number, err := decodeNumber(rec.Value)
		if err != nil {
			return nil, err
		}
		base, _, err := baseOf(rec.Key, prefix)
		if err != nil {
			return nil, err
		}
		if _, err := u.Tx.Entry(base); errors.Is(err, storage.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		p, err := Load(u.Tx, base, number)
		if err != nil {
			return nil, dangling(err, base, number)
		}
		all = append(all, p)
	}
	return all, nil
}

// ontoBase returns the numbers and heads of the open pull requests to a branch.
func (u *Unit) ontoBase(repo storage.ID, branch string) (numbers []int, heads []git.Hash, err error) {
	prefix := branchKey(keyBase, repo, branch)
	for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, nil, err
		}
		number, err := lastNumber(rec.Key)
		if err != nil {
			return nil, nil, err
		}
		head, err := decodeHash(rec.Value)
		if err != nil {
			return nil, nil, err
		}
		numbers, heads = append(numbers, number), append(heads, head)
	}
	return numbers, heads, nil
}
