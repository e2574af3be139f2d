package catalog

import (
	"encoding/binary"
	"errors"
	"iter"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Network is what the catalog knows of repositories that share a pool.
type Network struct {
	Root    storage.ID
	Members int
}

const networkVersion = 1

func (n *Network) encode() []byte {
	b := append([]byte{networkVersion}, n.Root[:]...)
	return binary.AppendUvarint(b, uint64(n.Members))
}

// LoadNetwork returns the network of a pool, or storage.ErrNotFound if none of its repositories was ever forked.
func LoadNetwork(v storage.View, pool storage.ID) (Network, error) {
	b, err := v.Record(networkKey(pool))
	if err != nil {
		return Network{}, err
	}
	d := record.Decode(b)
	d.Version(networkVersion, networkVersion)
	n := Network{Root: d.ID(), Members: int(d.Uvarint())}
	return n, d.End("fork network")
}

// Fork adds a fork of a repository, which it puts into the pool of that one, or returns ErrTaken or ErrDepth.
func (e *Entry) Fork(tx Tx, r *Repo) error {
	r.Pool, r.Family, r.Networked = e.Pool, e.ID, true
	if e.Private {
		r.Upstream = e.ID
		if err := r.checkDepth(tx); err != nil {
			return err
		}
	}
	n, err := LoadNetwork(tx, e.Pool)
	if errors.Is(err, storage.ErrNotFound) {
		n, err = Network{Root: e.ID, Members: 1}, e.joinNetwork(tx)
	}
	if err != nil {
		return err
	}
	n.Members++
	if err := tx.PutRecord(networkKey(r.Pool), n.encode()); err != nil {
		return err
	}
	if err := Create(tx, r); err != nil {
		return err
	}
	if err := indexUpstream(tx, nil, r); err != nil {
		return err
	}
	if err := e.bestow(tx, r); err != nil {
		return err
	}
	return r.countFork(tx, r.Private, +1)
}

// bestow gives a fork the size of what it is forked from, and the language, since it has the same default branch.
func (e *Entry) bestow(tx Tx, r *Repo) error {
	parent, err := e.State(tx)
	if err != nil {
		return err
	}
	fork, err := tx.Entry(r.ID)
	if err != nil {
		return err
	}
	state, err := fork.Edit(tx)
	if err != nil {
		return err
	}
	state.Size, state.Language, state.LanguageAt = parent.Size, parent.Language, parent.LanguageAt
	if !parent.LanguageIsNew() {
		fork.Moved()
	}
	return nil
}

// joinNetwork puts the first member of a network into its list.
func (e *Entry) joinNetwork(tx storage.Tx) error {
	if e.Networked {
		return nil
	}
	joined := *e.Repo
	joined.Networked = true
	if err := e.put(tx, &joined); err != nil {
		return err
	}
	return joined.indexIn(tx, networkScope(joined.Pool), [3]timeEntry{}, +1, nil)
}

// countFork adds step to the forks that the repository counts, whose fork this is.
func (r *Repo) countFork(tx Tx, isPrivate bool, step int) error {
	parent, err := Parent(tx, r)
	if err != nil || parent.IsZero() {
		return err
	}
	return Adjust(tx, parent, func(s *State) { s.addForks(isPrivate, step) })
}

func (s *State) addForks(isPrivate bool, step int) {
	if isPrivate {
		s.PrivateForks += step
	} else {
		s.Forks += step
	}
}

// Parent returns what a repository is a fork of; if that was deleted, whoever its forks went to. It is zero if the
// repository is no fork.
func Parent(v storage.View, r *Repo) (storage.ID, error) {
	if r.Family.IsZero() {
		return storage.ID{}, nil
	}
	return holder(v, r.Family)
}

// holder returns the repository whose forks a family is.
func holder(v storage.View, family storage.ID) (storage.ID, error) {
	b, err := v.Record(holderKey(family))
	if errors.Is(err, storage.ErrNotFound) {
		return family, nil
	}
	if err != nil {
		return storage.ID{}, err
	}
	return recordID(b, "family")
}

// Source returns the root of the network that a fork belongs to, or zero if it is no fork.
func Source(v storage.View, r *Repo) (storage.ID, error) {
	if r.Family.IsZero() {
		return storage.ID{}, nil
	}
	n, err := LoadNetwork(v, r.Pool)
	return n.Root, err
}

// families returns the families that a repository's forks are in: its own, and those of deleted repositories whose
// forks went to it.
func families(v storage.View, id storage.ID) ([]storage.ID, error) {
	all := []storage.ID{id}
	prefix := adoptedKey(id, nil)
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return nil, err
		}
		family, err := recordID(rec.Key[len(prefix):], "adopted family")
		if err != nil {
			return nil, err
		}
		all = append(all, family)
	}
	return all, nil
}

// leaveNetwork sees to the forks of a repository that was taken out of the indexes and counts, and reports whether the
// pool has no member any more.
func (r *Repo) leaveNetwork(tx Tx, s State) (last bool, err error) {
	n, err := LoadNetwork(tx, r.Pool)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if err := r.bequeath(tx, s, &n); err != nil {
		return false, err
	}
	if err := forgetFamily(tx, r.Family); err != nil {
		return false, err
	}
	if n.Members--; n.Members == 0 {
		if err := tx.DeleteRecord(networkKey(r.Pool)); err != nil {
			return false, err
		}
		return true, Deleted.Bury(tx, r.Pool)
	}
	return false, tx.PutRecord(networkKey(r.Pool), n.encode())
}

