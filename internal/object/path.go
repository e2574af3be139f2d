package object

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// paths remembers where paths led, so that a path that is read again costs one look-up and not one for each of its
// directories. A place in it belongs to whichever path came last; reading takes no lock.
type paths struct {
	seed  maphash.Seed
	slots [4096]atomic.Pointer[pathEntry]
}

type pathEntry struct {
	pool  storage.ID
	root  git.Hash
	path  string
	entry git.Entry
}

func (p *paths) slot(root git.Hash, path string) *atomic.Pointer[pathEntry] {
	h := maphash.String(p.seed, path) ^ uint64(root[0])<<8 ^ uint64(root[1])
	return &p.slots[h%uint64(len(p.slots))]
}

// maxRemembered bounds the bytes of a path that is remembered.
const maxRemembered = 256

// Path returns the entry that a path leads to from the tree root, if it is remembered.
func (s *Store) Path(pool storage.ID, root git.Hash, path string) (git.Entry, bool) {
	e := s.paths.slot(root, path).Load()
	if e == nil || e.root != root || e.path != path || e.pool != pool {
		return git.Entry{}, false
	}
	return e.entry, true
}

// RememberPath notes where a path leads.
func (s *Store) RememberPath(pool storage.ID, root git.Hash, path string, entry git.Entry) {
	if len(path) <= maxRemembered {
		s.paths.slot(root, path).Store(&pathEntry{pool, root, path, entry})
	}
}
