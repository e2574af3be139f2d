package object

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

// A cache keeps decoded objects, bounded by the bytes that they hold. Objects never change, so nothing in it is ever
// stale. What was not asked for since the hand last came by goes first (CLOCK).
type cache struct {
	shards [16]shard
}

type shard struct {
	mu    sync.RWMutex
	items map[name]*slot
	ring  []*slot
	hand  int
	bytes int64
	limit int64

	hits, misses atomic.Int64
}

// A name is a hash in a pool: a pool must not answer for what only another one holds.
type name struct {
	pool storage.ID
	hash storage.Hash
}

type slot struct {
	name name
	item *Item
	cost int64
	used atomic.Bool
}

const slotCost = 160 // bytes of a slot, its place in the ring and in the map

func newCache(limit int64) *cache {
	c := &cache{}
	for i := range c.shards {
		c.shards[i].items = map[name]*slot{}
		c.shards[i].limit = limit / int64(len(c.shards))
	}
	return c
}

func (c *cache) shard(h storage.Hash) *shard {
	return &c.shards[binary.LittleEndian.Uint32(h[:])%uint32(len(c.shards))]
}

func (c *cache) get(pool storage.ID, h storage.Hash) *Item {
	s := c.shard(h)
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.items[name{pool, h}]
	if found == nil {
		s.misses.Add(1)
		return nil
	}
	s.hits.Add(1)
	if !found.used.Load() {
		found.used.Store(true)
	}
	return found.item
}

func (c *cache) add(pool storage.ID, h storage.Hash, item *Item) {
	s := c.shard(h)
	cost := item.cost() + slotCost
	if cost > s.limit/4 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := name{pool, h}
	if old := s.items[n]; old != nil {
		if old.item.whole() || !item.whole() {
			return
		}
		s.bytes += cost - old.cost
		old.item, old.cost = item, cost
	} else {
		added := &slot{name: n, item: item, cost: cost}
		s.items[n] = added
		s.ring = append(s.ring, added)
		s.bytes += cost
	}
	for s.bytes > s.limit {
		s.evict()
	}
}

// evict takes one item out.
func (s *shard) evict() {
	for {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		found := s.ring[s.hand]
		if found.used.Load() {
			found.used.Store(false)
			s.hand++
			continue
		}
		last := len(s.ring) - 1
		s.ring[s.hand] = s.ring[last]
		s.ring[last] = nil
		s.ring = s.ring[:last]
		s.hand++ // past the newest item, which now has the place: its turn comes after a whole round
		delete(s.items, found.name)
		s.bytes -= found.cost
		return
	}
}
