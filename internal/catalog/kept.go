package catalog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A deleted repository may be kept for a while. Its record then is where nothing else looks for one: whoever asks for
// the ID or the name finds nothing, and it is in no index and no count. All else that belongs to its ID stays where it
// is. It still is a member of its network, so its pool stays, and its forks stay its forks.

// errKept says that a deleted repository has the ID.
var errKept = fmt.Errorf("a deleted repository has the ID: %w", ErrTaken)

// A Kept is a deleted repository that can come back.
type Kept struct {
	*Repo
	Deleted, Until time.Time   // when it was deleted, and when it will be dropped
	By             string      // who deleted it
	Removals       int         // how often a user with the owner's login had been removed then
	Head           storage.Ref // what HEAD was; without a name if it had none

	// Damaged says what of it can't be read, when it is one of many; nil: nothing. Then, only the ID is known, and when it
	// was deleted.
	Damaged error
}

const keptVersion = 1

func (k *Kept) encode() []byte {
	b := []byte{keptVersion}
	b = record.AppendTime(record.AppendTime(b, k.Deleted), k.Until)
	b = record.AppendString(b, k.By)
	b = binary.AppendUvarint(b, uint64(k.Removals))
	b = record.AppendString(b, k.Head.Name)
	b = append(b, k.Head.Hash[:]...)
	b = record.AppendString(b, k.Head.Target)
	return append(b, k.Repo.encode()...)
}

// LoadKept returns a deleted repository that is kept, or storage.ErrNotFound.
func LoadKept(v storage.View, id storage.ID) (*Kept, error) {
	b, err := v.Record(keptKey(id))
	if err != nil {
		return nil, err
	}
	d := record.Decode(b)
	d.Version(keptVersion, keptVersion)
	k := &Kept{Deleted: d.Time(), Until: d.Time(), By: d.String(), Removals: int(d.Uvarint())}
	k.Head = storage.Ref{Name: d.String(), Hash: d.Hash(), Target: d.String()}
	rest := d.Rest()
	if err := d.End("deleted repository"); err != nil {
		return nil, err
	}
	k.Repo, err = decodeRepo(id, rest)
	return k, err
}

// IsKept reports whether a deleted repository is kept under an ID.
func IsKept(v storage.View, id storage.ID) (bool, error) {
	_, err := v.Record(keptKey(id))
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// PoolOfAny is Pool, also of a deleted repository that is kept.
func PoolOfAny(v storage.View, id storage.ID) (storage.ID, error) {
	pool, err := Pool(v, id)
	if !errors.Is(err, storage.ErrNotFound) {
		return pool, err
	}
	k, err := LoadKept(v, id)
	if err != nil {
		return storage.ID{}, err
	}
	return k.Pool, nil
}

// Keep takes a repository out of the catalog, as what k says of it.
func (e *Entry) Keep(tx Tx, k Kept) error {
	if err := e.Store(tx); err != nil {
		return err
	}
	state, err := e.State(tx)
	if err != nil {
		return err
	}
	e.gone = true
	r := e.Repo
	k.Repo, k.Deleted, k.Until = r, record.Nearest(k.Deleted), record.Nearest(k.Until)
	if err := r.index(tx, e.before, -1); err != nil {
		return err
	}
	if err := r.setExpiry(tx, r.Expires, time.Time{}); err != nil {
		return err
	}
	if err := indexUpstream(tx, r, nil); err != nil {
		return err
	}
	if err := r.bury(tx, state); err != nil {
		return err
	}
	for _, kind := range []byte{keyRepo, keyToken} {
		if err := tx.DeleteRecord(idKey(kind, r.ID)); err != nil {
			return err
		}
	}
	if err := r.countFork(tx, r.Private, -1); err != nil {
		return err
	}
	if err := storage.Describe(tx, r.ID, ""); err != nil {
		return err
	}
	for _, key := range k.keys() {
		if err := tx.PutRecord(key, nil); err != nil {
			return err
		}
	}
	return k.put(tx)
}

// put stores the record alone.
func (k *Kept) put(tx storage.Tx) error { return tx.PutRecord(keptKey(k.ID), k.encode()) }

// keys are those by which it is found.
func (k *Kept) keys() [][]byte {
	keys := [][]byte{keptTimeKey(keptDeleted, k.Deleted, k.ID), keptTimeKey(keptUntil, k.Until, k.ID)}
	if !k.Family.IsZero() {
		keys = append(keys, keptForkKey(k.Family, k.ID[:]))
	}
	return keys
}

// forget removes all records of what is kept.
func (k *Kept) forget(tx storage.Tx) error {
	for _, key := range append(k.keys(), keptKey(k.ID)) {
		if err := tx.DeleteRecord(key); err != nil {
			return err
		}
	}
	return nil
}

// Restore puts a deleted repository back into the catalog, as r, which differs from it in nothing but the owner, and
// returns the Entry. It returns ErrTaken if another one has the name. An expiry that is over is none any more.
func (k *Kept) Restore(tx Tx, r *Repo, now time.Time) (*Entry, error) {
	if _, err := named(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
		return nil, taken(err)
	}
	if err := takeRedirect(tx, r.Owner, r.Slug); err != nil {
		return nil, err
	}
	if err := k.forget(tx); err != nil {
		return nil, err
	}
	is := *r
	if !is.Expires.After(now) {
		is.Expires = time.Time{}
	}
	if err := is.put(tx); err != nil {
		return nil, err
	}
	if err := tx.DeleteRecord(tombstoneKey(is.Pool, is.ID[:])); err != nil {
		return nil, err
	}
	if err := is.setExpiry(tx, time.Time{}, is.Expires); err != nil {
		return nil, err
	}
	if err := indexUpstream(tx, nil, &is); err != nil {
		return nil, err
	}
	e, err := tx.Entry(is.ID)
	if err != nil {
		return nil, err
	}
	state, err := e.State(tx)
	if err != nil {
		return nil, err
	}
	if err := is.index(tx, *state, +1); err != nil {
		return nil, err
	}
	return e, is.countFork(tx, is.Private, +1)
}

// Drop removes a deleted repository for good, as Entry.Remove does one that is not deleted yet, and reports likewise.
func (k *Kept) Drop(tx Tx) (last bool, err error) {
	state, err := LoadState(tx, k.Repo)
	if err != nil {
		return false, err
	}
	if err := k.forget(tx); err != nil {
		return false, err
	}
	if err := tx.DeleteRecord(idKey(keyState, k.ID)); err != nil {
		return false, err
	}
	if err := Deleted.Bury(tx, k.ID); err != nil {
		return false, err
	}
	return k.leaveNetwork(tx, state)
}

// AllKept yields the deleted repositories that are kept, in the order in which they were deleted, or the reverse of it.
// A position that is not nil is that of the one before them.
func AllKept(v storage.View, behind []byte, order storage.Order) iter.Seq2[*Kept, error] {
	prefix := []byte{keyKept, keptDeleted}
	lo, hi := prefix, record.After(prefix)
	if behind != nil {
		at := append(prefix[:2:2], behind...)
		if order == storage.Descending {
			hi = at
		} else {
			lo = append(at, 0)
		}
	}
	return func(yield func(*Kept, error) bool) {
		for rec, err := range v.Records(lo, hi, order) {
			var k *Kept
			if err == nil {
				k, err = keptAt(v, rec.Key[len(prefix):])
			}
			if !yield(k, err) || err != nil {
				return
			}
		}
	}
}

// Position returns where the repository stands in the order of AllKept.
func (k *Kept) Position() []byte { return append(record.AppendTime(nil, k.Deleted), k.ID[:]...) }

// keptAt returns the deleted repository at a position, damaged or not.
func keptAt(v storage.View, position []byte) (*Kept, error) {
	d := record.Decode(position)
	at, id := d.Time(), d.ID()
	if err := d.End("key of a deleted repository"); err != nil {
		return nil, err
	}
	k, err := LoadKept(v, id)
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("%w: index names deleted repository %s, which is not there", storage.ErrCorrupt, id)
	}
	if IsDamage(err) {
		k, err = &Kept{Repo: &Repo{ID: id}, Deleted: at, Damaged: err}, nil
	}
	return k, err
}

