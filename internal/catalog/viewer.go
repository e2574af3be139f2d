package catalog

import (
	"errors"
	"iter"
	"slices"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Viewer comes across public repositories and those private ones that they may read.
type Viewer struct {
	Name    string       // what tokens are bound to; different for each viewer
	Owner   string       // may read the private repositories of this owner; "": of none
	Granted []storage.ID // may read these, too
	Only    bool         // comes across nothing but Granted
}

// owns reports whether a repository is the viewer's own.
func (w *Viewer) owns(r *Repo) bool { return w.Owner != "" && names.Same(r.Owner, w.Owner) }

// Held yields all repositories of the viewer's own, and all that were granted to them.
func (w *Viewer) Held(v storage.View) iter.Seq2[storage.ID, error] {
	return func(yield func(storage.ID, error) bool) {
		for id, err := range w.private(v) {
			if !yield(id, err) || err != nil {
				return
			}
		}
		if w.Owner == "" {
			return
		}
		w.named(v, public, yield)
	}
}

// private yields the private repositories of the viewer themselves, and all that were granted to them.
func (w *Viewer) private(v storage.View) iter.Seq2[storage.ID, error] {
	return func(yield func(storage.ID, error) bool) {
		for _, id := range w.Granted {
			if !yield(id, nil) {
				return
			}
		}
		if w.Owner == "" {
			return
		}
		w.named(v, private, yield)
	}
}

// CountPrivateForks returns how many of the private forks of a repository a viewer comes across, of so many that there
// are. It costs a look at each of them, or at each private repository of the viewer's and each that was granted to
// them, whichever are fewer.
func CountPrivateForks(v storage.View, id storage.ID, forks int, w *Viewer) (int, error) {
	own, err := countOf(v, private, ownerScope(w.Owner))
	if err != nil {
		return 0, err
	}
	held, err := families(v, id)
	if err != nil {
		return 0, err
	}
	among := PrivateForks(v, id)
	if own+len(w.Granted) < forks {
		among = w.private(v)
	}
	found := map[storage.ID]bool{}
	for id, err := range among {
		if err != nil {
			return 0, err
		}
		r, err := Load(v, id)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if r.Private && slices.Contains(held, r.Family) && (w.owns(r) || slices.Contains(w.Granted, id)) {
			found[id] = true
		}
	}
	return len(found), nil
}

// named yields the repositories of a visibility that are the viewer's own, by name.
func (w *Viewer) named(v storage.View, vis visibility, yield func(storage.ID, error) bool) {
	prefix := nameIndexKey(nil, vis, "", w.Owner, "")
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		var id storage.ID
		if err == nil {
			id, err = recordID(rec.Value, "name")
		}
		if !yield(id, err) || err != nil {
			return
		}
	}
}
