package access

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// The fork of a private repository, the upstream, is withheld from all while its owner may not read the upstream, or
// that is withheld itself, or was deleted with an upstream of its own that the owner may not read, or with none and an
// other owner. It is as it was when they may again, or the upstream is public.

// upstream returns whether a repository is withheld, and what decides on it then: the one without which it would not
// be; of several the first of their network. It is zero if that was deleted.
func upstream(v storage.View, h catalog.Header) (decides storage.ID, withheld bool, err error) {
	owner, up, private := h.Owner, h.Upstream, h.Private
	for steps := 0; private && !up.IsZero(); steps++ {
		if steps > catalog.MaxDepth {
			return decides, false, fmt.Errorf("%w: upstreams of a repository", storage.ErrCorrupt)
		}
		u, err := catalog.LoadHeader(v, up)
		if errors.Is(err, storage.ErrNotFound) {
			t, err := catalog.LoadTombstone(v, h.Pool, up)
			switch {
			case errors.Is(err, storage.ErrNotFound): // it was public when it was deleted
				return decides, withheld, nil
			case err != nil:
				return decides, false, err
			case t.Upstream.IsZero() && User(owner) != User(t.Owner):
				decides, withheld = storage.ID{}, true
			}
			up = t.Upstream
			continue
		}
		if err != nil {
			return decides, false, err
		}
		if private = u.Private; !private {
			break
		}
		p, err := User(owner).own(v, up, u, Read)
		if err != nil {
			return decides, false, err
		}
		if p < Read {
			decides, withheld = up, true
		}
		owner, up = u.Owner, u.Upstream
	}
	return decides, withheld, nil
}

// own returns what the actor may do with a repository that is not withheld, at least if it is less than enough.
func (a Actor) own(v storage.View, repo storage.ID, h catalog.Header, enough Permission) (Permission, error) {
	f := Facts{Repo: repo, Owner: h.Owner, Private: h.Private}
	if p := Decide(a, f); p >= enough {
		return p, nil
	}
	var err error
	f.Grant, err = a.grant(v, repo, h.Owner, enough)
	return Decide(a, f), err
}

// withhold completes the facts of a repository that is withheld, and reports whether it is.
func (a Actor) withhold(v storage.View, h catalog.Header, f *Facts) (bool, error) {
	if !h.Private || h.Upstream.IsZero() {
		return false, nil
	}
	decides, withheld, err := upstream(v, h)
	if err != nil || !withheld {
		return false, err
	}
	f.Withheld = true
	if decides.IsZero() {
		return true, nil
	}
	u, err := catalog.LoadHeader(v, decides)
	if err == nil {
		f.Upstream, err = a.own(v, decides, u, Admin)
	}
	return true, err
}

// IsWithheld reports whether a repository is the fork of a private one that its owner may not read.
func IsWithheld(v storage.View, h catalog.Header) (bool, error) {
	_, withheld, err := upstream(v, h)
	return withheld, err
}

// isWithheld is IsWithheld of a repository by its ID. One that is not there, or damaged, is not.
func isWithheld(v storage.View, id storage.ID) (bool, error) {
	h, err := catalog.LoadHeader(v, id)
	if errors.Is(err, storage.ErrNotFound) || catalog.IsDamage(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return IsWithheld(v, h)
}
