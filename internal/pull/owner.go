package pull

import (
	"errors"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/codeowners"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// owners tells who of those that a CODEOWNERS file names may approve in a repository: users and teams with Write.
type owners struct {
	v     storage.View
	repo  storage.ID
	owner string
	teams map[string]bool // those of the owner that may write
}

func ownersIn(v storage.View, repo storage.ID) (*owners, error) {
	h, err := catalog.LoadHeader(v, repo)
	if err != nil {
		return nil, err
	}
	o := &owners{v, repo, h.Owner, map[string]bool{}}
	all, err := people.TeamsOf(v, repo, h.Owner)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		p, err := people.TeamPermission(v, h.Owner, name)
		if err != nil {
			return nil, err
		}
		o.teams[name] = p >= people.Write
	}
	return o, nil
}

// of returns all that logins, who may write, are as owners: themselves, their teams and their addresses. There may be
// many more owners to compare them with.
func (o *owners) of(logins []string) (map[codeowners.Owner]bool, error) {
	are := map[codeowners.Owner]bool{}
	for _, login := range logins {
		are[codeowners.Owner{Login: login}] = true
		teams, err := people.MembershipsIn(o.v, login, o.owner)
		if err != nil {
			return nil, err
		}
		for _, name := range teams {
			if o.teams[name] {
				are[codeowners.Owner{Org: o.owner, Team: name}] = true
			}
		}
		u, err := people.LoadUser(o.v, login)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, address := range u.Addresses() {
			are[codeowners.Owner{Email: address}] = true
		}
	}
	return are, nil
}

// maxLacking bounds the owners that are looked up to tell why they can't approve, since others wait meanwhile.
const maxLacking = 100

// lacking returns why owners of requirements can't approve, of the first few.
func (o *owners) lacking(needs []codeowners.Requirement) (map[codeowners.Owner]string, error) {
	why := map[codeowners.Owner]string{}
	looked := map[codeowners.Owner]bool{}
	for _, need := range needs {
		for _, owner := range need.Owners[:min(len(need.Owners), codeowners.Shown)] {
			if looked[owner] {
				continue
			}
			if len(looked) == maxLacking {
				return why, nil
			}
			looked[owner] = true
			text, err := o.reason(owner)
			if err != nil {
				return nil, err
			}
			if text != "" {
				why[owner] = text
			}
		}
	}
	return why, nil
}

// reason returns why an owner can't approve, or "".
func (o *owners) reason(of codeowners.Owner) (string, error) {
	const unknown, mayNot = "unknown", "may not write"
	login := of.Login
	switch {
	case of.Team != "":
		if of.Org == o.owner && o.teams[of.Team] {
			return "", nil
		}
		p, err := people.TeamPermission(o.v, of.Org, of.Team)
		if p == people.None {
			return unknown, err
		}
		return mayNot, err
	case of.Email != "":
		var err error
		if login, err = people.UserByAddress(o.v, of.Email); errors.Is(err, storage.ErrNotFound) {
			return unknown, nil
		} else if err != nil {
			return "", err
		}
	}
	p, err := access.User(login).Permission(o.v, o.repo)
	if err != nil || p >= access.Write {
		return "", err
	}
	if _, err := people.LoadUser(o.v, login); errors.Is(err, storage.ErrNotFound) {
		return unknown, nil
	} else if err != nil {
		return "", err
	}
	return mayNot, nil
}
