package contributor

import (
	"cmp"
	"slices"
)

// A Contributor is one person, with the number of their commits.
type Contributor struct {
	Login         string // "" for who is no known user
	Name, Email   string
	Contributions int
}

// A Directory returns the login and the name of the user who has an address, or no login.
type Directory func(email string) (login, name string, err error)

// List says who the authors are, most contributions first, then by name. Authors whom m gives the same address are one
// person, as are those with the same address, under whatever names. A person is the user who has that address, or else
// one of those in the commits, and persons who are the same user are one. Without anonymous, only users are listed.
//
// A person goes by the name and the address with most commits; a user goes by their own name, if they have one.
func List(authors []Author, m *Mailmap, users Directory, anonymous bool) ([]Contributor, error) {
	var listed []Contributor
	place := map[string]int{} // of users in listed
	for _, p := range merge(authors, m) {
		c := Contributor{Name: p.most(func(a alias) string { return a.name }),
			Email: p.most(func(a alias) string { return a.email })}
		for _, a := range p.aliases {
			c.Contributions += a.commits
		}
		login, name, err := p.user(users)
		if err != nil {
			return nil, err
		}
		switch i, known := place[login]; {
		case login == "" && !anonymous || c.Contributions == 0:
			continue
		case login != "" && known:
			listed[i].Contributions += c.Contributions
			continue
		case login != "":
			c.Login, c.Name = login, cmp.Or(name, c.Name)
			place[login] = len(listed)
		}
		listed = append(listed, c)
	}
	slices.SortStableFunc(listed, func(a, b Contributor) int {
		return cmp.Or(
			cmp.Compare(b.Contributions, a.Contributions), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Login, b.Login), cmp.Compare(a.Email, b.Email),
		)
	})
	return listed, nil
}

// A group is the names and addresses of one person.
type group struct{ aliases []alias }

// An alias is a proper name and address, and the address that commits have in its place.
type alias struct {
	name, email, raw string
	commits          int
}

// merge returns persons, those with most commits of one alias first.
func merge(authors []Author, m *Mailmap) []*group {
	byEmail := map[string]*group{}
	var groups []*group
	for _, a := range authors {
		name, email := m.Resolve(a.Name, a.Email)
		key := lower(email)
		if key == "" {
			key = "\x00" + name // an address of nobody
		}
		g := byEmail[key]
		if g == nil {
			g = &group{}
			byEmail[key] = g
			groups = append(groups, g)
		}
		g.aliases = append(g.aliases, alias{name, email, a.Email, a.Commits})
	}
	for _, g := range groups {
		slices.SortFunc(g.aliases, func(a, b alias) int {
			return cmp.Or(cmp.Compare(b.commits, a.commits), cmp.Compare(a.name, b.name), cmp.Compare(a.email, b.email),
				cmp.Compare(a.raw, b.raw))
		})
	}
	slices.SortFunc(groups, func(a, b *group) int {
		x, y := a.aliases[0], b.aliases[0]
		return cmp.Or(cmp.Compare(y.commits, x.commits), cmp.Compare(x.email, y.email), cmp.Compare(x.name, y.name))
	})
	return groups
}

// most returns what most commits have, the least of those that as many have.
func (g *group) most(of func(alias) string) string {
	commits := map[string]int{}
	best := of(g.aliases[0])
	for _, a := range g.aliases {
		commits[of(a)] += a.commits
	}
	for s, n := range commits {
		if n > commits[best] || n == commits[best] && s < best {
			best = s
		}
	}
	return best
}

// user returns the user that a person is, if any.
func (g *group) user(users Directory) (login, name string, err error) {
	asked := map[string]bool{"": true}
	ask := func(email string) (found bool) {
		if key := lower(email); !asked[key] {
			asked[key] = true
			login, name, err = users(email)
		}
		return login != "" || err != nil
	}
	if ask(g.aliases[0].email) {
		return login, name, err
	}
	for _, a := range g.aliases {
		if ask(a.raw) {
			break
		}
	}
	return login, name, err
}
