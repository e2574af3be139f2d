package badger

import (
	"hash/maphash"
	"sync"
)

// A cache keeps the newest committed values of refs and records, and that there is none, so that a hot read costs no
// Badger lookup. Commits keep it true: touch comes after a commit is done and before its timestamp is published.
// So an entry is what every reader whose timestamp is not below the entry's sees.
type cache struct {
	seed   maphash.Seed
	shards [64]cacheShard
}

type cacheShard struct {
	mu sync.Mutex
	// Entries are put into young. When that is full it becomes old, and old is forgotten; what is found in old moves
	// back to young. This approximates least-recently-used with no list to keep.
	young, old map[string]cached
	size       int    // of young, in bytes
	limit      int    // of young
	written    uint64 // timestamp of the last commit that wrote a key of the shard
}

type cached struct {
	payload []byte // nil if there is no value
	ts      uint64 // of the commit that wrote it, or, if there is no value, one at which there was none
}

// maxCached bounds the values that the cache keeps.
const maxCached = 16 << 10

// entryCost is roughly what an entry takes besides its key and value.
const entryCost = 120

func newCache(budget int64) *cache {
	c := &cache{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].limit = int(budget) / len(c.shards) / 2
		c.shards[i].young = make(map[string]cached)
	}
	return c
}

func (c *cache) lookup(key []byte, ts uint64) (cached, bool) {
	s := &c.shards[maphash.Bytes(c.seed, key)%uint64(len(c.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.young[string(key)]
	if !ok {
		if e, ok = s.old[string(key)]; ok {
			k := string(key)
			delete(s.old, k)
			s.insert(k, e)
		}
	}
	return e, ok && e.ts <= ts
}

// fill adds what a reader with timestamp ts found, unless a later commit wrote to the shard.
func (c *cache) fill(key []byte, e cached, ts uint64) {
	if len(e.payload) > maxCached {
		return
	}
	s := &c.shards[maphash.Bytes(c.seed, key)%uint64(len(c.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.written > ts {
		return
	}
	if _, ok := s.young[string(key)]; ok {
		return
	}
	k := string(key)
	delete(s.old, k)
	s.insert(k, e)
}

// touch replaces the entry of key by what a commit has written, nil for a deletion.
func (c *cache) touch(key string, payload []byte, ts uint64) {
	s := &c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = ts
	e, ok := s.young[key]
	if ok {
		s.size -= len(key) + len(e.payload) + entryCost
		delete(s.young, key)
	} else if _, ok = s.old[key]; ok {
		delete(s.old, key)
	}
	if ok && len(payload) <= maxCached {
		s.insert(key, cached{payload, ts})
	}
}

func (s *cacheShard) insert(key string, e cached) {
	if s.size > s.limit {
		s.old, s.young, s.size = s.young, make(map[string]cached, len(s.young)), 0
	}
	s.young[key] = e
	s.size += len(key) + len(e.payload) + entryCost
}
