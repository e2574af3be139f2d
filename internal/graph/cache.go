package graph

import (
	"slices"
	"sync"

	"github.com/reposit/reposit/storage"
)

// A part names a record of a pool's graph that is never changed.
type part struct {
	pool   storage.ID
	kind   byte
	number uint64
}

// A cache keeps decoded records, bounded by the bytes that they hold. What was not asked for since the hand last came
// by goes first.
type cache struct {
	mu    sync.Mutex
	parts map[part]*slot
	ring  []*slot
	hand  int
	bytes int64
	limit int64
}

type slot struct {
	part  part
	value any
	cost  int64
	used  bool
}

func (c *cache) get(p part) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.parts[p]
	if s == nil {
		return nil
	}
	s.used = true
	return s.value
}

func (c *cache) add(p part, value any, cost int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parts[p] != nil || cost > c.limit/2 {
		return
	}
	if c.parts == nil {
		c.parts = map[part]*slot{}
	}
	s := &slot{part: p, value: value, cost: cost}
	c.parts[p] = s
	c.ring = append(c.ring, s)
	for c.bytes += cost; c.bytes > c.limit; {
		c.evict()
	}
}

func (c *cache) evict() {
	for {
		if c.hand >= len(c.ring) {
			c.hand = 0
		}
		s := c.ring[c.hand]
		if s.used {
			s.used = false
			c.hand++
			continue
		}
		last := len(c.ring) - 1
		c.ring[c.hand] = c.ring[last]
		c.ring[last] = nil
		c.ring = c.ring[:last]
		c.hand++ // past the newest one, which now has the place
		delete(c.parts, s.part)
		c.bytes -= s.cost
		return
	}
}

// drop forgets what is kept of a pool.
func (c *cache) drop(pool storage.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ring, c.hand = slices.DeleteFunc(c.ring, func(s *slot) bool {
		if s.part.pool == pool {
			delete(c.parts, s.part)
			c.bytes -= s.cost
			return true
		}
		return false
	}), 0
}
