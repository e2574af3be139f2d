// Package catalog keeps the list of repositories: what is known of each, by what name it is found, in which orders
// it is listed, and how many there are. All of it changes in the unit of work of what it describes.
package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

// ErrTaken says that another repository has the name, or the ID.
var ErrTaken = errors.New("name is taken")

// formatVersion is the version of the keys and values of this package.
const formatVersion = 1

// Init writes the format version into an empty store, and refuses a store of another one.
func Init(tx storage.Tx) error {
	stored, err := tx.Record([]byte{keyVersion})
	if errors.Is(err, storage.ErrNotFound) {
		return tx.PutRecord([]byte{keyVersion}, []byte{formatVersion})
	}
	if err != nil {
		return err
	}
	if len(stored) != 1 || stored[0] != formatVersion {
		return fmt.Errorf("%w: the store has version %v, this program knows %d", storage.ErrFormat, stored, formatVersion)
	}
	return nil
}

// Find returns the ID of the repository of that owner and slug, or storage.ErrNotFound.
func Find(v storage.View, owner, slug string) (storage.ID, error) {
	var buffer [160]byte
	b, err := v.Record(nameIndexKey(buffer[:0], "", owner, slug))
	if err != nil {
		return storage.ID{}, err
	}
	if len(b) != len(storage.ID{}) {
		return storage.ID{}, fmt.Errorf("%w: name of %s/%s", storage.ErrCorrupt, owner, slug)
	}
	return storage.ID(b), nil
}

// Load returns a repository, or storage.ErrNotFound.
func Load(v storage.View, id storage.ID) (*Repo, error) {
	b, err := loadRaw(v, id)
	if err != nil {
		return nil, err
	}
	return decodeRepo(id, b)
}

// Pool returns the pool of a repository, or storage.ErrNotFound. It is the cheapest way to learn that it exists.
func Pool(v storage.View, id storage.ID) (pool storage.ID, err error) {
	b, err := loadRaw(v, id)
	if err != nil {
		return pool, err
	}
	d := decoder{b: b}
	if version := d.byte(); version != repoVersion {
		return pool, fmt.Errorf("%w: repository record of version %d", storage.ErrFormat, version)
	}
	if pool = d.id(); d.bad {
		return pool, d.end()
	}
	return pool, nil
}

func loadRaw(v storage.View, id storage.ID) ([]byte, error) {
	var buffer [1 + len(id)]byte
	return v.Record(append(append(buffer[:0], keyRepo), id[:]...))
}

// LoadState returns a repository's state.
func LoadState(v storage.View, r *Repo) (State, error) {
	var buffer [1 + len(r.ID)]byte
	b, err := v.Record(append(append(buffer[:0], keyState), r.ID[:]...))
	if errors.Is(err, storage.ErrNotFound) {
		return State{Updated: r.Created}, nil
	}
	if err != nil {
		return State{}, err
	}
	return decodeState(b)
}

