package catalog

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/record"
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
	time   record.Stamp
}

// times returns the entries of the index by time. Those with no fields are none.
func (r *Repo) times(s State) [3]timeEntry {
	entries := [3]timeEntry{
		{ByCreated, record.StampOf(r.Created)}, {ByUpdated, record.StampOf(s.Updated)}, {ByPushed, record.StampOf(s.Pushed)},
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
	return [3]timeEntry{{ByCreated, record.StampOf(r.Created)}}
}

// moveTimes replaces entries of the index by time with others.
func (r *Repo) moveTimes(tx storage.Tx, from, to [3]timeEntry) error {
	key := make([]byte, 0, keySize)
	return r.scopes(func(scope string) error {
		if isStatic(scope) {
			return nil
		}
		return r.moveIn(tx, scope, from, to, key)
	})
}

// moveIn does the work of moveTimes for one scope, and counts. It makes its keys in the room of key.
func (r *Repo) moveIn(tx storage.Tx, scope string, from, to [3]timeEntry, key []byte) error {
	var change tally
	for _, e := range from {
		if e.fields != 0 && !slices.Contains(to[:], e) {
			change[e.fields]--
			if err := tx.DeleteRecord(timeIndexKey(key[:0], r.visibility(), scope, e, r.ID)); err != nil {
				return err
			}
		}
	}
	for _, e := range to {
		if e.fields != 0 && !slices.Contains(from[:], e) {
			change[e.fields]++
			if err := tx.PutRecord(timeIndexKey(key[:0], r.visibility(), scope, e, r.ID), nil); err != nil {
				return err
			}
		}
	}
	return count(tx, r.visibility(), scope, change, key)
}

// keySize is room for most keys of an index.
const keySize = 160

// index adds the repository to all indexes and counts (step +1), or takes it out (-1).
func (r *Repo) index(tx storage.Tx, s State, step int) error {
	times := r.times(s)
	key := make([]byte, 0, keySize)
	return r.scopes(func(scope string) error { return r.indexIn(tx, scope, times, step, key) })
}

// indexIn does the work of index for one scope. It makes its keys in the room of key.
func (r *Repo) indexIn(tx storage.Tx, scope string, times [3]timeEntry, step int, key []byte) error {
	if isStatic(scope) {
		times = r.created()
	}
	var none [3]timeEntry
	from, to := none, times
	if step < 0 {
		from, to = to, none
	}
	if err := r.moveIn(tx, scope, from, to, key); err != nil {
		return err
	}
	if scope != "" && scope[0] == 'o' { // an owner's names are a range of all names
		return nil
	}
	key = nameIndexKey(key[:0], r.visibility(), scope, r.Owner, r.Slug)
	if step < 0 {
		return tx.DeleteRecord(key)
	}
	return tx.PutRecord(key, r.ID[:])
}

// A tally is how many entries the index by time has in a scope, by the fields that they stand for.
type tally [allTimes + 1]int

// repos returns how many repositories a tally is of: each has one entry for when it was created.
func (t *tally) repos() (n int) {
	for fields, entries := range t {
		if Sort(fields)&ByCreated != 0 {
			n += entries
		}
	}
	return n
}

// encode appends the fields that have entries, each with their number.
func (t *tally) encode(b []byte) []byte {
	for fields, entries := range t {
		if entries != 0 {
			b = binary.AppendUvarint(append(b, byte(fields)), uint64(entries))
		}
	}
	return b
}

func decodeTally(b []byte) (t tally, err error) {
	d := record.Decode(b)
	for last := byte(0); d.Len() > 0; {
		fields, entries := d.Byte(), d.Count(math.MaxInt32)
		if fields <= last || int(fields) >= len(t) || entries == 0 {
			d.Check(false)
			break
		}
		t[fields], last = entries, fields
	}
	if err := d.End("count of repositories"); err != nil {
		return tally{}, err
	}
	return t, nil
}

// count adds to what is counted of a visibility in a scope. It makes its key in the room of key.
func count(tx storage.Tx, vis visibility, scope string, change tally, key []byte) error {
	if change == (tally{}) {
		return nil
	}
	key = countKey(key[:0], vis, scope)
	t, err := readTally(tx, key)
	if err != nil {
		return err
	}
	for fields := range t {
		t[fields] += change[fields]
	}
	if t == (tally{}) {
		return tx.DeleteRecord(key)
	}
	var value [len(t) * (1 + binary.MaxVarintLen64)]byte
	return tx.PutRecord(key, t.encode(value[:0]))
}

// tallyOf returns what is counted of a visibility in a scope.
func tallyOf(v storage.View, vis visibility, scope string) (tally, error) {
	return readTally(v, countKey(nil, vis, scope))
}

func readTally(v storage.View, key []byte) (tally, error) {
	b, err := v.Record(key)
	if errors.Is(err, storage.ErrNotFound) {
		return tally{}, nil
	}
	if err != nil {
		return tally{}, err
	}
	return decodeTally(b)
}

// countOf returns how many repositories of a visibility are in a scope.
func countOf(v storage.View, vis visibility, scope string) (int, error) {
	t, err := tallyOf(v, vis, scope)
	return t.repos(), err
}
