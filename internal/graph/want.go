package graph

import (
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Want is commits of a pool that were read as objects, since they are not stored.
type Want struct {
	Pool storage.ID
	Tips []git.Hash
}

const (
	maxWantedPools = 1024
	maxWanted      = 16 // commits of one pool
)

// OnWant has fn be called when there is something for Wanted. It is called once, before the Store is used.
func (s *Store) OnWant(fn func()) { s.onWant = fn }

// want notes that many commits were read, on the way from one that may be worth being stored.
func (s *Store) want(pool storage.ID, h git.Hash) {
	s.mu.Lock()
	list := s.wanted[pool]
	fits := len(list) < maxWanted && len(s.wanted) < maxWantedPools && !slices.Contains(list, h) && !s.ignored[pool]
	if fits {
		if s.wanted == nil {
			s.wanted = map[storage.ID][]git.Hash{}
		}
		s.wanted[pool] = append(list, h)
	}
	s.mu.Unlock()
	if fits && s.onWant != nil {
		s.onWant()
	}
}

// ignore has nothing more be wanted of a pool, some of whose commits can't be stored. What changes in the pool is
// stored all the same, as far as it can be.
func (s *Store) ignore(pool storage.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ignored == nil {
		s.ignored = map[storage.ID]bool{}
	}
	s.ignored[pool] = true
}

// Wanted returns what was noted since it was called last.
func (s *Store) Wanted() []Want {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Want
	for pool, tips := range s.wanted {
		all = append(all, Want{pool, tips})
	}
	s.wanted = nil
	slices.SortFunc(all, func(a, b Want) int { return slices.Compare(a.Pool[:], b.Pool[:]) })
	return all
}
