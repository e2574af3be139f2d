package pull

import (
	"errors"
	"iter"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// hides reports whether a pull request would show what is in a private repository to all who may read a public one. A
// repository that was deleted, and which nobody can ask any more, counts as it is shown.
func (u *Unit) hides(p *Pull) (bool, error) {
	if p.HeadRepo == p.Repo {
		return false, nil
	}
	base, err := u.repo(p)
	if err != nil || base.Private {
		return false, err
	}
	private, _, err := u.isPrivate(p.HeadRepo)
	return private, err
}

// isPrivate reports whether a repository is private, and whether it is there at all, be it deleted and kept.
func (u *Unit) isPrivate(repo storage.ID) (private, ok bool, err error) {
	r, err := u.Tx.Repo(repo, access.None)
	if err == nil {
		return r.Private, true, nil
	}
	if !errors.Is(err, storage.ErrNotFound) {
		return false, false, err
	}
	k, err := catalog.LoadKept(u.Tx, repo)
	if errors.Is(err, storage.ErrNotFound) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	return k.Private, true, nil
}

// CloseHidden closes up to limit open pull requests, from and to a repository that is or becomes private, or public,
// which then would show private repositories to all. It reports whether there are more.
func (u *Unit) CloseHidden(repo storage.ID, private bool, limit int) (more bool, err error) {
	list := u.openFrom
	if !private {
		list = u.openTo
	}
	var hidden []*Pull
	for p, err := range list(repo) {
		if err != nil {
			return false, err
		}
		other := p.Repo
		if !private {
			other = p.HeadRepo
		}
		is, ok, err := u.isPrivate(other)
		if err != nil {
			return false, err
		}
		if !ok || is == private {
			continue
		}
		if len(hidden) == limit {
			more = true
			break
		}
		hidden = append(hidden, p)
	}
	for _, p := range hidden {
		if err := u.Close(p); err != nil {
			return false, err
		}
	}
	return more, nil
}

// openFrom yields the open pull requests from a repository to others.
func (u *Unit) openFrom(repo storage.ID) iter.Seq2[*Pull, error] {
	return func(yield func(*Pull, error) bool) {
		prefix := repoKey(keyHead, repo)
		for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
			var p *Pull
			if err == nil {
				p, err = u.byHead(rec, len(prefix))
			}
			if err == nil && (p == nil || p.Repo == repo) {
				continue
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// byHead returns the pull request that the index by heads names, or nil if its repository was deleted.
func (u *Unit) byHead(rec storage.Record, branch int) (*Pull, error) {
	number, err := decodeNumber(rec.Value)
	if err != nil {
		return nil, err
	}
	for branch < len(rec.Key) && rec.Key[branch] != 0 {
		branch++
	}
	base, _, err := baseOf(rec.Key, rec.Key[:min(branch+1, len(rec.Key))])
	if err != nil {
		return nil, err
	}
	return u.open(base, number)
}

// openTo yields the open pull requests to a repository from others.
func (u *Unit) openTo(repo storage.ID) iter.Seq2[*Pull, error] {
	return func(yield func(*Pull, error) bool) {
		prefix := repoKey(keyBase, repo)
		for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
			var p *Pull
			var number int
			if err == nil {
				number, err = lastNumber(rec.Key)
			}
			if err == nil {
				p, err = u.open(repo, number)
			}
			if err == nil && (p == nil || p.HeadRepo == repo) {
				continue
			}
			if !yield(p, err) || err != nil {
				return
			}
		}
	}
}

// open returns a pull request that an index names, or nil if its repository was deleted.
func (u *Unit) open(repo storage.ID, number int) (*Pull, error) {
	if _, err := u.Tx.Entry(repo); errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	p, err := Load(u.Tx, repo, number)
	return p, dangling(err, repo, number)
}
