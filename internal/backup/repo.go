package backup

import (
	"context"
	"errors"
	"slices"

	"github.com/reposit/reposit/storage"
)

// A refChange is one step on the way to what a ref shall be: of its value, its log, or both.
type refChange struct {
	ref   storage.Ref
	gone  bool
	entry *storage.LogEntry
}

// mostChanges is how many steps one Update takes.
const mostChanges = 1000

// A newRepo is a repository that is yet to be made, with what its refs become.
type newRepo struct {
	id, pool storage.ID
	changes  []refChange
}

// flushRepos makes the repositories that are yet to be made, in one transaction but for large ones.
func (t *target) flushRepos(ctx context.Context) error {
	repos := t.fresh
	t.fresh, t.changes = nil, 0
	if len(repos) == 0 {
		return nil
	}
	var left []refChange // of the last one
	last := &repos[len(repos)-1]
	if len(last.changes) > mostChanges {
		last.changes, left = last.changes[:mostChanges], last.changes[mostChanges:]
	}
	err := t.backend.Update(ctx, func(tx storage.Tx) error {
		for _, r := range repos {
			if err := tx.CreateRepo(r.id, r.pool); err != nil {
				return err
			}
			if err := apply(tx, r.id, r.changes); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.change(ctx, last.id, left)
}

// change makes many changes of refs.
func (t *target) change(ctx context.Context, id storage.ID, changes []refChange) error {
	for some := range slices.Chunk(changes, mostChanges) {
		if err := t.backend.Update(ctx, func(tx storage.Tx) error { return apply(tx, id, some) }); err != nil {
			return err
		}
	}
	return nil
}

// repo makes a repository hold the refs and logs that an item says. If the log of a ref is no beginning of what it
// shall be, the repository is made anew.
func (t *target) repo(ctx context.Context, r *repoItem) error {
	if t.seen[r.ID] {
		if err := t.flushRepos(ctx); err != nil {
			return err
		}
		var changes []refChange
		var foreign bool
		err := t.backend.View(ctx, func(v storage.View) (err error) {
			changes, foreign, err = difference(v, r)
			return err
		})
		if err != nil {
			return err
		}
		if !foreign {
			return t.change(ctx, r.ID, changes)
		}
		if err := t.backend.Update(ctx, func(tx storage.Tx) error { return tx.DropRepo(r.ID) }); err != nil {
			return err
		}
	}
	made := newRepo{r.ID, r.Pool, first(r)}
	t.seen[r.ID] = true
	if t.changes += 1 + len(made.changes); t.changes > mostChanges {
		if err := t.flushRepos(ctx); err != nil {
			return err
		}
		t.changes = 1 + len(made.changes)
	}
	t.fresh = append(t.fresh, made)
	return nil
}

// first returns the steps to what an item says from nothing.
func first(r *repoItem) (changes []refChange) {
	for _, gone := range []bool{true, false} {
		for i := range r.Refs {
			if want := &r.Refs[i]; want.Gone == gone {
				changes = append(changes, stepsFrom(nil, nil, want)...)
			}
		}
	}
	return changes
}

func apply(tx storage.Tx, id storage.ID, changes []refChange) error {
	for _, c := range changes {
		var err error
		if c.gone {
			err = tx.DeleteRef(id, c.ref.Name, c.entry)
		} else {
			err = tx.PutRef(id, c.ref, c.entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// difference returns the steps from what is there to what an item says, and whether there is none since a log is
// another one. Deletions come first: the name of a ref that is gone may be in the way of one that is there.
func difference(v storage.View, r *repoItem) (changes []refChange, foreign bool, err error) {
	wanted := map[string]bool{}
	for i := range r.Refs {
		wanted[r.Refs[i].Name] = true
	}
	for has, err := range v.Refs(r.ID, "", "") {
		if err != nil {
			return nil, false, err
		}
		if !wanted[has.Name] {
			changes = append(changes, refChange{ref: storage.Ref{Name: has.Name}, gone: true})
		}
	}
	for _, gone := range []bool{true, false} {
		for i := range r.Refs {
			want := &r.Refs[i]
			if want.Gone != gone {
				continue
			}
			steps, foreign, err := steps(v, r.ID, want)
			if err != nil || foreign {
				return nil, foreign, err
			}
			changes = append(changes, steps...)
		}
	}
	return changes, false, nil
}

func steps(v storage.View, id storage.ID, want *refItem) (changes []refChange, foreign bool, err error) {
	var log []storage.LogEntry
	for e, err := range v.Log(id, want.Name) {
		if err != nil {
			return nil, false, err
		}
		log = append(log, e)
	}
	slices.Reverse(log)
	if len(log) > len(want.Log) {
		return nil, true, nil
	}
	for i := range log {
		if !sameEntry(&log[i], &want.Log[i]) {
			return nil, true, nil
		}
	}
	has, err := v.Ref(id, want.Name)
	if errors.Is(err, storage.ErrNotFound) {
		return stepsFrom(nil, log, want), false, nil
	}
	return stepsFrom(&has, log, want), false, err
}

// stepsFrom returns the steps from what a ref holds, nil for none, and its log to what it shall be.
func stepsFrom(has *storage.Ref, log []storage.LogEntry, want *refItem) (changes []refChange) {
	left := want.Log[len(log):]
	if !want.Gone {
		for i := range left {
			changes = append(changes, refChange{ref: want.Ref, entry: &left[i]})
		}
		if len(left) == 0 && (has == nil || *has != want.Ref) {
			changes = append(changes, refChange{ref: want.Ref})
		}
		return changes
	}
	// A deletion is noted only of a ref that is there.
	held := storage.Ref{Name: want.Name, Hash: storage.Hash{1}}
	for i := range left {
		last := i == len(left)-1
		if last && i == 0 && has == nil {
			changes = append(changes, refChange{ref: held})
		}
		changes = append(changes, refChange{ref: held, gone: last, entry: &left[i]})
	}
	if len(left) == 0 && has != nil {
		changes = append(changes, refChange{ref: held, gone: true})
	}
	return changes
}

func sameEntry(a, b *storage.LogEntry) bool {
	_, x := a.When.Zone()
	_, y := b.When.Zone()
	return a.Old == b.Old && a.New == b.New && a.Name == b.Name && a.Email == b.Email && a.Message == b.Message &&
		a.When.Unix() == b.When.Unix() && x == y
}
