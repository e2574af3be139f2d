package access

import (
	"bytes"
	"slices"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/storage"
)

// Viewer returns what the actor comes across in lists, or nil for all. It costs a look at each repository that was
// granted to the actor, and at each fork of a private repository that they own; if one of those is withheld, at each
// repository that they own.
func (a Actor) Viewer(v storage.View) (*catalog.Viewer, error) {
	if a.kind == host {
		return nil, nil
	}
	seen := &catalog.Viewer{Name: a.String(), Owner: a.Login()}
	switch a.kind {
	case misnamed:
		seen.Only = true
	case deployKey:
		seen.Only = true
		may, err := a.CanRead(v, a.repo)
		if may {
			seen.Granted = []storage.ID{a.repo}
		}
		return seen, err
	case user:
		grants, err := people.GrantedRepos(v, a.login)
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			if withheld, err := isWithheld(v, g.Repo); err != nil {
				return nil, err
			} else if !withheld {
				seen.Granted = append(seen.Granted, g.Repo)
			}
		}
		return seen, a.hideOwn(v, seen)
	}
	return seen, nil
}

// hideOwn has a viewer, who is the actor, come across those of their own repositories alone that they may read.
func (a Actor) hideOwn(v storage.View, w *catalog.Viewer) error {
	if w.Owner == "" {
		return nil
	}
	forks, err := catalog.Dependents(v, w.Owner)
	if err != nil {
		return err
	}
	var hidden []storage.ID
	for _, id := range forks {
		withheld, err := isWithheld(v, id)
		may := None
		if err == nil && withheld {
			may, err = a.Permission(v, id) // they may be who decides on it
		}
		if err != nil {
			return err
		}
		if withheld && may < Read {
			hidden = append(hidden, id)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	// What is left is no range of an index any more. So it is listed one by one, as what was granted.
	var held []storage.ID
	for id, err := range w.Held(v) {
		if err != nil {
			return err
		}
		if !slices.Contains(hidden, id) {
			held = append(held, id)
		}
	}
	slices.SortFunc(held, func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) })
	w.Owner, w.Granted = "", slices.Compact(held)
	return nil
}