// Create adds a repository, or returns ErrTaken.
func Create(tx storage.Tx, r *Repo) error {
	if _, err := Find(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	if _, err := loadRaw(tx, r.ID); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	if err := tx.PutRecord(idKey(keyRepo, r.ID), r.encode()); err != nil {
		return err
	}
	if err := r.setExpiry(tx, time.Time{}, r.Expires); err != nil {
		return err
	}
	return r.index(tx, State{Updated: r.Created}, +1)
}

func taken(err error) error {
	if err == nil {
		return ErrTaken
	}
	return err
}

// Replace stores what changed of a repository, and moves it in the indexes.
func Replace(tx storage.Tx, old, r *Repo, now time.Time) error {
	if !strings.EqualFold(old.Owner, r.Owner) || !strings.EqualFold(old.Slug, r.Slug) {
		if _, err := Find(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
			return taken(err)
		}
	}
	state, err := LoadState(tx, old)
	if err != nil {
		return err
	}
	if err := old.index(tx, state, -1); err != nil {
		return err
	}
	state.Updated = now
	if err := r.putState(tx, &state); err != nil {
		return err
	}
	if err := r.setExpiry(tx, old.Expires, r.Expires); err != nil {
		return err
	}
	if err := tx.PutRecord(idKey(keyRepo, r.ID), r.encode()); err != nil {
		return err
	}
	return r.index(tx, state, +1)
}

// Remove takes a repository out of the catalog.
func Remove(tx storage.Tx, r *Repo) error {
	state, err := LoadState(tx, r)
	if err != nil {
		return err
	}
	if err := r.index(tx, state, -1); err != nil {
		return err
	}
	if err := r.setExpiry(tx, r.Expires, time.Time{}); err != nil {
		return err
	}
	for _, kind := range []byte{keyRepo, keyState, keyToken} {
		if err := tx.DeleteRecord(idKey(kind, r.ID)); err != nil {
			return err
		}
	}
	own := GoGitKey(r.ID, "")
	var keys [][]byte
	for rec, err := range tx.Records(own, after(own), storage.Ascending) {
		if err != nil {
			return err
		}
		keys = append(keys, rec.Key)
	}
	for _, key := range keys {
		if err := tx.DeleteRecord(key); err != nil {
			return err
		}
	}
	return nil
}

// Touch notes that a repository's refs changed, and by how many bytes its objects grew.
func Touch(tx storage.Tx, r *Repo, old State, now time.Time, grown int64) error {
	state := State{Updated: now, Pushed: now, Size: old.Size + grown}
	if err := r.moveTimes(tx, r.times(old), r.times(state)); err != nil {
		return err
	}
	return r.putState(tx, &state)
}

func (r *Repo) putState(tx storage.Tx, s *State) error {
	var buffer [40]byte
	return tx.PutRecord(idKey(keyState, r.ID), s.encode(buffer[:0]))
}

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

// moveTimes replaces entries of the index by time with others.
func (r *Repo) moveTimes(tx storage.Tx, from, to [3]timeEntry) error {
	return r.scopes(func(scope string) error {
		var buffer [128]byte
		for _, e := range from {
			if e.fields != 0 && !slices.Contains(to[:], e) {
				if err := tx.DeleteRecord(timeIndexKey(buffer[:0], scope, e, r.ID)); err != nil {
					return err
				}
			}
		}
		for _, e := range to {
			if e.fields != 0 && !slices.Contains(from[:], e) {
				if err := tx.PutRecord(timeIndexKey(buffer[:0], scope, e, r.ID), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// index adds the repository to all indexes and counts (step +1), or takes it out (-1).
func (r *Repo) index(tx storage.Tx, s State, step int) error {
	var none [3]timeEntry
	from, to := none, r.times(s)
	set := tx.PutRecord
	if step < 0 {
		from, to = to, none
		set = func(key, _ []byte) error { return tx.DeleteRecord(key) }
	}
	if err := r.moveTimes(tx, from, to); err != nil {
		return err
	}
	return r.scopes(func(scope string) error {
		if scope == "" || scope[0] == 'l' { // an owner's names are a range of all names
			var buffer [160]byte
			if err := set(nameIndexKey(buffer[:0], scope, r.Owner, r.Slug), r.ID[:]); err != nil {
				return err
			}
		}
		return count(tx, scope, step)
	})
}

func count(tx storage.Tx, scope string, step int) error {
	n, err := Count(tx, scope)
	if err != nil {
		return err
	}
	var buffer [80]byte
	key := append(append(buffer[:0], keyCount), scope...)
	if n += step; n == 0 {
		return tx.DeleteRecord(key)
	}
	var value [binary.MaxVarintLen64]byte
	return tx.PutRecord(key, binary.AppendUvarint(value[:0], uint64(n)))
}

// Count returns how many repositories are in a scope.
func Count(v storage.View, scope string) (int, error) {
	var buffer [80]byte
	b, err := v.Record(append(append(buffer[:0], keyCount), scope...))
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

func (r *Repo) setExpiry(tx storage.Tx, from, to time.Time) error {
	if from.Equal(to) {
		return nil
	}
	key := func(t time.Time) []byte {
		return append(appendTime([]byte{keyExpiry}, t), r.ID[:]...)
	}
	if !from.IsZero() {
		if err := tx.DeleteRecord(key(from)); err != nil {
			return err
		}
	}
	if to.IsZero() {
		return nil
	}
	return tx.PutRecord(key(to), nil)
}

// Expired returns up to limit repositories that expired at or before now.
func Expired(v storage.View, now time.Time, limit int) ([]storage.ID, error) {
	var ids []storage.ID
	hi := after(appendTime([]byte{keyExpiry}, now))
	for rec, err := range v.Records([]byte{keyExpiry}, hi, storage.Ascending) {
		if err != nil {
			return nil, err
		}
		if len(rec.Key) != 1+8+len(storage.ID{}) {
			return nil, fmt.Errorf("%w: expiry key", storage.ErrCorrupt)
		}
		if ids = append(ids, storage.ID(rec.Key[9:])); len(ids) == limit {
			break
		}
	}
	return ids, nil
}

// PutToken stores the hash of a delete token and when it ends, in place of any other of the repository.
func PutToken(tx storage.Tx, id storage.ID, hash [32]byte, ends time.Time) error {
	return tx.PutRecord(idKey(keyToken, id), appendTime(hash[:], ends))
}

// Token returns what PutToken stored, or storage.ErrNotFound.
func Token(v storage.View, id storage.ID) (hash [32]byte, ends time.Time, err error) {
	b, err := v.Record(idKey(keyToken, id))
	if err != nil {
		return hash, ends, err
	}
	d := decoder{b: b}
	copy(hash[:], d.take(uint64(len(hash))))
	ends = d.time()
	return hash, ends, d.end()
}
