package check

import (
	"errors"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// Networks looks at what repositories have to do with each other: at former names, and at who was forked from whom.
func Networks(v storage.View) ([]Finding, error) {
	s, err := newScan(v)
	if err == nil {
		err = s.networks()
	}
	return s.results(err)
}

// A kinship is what the networks should be.
type kinship struct {
	*scan
	forks   map[storage.ID][2]int // public and private ones of a repository
	members map[storage.ID]int    // of a pool
}

func (s *scan) networks() error {
	k := &kinship{s, map[storage.ID][2]int{}, map[storage.ID]int{}}
	for _, id := range s.ids() {
		if err := k.add(s.repos[id]); err != nil {
			return err
		}
	}
	var buried []storage.ID // pools that have tombstones
	for rec, err := range s.records("A", "G") {
		if err != nil {
			return err
		}
		switch rec.Key[0] {
		case 'A':
			err = s.redirect(rec)
		case 'F':
			if strings.HasPrefix(string(rec.Key), "Fu") && len(rec.Key) == 42 {
				buried = append(buried, storage.ID(rec.Key[2:22]))
			}
			err = s.family(rec)
		}
		if err != nil {
			return err
		}
	}
	if !s.isWhole() {
		return nil // it is not known how many there should be
	}
	for _, pool := range slices.Compact(buried) {
		if k.members[pool] == 0 {
			s.note(Network, pool, "Fu"+pool.String(), "its tombstones are left, though it has no member any more")
		}
	}
	for _, id := range s.ids() {
		if err := k.compare(s.repos[id]); err != nil {
			return err
		}
	}
	return nil
}

func (k *kinship) add(r *catalog.Repo) error {
	k.members[r.Pool]++
	parent, err := catalog.Parent(k.v, r)
	if err != nil {
		return k.noteError(err, Family, r.ID, r.Family.String())
	}
	if parent.IsZero() {
		return nil
	}
	if parent == r.ID {
		k.note(Family, r.ID, r.Family.String(), "it is its own parent")
	}
	n := k.forks[parent]
	if r.Private {
		n[1]++
	} else {
		n[0]++
	}
	k.forks[parent] = n
	return nil
}

// redirect holds that a former name stands both ways, and in the way of no repository.
func (s *scan) redirect(rec storage.Record) error {
	if len(rec.Key) < 2 {
		s.note(Record, storage.ID{}, string(rec.Key), "it is of no known kind")
		return nil
	}
	key := string(rec.Key[2:])
	other := "An" + key[min(len(key), 20):]
	if rec.Key[1] == 'n' {
		other = "Ai" + string(rec.Value) + key
		owner, slug, _ := strings.Cut(key, "/")
		id, _, err := catalog.Find(s.v, owner, slug)
		if err == nil {
			if id.String() != string(rec.Value) {
				s.note(Redirect, id, string(rec.Key), "it leads there, and should lead to %q", rec.Value)
			}
			if s.repos[id] == nil && !s.damaged[id] {
				s.noteMend(deleteRecord(string(rec.Key)), Redirect, id, string(rec.Key), "there is no such repository")
			}
		} else if err := s.noteError(err, Redirect, storage.ID{}, string(rec.Key)); err != nil {
			return err
		}
	}
	return s.both(Redirect, rec, other)
}

// family holds that what is kept of the forks of deleted repositories stands both ways.
func (s *scan) family(rec storage.Record) error {
	key := string(rec.Key[min(2, len(rec.Key)):])
	switch {
	case strings.HasPrefix(string(rec.Key), "Fh"):
		return s.both(Family, rec, "Fa"+string(rec.Value)+key)
	case strings.HasPrefix(string(rec.Key), "Fa"):
		return s.both(Family, rec, "Fh"+key[min(20, len(key)):])
	case strings.HasPrefix(string(rec.Key), "Fu") && len(key) == 40:
		_, err := catalog.LoadTombstone(s.v, storage.ID([]byte(key[:20])), storage.ID([]byte(key[20:])))
		if err != nil {
			return s.noteError(err, Family, storage.ID([]byte(key[20:])), string(rec.Key))
		}
	case strings.HasPrefix(string(rec.Key), "Fu"):
		s.note(Family, storage.ID{}, string(rec.Key), "it is the tombstone of no repository")
	}
	return nil
}

// both holds that the other of two records is there, too.
func (s *scan) both(n Noun, rec storage.Record, other string) error {
	_, err := s.v.Record([]byte(other))
	if errors.Is(err, storage.ErrNotFound) {
		value := ""
		if other[1] == 'n' || other[1] == 'h' {
			value = string(rec.Key[2:min(22, len(rec.Key))])
		}
		s.noteMend(putRecord(other, value), n, storage.ID{}, string(rec.Key), "it stands alone, without %q", other)
		return nil
	}
	return err
}

// compare compares the forks that a repository counts, and the members and root of its network.
func (k *kinship) compare(r *catalog.Repo) error {
	state := k.states[r.ID]
	if got := [2]int{state.Forks, state.PrivateForks}; got != k.forks[r.ID] {
		mended := *state
		mended.Forks, mended.PrivateForks = k.forks[r.ID][0], k.forks[r.ID][1]
		k.noteMend(func(tx storage.Tx) error { return r.PutState(tx, &mended) }, Network, r.ID, "t"+r.ID.String(),
			"it counts %v public and private forks, and has %v", got, k.forks[r.ID])
	}
	pool := r.Pool.String()
	if !r.Networked {
		if n := k.members[r.Pool]; n != 1 {
			k.note(Network, r.ID, pool, "it is not in the list of its network, which has %d members", n)
		}
		return nil
	}
	n, err := catalog.LoadNetwork(k.v, r.Pool)
	if err != nil {
		return k.noteError(err, Network, r.ID, pool)
	}
	if n.Members != k.members[r.Pool] {
		mended := n
		mended.Members = k.members[r.Pool]
		k.noteMend(func(tx storage.Tx) error { return mended.Put(tx, r.Pool) }, Network, r.ID, pool,
			"it counts %d members, and has %d", n.Members, mended.Members)
	}
	if root := k.repos[n.Root]; root == nil || root.Pool != r.Pool || !root.Family.IsZero() {
		k.note(Network, r.ID, pool, "its root is said to be %s, which is none", n.Root)
	}
	if r.Family.IsZero() && r.ID != n.Root {
		k.note(Network, r.ID, pool, "it is a root, as %s is", n.Root)
	}
	return nil
}