// Overdue returns up to limit deleted repositories that are to be dropped at or before now, but for those to skip.
func Overdue(v storage.View, now time.Time, limit int, skip func(storage.ID) bool) ([]storage.ID, error) {
	prefix := []byte{keyKept, keptUntil}
	return dueBefore(v, prefix, now, limit, skip)
}

// adjustKept changes the state of a deleted repository, if there is one.
func adjustKept(tx storage.Tx, id storage.ID, change func(*State)) error {
	k, err := LoadKept(tx, id)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := LoadState(tx, k.Repo)
	if err != nil {
		return err
	}
	change(&s)
	return k.putState(tx, &s)
}

// keptForks yields the deleted members of a family.
func keptForks(v storage.View, family storage.ID) iter.Seq2[storage.ID, error] {
	prefix := keptForkKey(family, nil)
	return func(yield func(storage.ID, error) bool) {
		for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
			var id storage.ID
			if err == nil {
				id, err = recordID(rec.Key[len(prefix):], "deleted fork")
			}
			if !yield(id, err) || err != nil {
				return
			}
		}
	}
}

// oldestKept returns the deleted fork that was made first, or nil if there is none.
func oldestKept(v storage.View, families []storage.ID) (first *Kept, err error) {
	for _, family := range families {
		for id, err := range keptForks(v, family) {
			if err != nil {
				return nil, err
			}
			k, err := LoadKept(v, id)
			if err != nil {
				return nil, err
			}
			if first == nil || k.Created.Before(first.Created) {
				first = k
			}
		}
	}
	return first, nil
}

// becomeRoot is Entry.becomeRoot of a deleted fork.
func (k *Kept) becomeRoot(tx storage.Tx) error {
	if err := tx.DeleteRecord(keptForkKey(k.Family, k.ID[:])); err != nil {
		return err
	}
	root := *k.Repo
	root.Family = storage.ID{}
	k.Repo = &root
	return k.put(tx)
}

// Lineage returns the nearest of the repositories that a fork came from which is not deleted. It is zero if the
// repository is no fork, or one of what is deleted.
func Lineage(v storage.View, r *Repo) (storage.ID, error) {
	for {
		parent, err := Parent(v, r)
		if err != nil || parent.IsZero() {
			return parent, err
		}
		k, err := LoadKept(v, parent)
		if errors.Is(err, storage.ErrNotFound) {
			return parent, nil
		}
		if err != nil {
			return parent, err
		}
		r = k.Repo
	}
}
