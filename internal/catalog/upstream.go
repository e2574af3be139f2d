package catalog

import (
	"errors"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// The fork of a private repository depends on it: the upstream. Unlike a parent, an upstream is never replaced by a
// sibling when it is deleted. A tombstone then says whose it was, and what it depended on itself.

// ErrDepth says that a fork would depend on too many private repositories.
var ErrDepth = fault.New(fault.TooLarge, "too large: more than 8 private forks of one another")

// MaxDepth bounds the upstreams of a fork, each of the one before: all of them are looked at when the fork is read.
const MaxDepth = 8

// A Tombstone is what is kept of a private repository that was deleted and had private forks.
type Tombstone struct {
	Upstream storage.ID // zero: it had none
	Owner    string
}

const tombstoneVersion = 1

// LoadTombstone returns what is kept of a deleted repository of a pool, or storage.ErrNotFound.
func LoadTombstone(v storage.View, pool, id storage.ID) (Tombstone, error) {
	b, err := v.Record(tombstoneKey(pool, id[:]))
	if err != nil {
		return Tombstone{}, err
	}
	d := record.Decode(b)
	d.Version(tombstoneVersion, tombstoneVersion)
	t := Tombstone{Upstream: d.ID(), Owner: d.String()}
	return t, d.End("deleted upstream")
}

// bury leaves a tombstone if private forks may depend on a repository that is deleted.
func (r *Repo) bury(tx storage.Tx, s *State) error {
	if !r.Private || s.PrivateForks == 0 {
		return nil
	}
	b := append([]byte{tombstoneVersion}, r.Upstream[:]...)
	return tx.PutRecord(tombstoneKey(r.Pool, r.ID[:]), record.AppendString(b, names.Key(r.Owner)))
}

// checkDepth returns ErrDepth if a repository has more upstreams than it may.
func (r *Repo) checkDepth(v storage.View) error {
	up := r.Upstream
	for depth := 0; !up.IsZero(); depth++ {
		if depth == MaxDepth {
			return ErrDepth
		}
		h, err := LoadHeader(v, up)
		if errors.Is(err, storage.ErrNotFound) {
			var t Tombstone
			if t, err = LoadTombstone(v, r.Pool, up); errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			h.Upstream = t.Upstream
		}
		if err != nil {
			return err
		}
		up = h.Upstream
	}
	return nil
}

// indexUpstream moves a repository in the list of its owner's forks that have an upstream. Either of old and r may be
// nil.
func indexUpstream(tx storage.Tx, old, r *Repo) error {
	var keys [2][]byte
	for i, of := range [2]*Repo{old, r} {
		if of != nil && !of.Upstream.IsZero() {
			keys[i] = dependentKey(of.Owner, of.ID[:])
		}
	}
	if string(keys[0]) == string(keys[1]) {
		return nil
	}
	if keys[0] != nil {
		if err := tx.DeleteRecord(keys[0]); err != nil {
			return err
		}
	}
	if keys[1] == nil {
		return nil
	}
	return tx.PutRecord(keys[1], nil)
}

// Dependents returns the repositories of an owner that have an upstream.
func Dependents(v storage.View, owner string) ([]storage.ID, error) {
	prefix := dependentKey(owner, nil)
	var all []storage.ID
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		id, err := recordID(rec.Key[len(prefix):], "fork with an upstream")
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, nil
}
