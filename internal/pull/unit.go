package pull

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/event"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// A Unit is the transaction in which pull requests change, and who changes them.
type Unit struct {
	*txn.Tx
	By          access.Actor
	Name, Email string // of who makes the commits under refs/pull/
	Limits      Limits // of Open
}

// Limits bound the open pull requests: whoever moves a branch moves all of its pull requests, in one transaction.
type Limits struct {
	OfAuthor int // of one author who may not write to the base, in one repository
	OfBase   int // to one branch; see reserved
}

// reserved is the part of Limits.OfBase by which those who may write to the base can go beyond it. Otherwise strangers
// could keep them from opening any.
const reserved = 4

// Open adds a pull request that has its head, base, title and author. Head is what the branch holds now. It returns
// ErrOpen if there is an open one of the same head and base, ErrContained if the base has the commit already,
// ErrTooMany, ErrHidden if it would show a private repository to all, and storage.ErrNotFound if there is no such base.
func (u *Unit) Open(p *Pull, text string) error {
	if _, err := u.Tx.Record(p.headKey()); !errors.Is(err, storage.ErrNotFound) {
		if err == nil {
			err = ErrOpen
		}
		return err
	}
	if hides, err := u.hides(p); err != nil {
		return err
	} else if hides {
		return ErrHidden
	}
	if err := u.checkRoom(p); err != nil {
		return err
	}
	base, err := u.tip(p)
	if err != nil {
		return err
	}
	if has, err := u.contains(p, base, p.Head); err != nil {
		return err
	} else if has {
		return ErrContained
	}
	if p.Number, err = u.nextNumber(p.Repo); err != nil {
		return err
	}
	p.State, p.Base, p.Created = Open, base, u.Now
	p.Pusher = p.Author
	if text != "" {
		if err := u.Tx.PutRecord(numberKey(keyText, p.Repo, p.Number), append([]byte{recordVersion}, text...)); err != nil {
			return err
		}
	}
	if err := u.Tx.PutRecord(p.headKey(), encodeNumber(p.Number)); err != nil {
		return err
	}
	if p.Author != "" {
		if err := u.Tx.PutRecord(p.authorKey(), nil); err != nil {
			return err
		}
	}
	if err := u.count(p, +1); err != nil {
		return err
	}
	if err := u.setHead(p); err != nil {
		return err
	}
	return u.put(p, 0, "opened", git.Hash{})
}

// nextNumber returns the number of a new pull request. Those under which there are refs already, as of a repository
// that was mirrored from elsewhere, are passed over.
func (u *Unit) nextNumber(repo storage.ID) (int, error) {
	counts, err := Count(u.Tx, repo)
	if err != nil {
		return 0, err
	}
	for n := counts.Last + 1; ; n++ {
		taken := false
		for _, err := range u.Tx.Refs(repo, fmt.Sprintf("%s%d/", Refs, n), "") {
			if err != nil {
				return 0, err
			}
			taken = true
			break
		}
		if !taken {
			return n, nil
		}
	}
}

// checkRoom refuses a pull request whose head or base has too many, and one of an author who may not write to the base
// and has too many.
func (u *Unit) checkRoom(p *Pull) error {
	if err := u.roomIn(branchKey(keyHead, p.HeadRepo, p.HeadBranch), maxOfHead, "of one head"); err != nil {
		return err
	}
	room := u.Limits.OfBase
	if trusted, err := u.mayWrite(p); err != nil {
		return err
	} else if trusted {
		room += (room + reserved - 1) / reserved
	} else if err := u.roomIn(authorPrefix(p.Repo, p.Author), u.Limits.OfAuthor, "of one author"); err != nil {
		return err
	}
	return u.roomIn(branchKey(keyBase, p.Repo, p.BaseBranch), room, "to one branch")
}

// mayWrite reports whether the author of a pull request may write to the base. The host may.
func (u *Unit) mayWrite(p *Pull) (bool, error) {
	if p.Author == "" {
		return true, nil
	}
	r, err := u.repo(p)
	if err != nil {
		return false, err
	}
	may, err := r.Permission(access.User(p.Author))
	return may >= access.Write, err
}

