package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/storage"
)

// scopes calls fn with each scope that the repository is in.
func (r *Repo) scopes(fn func(scope string) error) error {
	if err := fn(""); err != nil {
		return err
	}
	if err := fn(ownerScope(r.Owner)); err != nil {
		return err
	}
	for k, v := range r.Labels {
		if err := fn(labelScope(k, v)); err != nil {
			return err
		}
	}
	if !r.Family.IsZero() {
		if err := fn(familyScope(r.Family)); err != nil {
			return err
		}
	}
	if r.Networked {
		return fn(networkScope(r.Pool))
	}
	return nil
}

// A timeEntry is one time of a repository, with the fields that have it.
type timeEntry struct {
	fields Sort
	time   uint64
}

// times returns the entries of the index by time. Those with no fields are none.
func (r *Repo) times(s State) [3]timeEntry {
	entries := [3]timeEntry{
		{ByCreated, timeKey(r.Created)}, {ByUpdated, timeKey(s.Updated)}, {ByPushed, timeKey(s.Pushed)},
	}
	for i := range entries {
		for j := range i {
			if entries[j].fields != 0 && entries[j].time == entries[i].time {
				entries[j].fields |= entries[i].fields
				entries[i].fields = 0
				break
			}
		}
	}
	return entries
}

// created is the one entry in a static scope.
func (r *Repo) created() [3]timeEntry {
	return [3]timeEntry{{ByCreated, timeKey(r.Created)}}
}

// moveTimes replaces entries of the index by time with others.
func (r *Repo) moveTimes(tx storage.Tx, from, to [3]timeEntry) error {
	return r.scopes(func(scope string) error {
		if isStatic(scope) {
			return nil
		}
		return r.moveIn(tx, scope, from, to)
	})
}

func (r *Repo) moveIn(tx storage.Tx, scope string, from, to [3]timeEntry) error {
	var buffer [128]byte
	for _, e := range from {
		if e.fields != 0 && !slices.Contains(to[:], e) {
			if err := tx.DeleteRecord(timeIndexKey(buffer[:0], r.visibility(), scope, e, r.ID)); err != nil {
				return err
			}
		}
	}
	for _, e := range to {
		if e.fields != 0 && !slices.Contains(from[:], e) {
			if err := tx.PutRecord(timeIndexKey(buffer[:0], r.visibility(), scope, e, r.ID), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// index adds the repository to all indexes and counts (step +1), or takes it out (-1).
func (r *Repo) index(tx storage.Tx, s State, step int) error {
	times := r.times(s)
	return r.scopes(func(scope string) error { return r.indexIn(tx, scope, times, step) })
}

// indexIn does the work of index for one scope.
func (r *Repo) indexIn(tx storage.Tx, scope string, times [3]timeEntry, step int) error {
	if isStatic(scope) {
		times = r.created()
	}
	var none [3]timeEntry
	from, to := none, times
	set := tx.PutRecord
	if step < 0 {
		from, to = to, none
		set = func(key, _ []byte) error { return tx.DeleteRecord(key) }
	}
	if err := r.moveIn(tx, scope, from, to); err != nil {
		return err
	}
	if scope == "" || scope[0] != 'o' { // an owner's names are a range of all names
		var buffer [160]byte
		if err := set(nameIndexKey(buffer[:0], r.visibility(), scope, r.Owner, r.Slug), r.ID[:]); err != nil {
			return err
		}
	}
	return count(tx, r.visibility(), scope, step)
}

func count(tx storage.Tx, vis visibility, scope string, step int) error {
	n, err := countOf(tx, vis, scope)
	if err != nil {
		return err
	}
	var buffer [80]byte
	key := countKey(buffer[:0], vis, scope)
	if n += step; n == 0 {
		return tx.DeleteRecord(key)
	}
	var value [binary.MaxVarintLen64]byte
	return tx.PutRecord(key, binary.AppendUvarint(value[:0], uint64(n)))
}

// countOf returns how many repositories of a visibility are in a scope.
func countOf(v storage.View, vis visibility, scope string) (int, error) {
	var buffer [80]byte
	b, err := v.Record(countKey(buffer[:0], vis, scope))
	if errors.Is(err, storage.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, used := binary.Uvarint(b)
	if used != len(b) {
		return 0, fmt.Errorf("%w: count of repositories", storage.ErrCorrupt)
	}
	return int(n), nil
}
