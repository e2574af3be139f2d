package billyfs

import (
	"container/list"
	"sync"
)

// An lru keeps the values that were used last, up to a total weight. It is safe for concurrent use.
type lru[K comparable, V any] struct {
	limit int64
	evict func(V) // is told what falls out, without a lock; may be nil

	mu     sync.Mutex
	weight int64
	order  list.List // of lruItem, the last used first
	items  map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key    K
	value  V
	weight int64
}

func newLRU[K comparable, V any](limit int64, evict func(V)) *lru[K, V] {
	return &lru[K, V]{limit: limit, evict: evict, items: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(key K) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[key]
	if !ok {
		return v, false
	}
	c.order.MoveToFront(e)
	return e.Value.(lruItem[K, V]).value, true
}

func (c *lru[K, V]) add(key K, value V, weight int64) {
	c.mu.Lock()
	var out []V
	if e, ok := c.items[key]; ok {
		out = append(out, c.drop(e))
	}
	c.items[key] = c.order.PushFront(lruItem[K, V]{key, value, weight})
	c.weight += weight
	for c.weight > c.limit && c.order.Len() > 1 {
		out = append(out, c.drop(c.order.Back()))
	}
	c.mu.Unlock()
	c.tell(out)
}

func (c *lru[K, V]) drop(e *list.Element) V {
	item := c.order.Remove(e).(lruItem[K, V])
	delete(c.items, item.key)
	c.weight -= item.weight
	return item.value
}

func (c *lru[K, V]) tell(out []V) {
	if c.evict != nil {
		for _, v := range out {
			c.evict(v)
		}
	}
}

func (c *lru[K, V]) remove(key K) {
	c.mu.Lock()
	var out []V
	if e, ok := c.items[key]; ok {
		out = append(out, c.drop(e))
	}
	c.mu.Unlock()
	c.tell(out)
}

// clear removes all values.
func (c *lru[K, V]) clear() {
	c.mu.Lock()
	var out []V
	for c.order.Len() > 0 {
		out = append(out, c.drop(c.order.Back()))
	}
	c.mu.Unlock()
	c.tell(out)
}