// roomIn returns ErrTooMany if there are as many records with a prefix as there can be.
func (u *Unit) roomIn(prefix []byte, limit int, what string) error {
	n := 0
	for _, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return err
		}
		if n++; n >= limit {
			return fmt.Errorf("%w %s", ErrTooMany, what)
		}
	}
	return nil
}

// tip returns what the base holds now, or storage.ErrNotFound.
func (u *Unit) tip(p *Pull) (git.Hash, error) {
	r, err := u.Tx.Ref(p.Repo, branches+p.BaseBranch)
	if err == nil && r.Hash.IsZero() {
		err = fmt.Errorf("branch %q: %w", p.BaseBranch, storage.ErrNotFound)
	}
	return r.Hash, err
}

// setHead has the refs of a pull request follow its head. What the base would become by a merge is found out by whoever
// asks.
func (u *Unit) setHead(p *Pull) error {
	if err := u.point(p, p.HeadRef(), p.Head); err != nil {
		return err
	}
	return u.forget(p)
}

// repo returns the repository that a pull request belongs to.
func (u *Unit) repo(p *Pull) (*txn.Repo, error) { return u.Tx.Repo(p.Repo, access.None) }

// contains reports whether a head has a commit, as far as that is known; see txn.Repo.IsAncestor.
func (u *Unit) contains(p *Pull, head, commit git.Hash) (bool, error) {
	r, err := u.repo(p)
	if err != nil {
		return false, err
	}
	is, _ := r.IsAncestor(commit, head)
	return is, nil
}

// point makes a ref of a pull request hold a commit, or removes it if that is zero. These refs have no logs: what only
// they held is gone with them.
func (u *Unit) point(p *Pull, name string, to git.Hash) error {
	now, err := u.Tx.Ref(p.Repo, name)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	if now.Hash == to {
		return nil
	}
	r, err := u.repo(p)
	if err != nil {
		return err
	}
	return r.SetRef(&ref.Change{Name: name, New: to, By: u.By, Unlogged: true})
}

// count adds step to the open pull requests that both repositories count.
func (u *Unit) count(p *Pull, step int) error {
	if err := catalog.Adjust(u.Tx, p.Repo, func(s *catalog.State) { s.OpenPulls += step }); err != nil {
		return err
	}
	return catalog.Adjust(u.Tx, p.HeadRepo, func(s *catalog.State) { s.OutgoingPulls += step })
}

// put stores a pull request that has had a state before, and adds the event of what happened to it.
func (u *Unit) put(p *Pull, before State, what string, oldHead git.Hash) error {
	p.Updated = u.Now
	if err := p.put(u.Tx, before); err != nil {
		return err
	}
	return u.note(p, event.Event{Kind: event.PullChanged, Name: p.BaseBranch, Detail: what, Old: oldHead, New: p.Head,
		Pull: p.Number})
}

func (u *Unit) note(p *Pull, e event.Event) error {
	r, err := u.repo(p)
	if err != nil {
		return err
	}
	e.Repo, e.Private, e.By = p.Repo, r.Private, u.By.String()
	u.Tx.Note(e)
	return nil
}

// end makes an open pull request one of another state.
func (u *Unit) end(p *Pull, to State, what string) error {
	for _, key := range [4][]byte{p.headKey(), p.baseKey(), p.authorKey(), p.testKey()} {
		if err := u.Tx.DeleteRecord(key); err != nil {
			return err
		}
	}
	if err := u.count(p, -1); err != nil {
		return err
	}
	p.State, p.Ended, p.EndedBy = to, u.Now, u.By.Login()
	return u.put(p, Open, what, p.Head)
}

// Close ends an open pull request unmerged, and removes its refs. It returns ErrEnded.
func (u *Unit) Close(p *Pull) error {
	if p.State != Open {
		return ErrEnded
	}
	for _, name := range [2]string{p.HeadRef(), p.MergeRef()} {
		if err := u.point(p, name, git.Hash{}); err != nil {
			return err
		}
	}
	return u.end(p, Closed, "closed")
}

// merged ends an open pull request whose head the base now has.
func (u *Unit) merged(p *Pull, before, commit git.Hash) error {
	p.Base, p.Commit = before, commit
	if err := u.point(p, p.MergeRef(), commit); err != nil {
		return err
	}
	return u.end(p, Merged, "merged")
}
