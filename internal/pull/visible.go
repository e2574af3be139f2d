package pull

import (
	"errors"

	"github.com/reposit/reposit/internal/access"
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
	head, err := u.Tx.Repo(p.HeadRepo, access.None)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil && head.Private, err
}

// CloseHidden closes up to limit open pull requests, from and to a repository whose visibility has changed, that now
// would show private repositories to all. It reports whether there may be more.
func (u *Unit) CloseHidden(repo storage.ID, limit int) (more bool, err error) {
	r, err := u.Tx.Repo(repo, access.None)
	if err != nil {
		return false, err
	}
	list := u.openFrom
	if !r.Private {
		list = u.openTo
	}
	all, err := list(repo)
	if err != nil {
		return false, err
	}
	for _, p := range all {
		hides, err := u.hides(p)
		if err != nil {
			return false, err
		}
		if !hides {
			continue
		}
		if limit--; limit < 0 {
			return true, nil
		}
		if err := u.Close(p); err != nil {
			return false, err
		}
	}
	return false, nil
}

// openFrom returns the open pull requests from a repository to others.
func (u *Unit) openFrom(repo storage.ID) ([]*Pull, error) {
	var all []*Pull
	prefix := repoKey(keyHead, repo)
	for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		number, err := decodeNumber(rec.Value)
		if err != nil {
			return nil, err
		}
		branch := len(prefix)
		for branch < len(rec.Key) && rec.Key[branch] != 0 {
			branch++
		}
		base, _, err := baseOf(rec.Key, rec.Key[:min(branch+1, len(rec.Key))])
		if err != nil {
			return nil, err
		}
		p, err := u.open(base, number)
		if err != nil {
			return nil, err
		}
		if p != nil && base != repo {
			all = append(all, p)
		}
	}
	return all, nil
}

// openTo returns the open pull requests to a repository from others.
func (u *Unit) openTo(repo storage.ID) ([]*Pull, error) {
	var all []*Pull
	prefix := repoKey(keyBase, repo)
	for rec, err := range u.Tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		number, err := lastNumber(rec.Key)
		if err != nil {
			return nil, err
		}
		p, err := u.open(repo, number)
		if err != nil {
			return nil, err
		}
		if p != nil && p.HeadRepo != repo {
			all = append(all, p)
		}
	}
	return all, nil
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