// bequeath gives the forks of a repository to its parent, or if it was the root of the network, to the oldest fork.
func (r *Repo) bequeath(tx Tx, s State, n *Network) error {
	held, err := families(tx, r.ID)
	if err != nil {
		return err
	}
	heir, err := Parent(tx, r)
	if err != nil {
		return err
	}
	if heir.IsZero() {
		if heir, err = newRoot(tx, held, &s); err != nil || heir.IsZero() {
			return err
		}
		n.Root = heir
	}
	for i, family := range held {
		if i > 0 {
			if err := tx.DeleteRecord(adoptedKey(r.ID, family[:])); err != nil {
				return err
			}
		}
		if err := bequeathFamily(tx, family, heir); err != nil {
			return err
		}
	}
	return Adjust(tx, heir, func(to *State) {
		to.Forks += s.Forks
		to.PrivateForks += s.PrivateForks
	})
}

// newRoot makes the oldest of the forks in some families the root of their network; one that is deleted, only if all
// are. It takes that out of their count, and returns it, or zero if there is none.
func newRoot(tx Tx, families []storage.ID, s *State) (storage.ID, error) {
	first, err := oldest(tx, families)
	if err != nil {
		return storage.ID{}, err
	}
	if first == nil {
		k, err := oldestKept(tx, families)
		if err != nil || k == nil {
			return storage.ID{}, err
		}
		return k.ID, k.becomeRoot(tx)
	}
	e, err := tx.Entry(first.ID)
	if err != nil {
		return storage.ID{}, err
	}
	s.addForks(first.Private, -1)
	return first.ID, e.becomeRoot(tx)
}

func bequeathFamily(tx storage.Tx, family, heir storage.ID) error {
	empty, err := isEmpty(tx, family)
	if err != nil {
		return err
	}
	if empty {
		return tx.DeleteRecord(holderKey(family))
	}
	if err := tx.PutRecord(holderKey(family), heir[:]); err != nil {
		return err
	}
	return tx.PutRecord(adoptedKey(heir, family[:]), nil)
}

// forgetFamily drops what is kept of the family of a deleted repository when the last fork has left it.
func forgetFamily(tx storage.Tx, family storage.ID) error {
	if family.IsZero() {
		return nil
	}
	empty, err := isEmpty(tx, family)
	if err != nil || !empty {
		return err
	}
	id, err := holder(tx, family)
	if err != nil || id == family {
		return err
	}
	if err := tx.DeleteRecord(adoptedKey(id, family[:])); err != nil {
		return err
	}
	return tx.DeleteRecord(holderKey(family))
}

// isEmpty reports whether a family has no members, neither deleted ones that are kept.
func isEmpty(v storage.View, family storage.ID) (bool, error) {
	for _, err := range keptForks(v, family) {
		return false, err
	}
	for _, vis := range [2]visibility{public, private} {
		if n, err := countOf(v, vis, familyScope(family)); n > 0 || err != nil {
			return false, err
		}
	}
	return true, nil
}

// oldest returns the fork that was made first, or nil if there is none.
func oldest(v storage.View, families []storage.ID) (*Repo, error) {
	var first *Repo
	for _, family := range families {
		for _, vis := range [2]visibility{public, private} {
			prefix := append(indexPrefix(nil, indexTime, vis, familyScope(family)), byte(ByCreated))
			for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
				if err != nil {
					return nil, err
				}
				id, err := recordID(rec.Key[max(0, len(rec.Key)-len(storage.ID{})):], "index")
				if err != nil {
					return nil, err
				}
				r, err := Load(v, id)
				if err != nil {
					return nil, err
				}
				if first == nil || r.Created.Before(first.Created) {
					first = r
				}
				break
			}
		}
	}
	return first, nil
}

// PrivateForks yields the private ones of a repository's direct forks.
func PrivateForks(v storage.View, id storage.ID) iter.Seq2[storage.ID, error] {
	return func(yield func(storage.ID, error) bool) {
		held, err := families(v, id)
		if err != nil {
			yield(storage.ID{}, err)
			return
		}
		for _, family := range held {
			if !privateIn(v, familyScope(family), yield) {
				return
			}
		}
	}
}

// PrivateMembers yields the private repositories of a network.
func PrivateMembers(v storage.View, pool storage.ID) iter.Seq2[storage.ID, error] {
	return func(yield func(storage.ID, error) bool) { privateIn(v, networkScope(pool), yield) }
}

// privateIn yields the private repositories of a static scope, and reports whether more are wanted.
func privateIn(v storage.View, scope string, yield func(storage.ID, error) bool) bool {
	prefix := append(indexPrefix(nil, indexTime, private, scope), byte(ByCreated))
	for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		var id storage.ID
		if err == nil {
			id, err = recordID(rec.Key[max(0, len(rec.Key)-len(id)):], "index")
		}
		if !yield(id, err) || err != nil {
			return false
		}
	}
	return true
}

// becomeRoot makes a fork whose parent is gone a repository like any other.
func (e *Entry) becomeRoot(tx storage.Tx) error {
	if err := e.indexIn(tx, familyScope(e.Family), [3]timeEntry{}, -1, nil); err != nil {
		return err
	}
	root := *e.Repo
	root.Family = storage.ID{}
	return e.put(tx, &root)
}
