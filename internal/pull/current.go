package pull

import (
	"errors"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/storage"
)

// Current returns p as it is once it has followed its head, which a program outside may have moved: that tells nobody.
// Under a rule, which may be nil, approvals may count no more. It returns p itself if that is so already, and ok is
// false if p will be closed, since its head is gone or may not be shown any more.
func (p *Pull) Current(v storage.View, rule *protect.Rule) (now *Pull, ok bool, err error) {
	if p.State != Open {
		return p, true, nil
	}
	head, err := p.headNow(v)
	if err != nil || head == p.Head {
		return p, true, err
	}
	if head.IsZero() {
		return p, false, nil
	}
	if shown, err := p.showsNow(v); err != nil || !shown {
		return p, false, err
	}
	is := *p
	is.Head, is.Pusher = head, ""
	if rule != nil && rule.DismissStaleReviews {
		is.Dismissed = is.Reviews
	}
	return &is, true, nil
}

// headNow returns what the branch of the head holds, or the zero hash if it is gone. When its repository was deleted,
// the head stays.
func (p *Pull) headNow(v storage.View) (git.Hash, error) {
	r, err := v.Ref(p.HeadRepo, branches+p.HeadBranch)
	gone := errors.Is(err, storage.ErrNotFound)
	if err != nil && !gone || err == nil && r.Hash == p.Head {
		return r.Hash, err
	}
	if _, err = catalog.Load(v, p.HeadRepo); errors.Is(err, storage.ErrNotFound) { // also if it is kept
		return p.Head, nil
	}
	return r.Hash, err
}

// showsNow is Unit.mayShow in a View.
func (p *Pull) showsNow(v storage.View) (bool, error) {
	if p.HeadRepo == p.Repo {
		return true, nil
	}
	base, err := catalog.Load(v, p.Repo)
	if err != nil {
		return false, err
	}
	head, err := catalog.Load(v, p.HeadRepo)
	if err != nil || head.Private && !base.Private {
		return false, err
	}
	if p.Author == "" {
		return true, nil
	}
	author := access.User(p.Author)
	may, err := author.Permission(v, p.HeadRepo)
	if err != nil || may < access.Write {
		return false, err
	}
	may, err = author.Permission(v, p.Repo)
	return may >= access.Read, err
}

// CatchUp has an open pull request follow what a program outside did to its head: nobody here pushed that. The pull
// request may end by it. It returns the pull request as it is then.
func (u *Unit) CatchUp(p *Pull) (*Pull, error) {
	if p.State != Open {
		return p, nil
	}
	head, err := p.headNow(u.Tx)
	if err != nil || head == p.Head {
		return p, err
	}
	outside := *u
	outside.By = access.Host()
	if head.IsZero() {
		err = outside.Close(p)
	} else {
		err = outside.follow(p, Move{Repo: p.HeadRepo, Branch: p.HeadBranch, Old: p.Head, New: head})
	}
	return p, err
}

// CatchUpAll is CatchUp of the open pull requests to a repository that was deleted meanwhile, of up to limit that are
// not as their heads are. It reports whether there are more.
func (u *Unit) CatchUpAll(repo storage.ID, limit int) (more bool, err error) {
	var late []*Pull
	for p, err := range u.openTo(repo) {
		if err != nil {
			return false, err
		}
		head, err := p.headNow(u.Tx)
		if err != nil {
			return false, err
		}
		if head == p.Head {
			continue
		}
		if len(late) == limit {
			more = true
			break
		}
		late = append(late, p)
	}
	for _, p := range late {
		if _, err := u.CatchUp(p); err != nil {
			return false, err
		}
	}
	return more, nil
}
