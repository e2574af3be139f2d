package object

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// paths remembers where paths led, so that a path that is read again costs one look-up and not one for each of its
// directories. A place in it belongs to whichever path came last; reading takes no lock. The places are made when the
// first path is remembered: a store that nobody reads from stays small.
type paths struct {
	seed  maphash.Seed
	slots atomic.Pointer[pathSlots]
}

type pathSlots [4096]atomic.Pointer[pathEntry]

type pathEntry struct {
	pool  storage.ID
	root  git.Hash
	path  string
	entry git.Entry
}

func (p *paths) slot(slots *pathSlots, root git.Hash, path string) *atomic.Pointer[pathEntry] {
	h := maphash.String(p.seed, path) ^ uint64(root[0])<<8 ^ uint64(root[1])
	return &slots[h%uint64(len(slots))]
}

// maxRemembered bounds the bytes of a path that is remembered.
const maxRemembered = 256

// Path returns the entry that a path leads to from the tree root, if it is remembered.
func (s *Store) Path(pool storage.ID, root git.Hash, path string) (git.Entry, bool) {
	slots := s.paths.slots.Load()
	if slots == nil {
		return git.Entry{}, false
	}
	e := s.paths.slot(slots, root, path).Load()
	if e == nil || e.root != root || e.path != path || e.pool != pool {
		return git.Entry{}, false
	}
	return e.entry, true
}

// RememberPath notes where a path leads.
func (s *Store) RememberPath(pool storage.ID, root git.Hash, path string, entry git.Entry) {
	if len(path) > maxRemembered {
		return
	}
	slots := s.paths.slots.Load()
	if slots == nil {
		s.paths.slots.CompareAndSwap(nil, new(pathSlots))
		slots = s.paths.slots.Load()
	}
	s.paths.slot(slots, root, path).Store(&pathEntry{pool, root, path, entry})
}
