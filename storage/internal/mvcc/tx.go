package mvcc

import (
	"iter"
	"slices"
	"strings"
)

// A Tx collects writes on top of the newest commit. There may be one at a time: the caller sees to that. A Tx that
// is not committed is dropped by forgetting it.
type Tx[V any] struct {
	m      *Map[V]
	writes []write[V]
	index  map[string]int // of writes, once they are many
	order  []int32        // of the writes up to some time, by key: Scan adds the later ones
}

type write[V any] struct {
	key   string
	value V
	hash  uint32 // of key
	gone  bool
}

const (
	manyWrites = 16
	maxSpare   = 256 // writes whose room is used again
)

// Begin returns an empty Tx.
func (m *Map[V]) Begin() *Tx[V] {
	t := &Tx[V]{m: m, writes: m.spare}
	if m.spare = nil; t.writes == nil {
		t.writes = make([]write[V], 0, manyWrites)
	}
	return t
}

// Len returns how many keys were written.
func (t *Tx[V]) Len() int { return len(t.writes) }

// Get returns the value of key, with the writes of t.
func (t *Tx[V]) Get(key string) (V, bool) {
	hash := t.m.index.hash(key)
	if i := t.find(key, hash); i >= 0 {
		return t.writes[i].value, !t.writes[i].gone
	}
	return t.m.value(key, hash, t.m.now.Load())
}

func (t *Tx[V]) find(key string, hash uint32) int {
	if t.index != nil {
		if i, ok := t.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range t.writes {
		if w := &t.writes[i]; w.hash == hash && w.key == key {
			return i
		}
	}
	return -1
}

// Put sets the value of key.
func (t *Tx[V]) Put(key string, value V) { t.set(write[V]{key: key, value: value}) }

// Delete removes key.
func (t *Tx[V]) Delete(key string) { t.set(write[V]{key: key, gone: true}) }

func (t *Tx[V]) set(w write[V]) {
	w.hash = t.m.index.hash(w.key)
	if i := t.find(w.key, w.hash); i >= 0 {
		t.writes[i] = w
		return
	}
	t.writes = append(t.writes, w)
	switch {
	case t.index != nil:
		t.index[w.key] = len(t.writes) - 1
	case len(t.writes) > manyWrites:
		t.index = make(map[string]int, 4*manyWrites)
		for i := range t.writes {
			t.index[t.writes[i].key] = i
		}
	}
}

// Scan yields keys as Snapshot.Scan does, with the writes of t up to the call. Writing meanwhile does not change
// what it yields.
func (t *Tx[V]) Scan(lo, hi string, desc bool) iter.Seq2[string, V] {
	stored := t.m.scan(lo, hi, desc, t.m.now.Load())
	own := t.between(lo, hi)
	if len(own) == 0 {
		return stored
	}
	order := func(a, b string) int {
		if desc {
			return strings.Compare(b, a)
		}
		return strings.Compare(a, b)
	}
	if desc {
		slices.Reverse(own)
	}
	return func(yield func(string, V) bool) {
		own := own
		for key, value := range stored {
			for len(own) > 0 && order(own[0].key, key) < 0 {
				if !own[0].gone && !yield(own[0].key, own[0].value) {
					return
				}
				own = own[1:]
			}
			if len(own) > 0 && own[0].key == key {
				continue // comes with the next stored key, or at the end
			}
			if !yield(key, value) {
				return
			}
		}
		for _, w := range own {
			if !w.gone && !yield(w.key, w.value) {
				return
			}
		}
	}
}

// between returns the writes from lo to hi, as Scan takes them, in the order of their keys. Many Scans of a transaction
// of many writes cost little more than the writes.
func (t *Tx[V]) between(lo, hi string) (own []write[V]) {
	if len(t.writes) <= manyWrites {
		for _, w := range t.writes {
			if w.key >= lo && (hi == "" || w.key < hi) {
				own = append(own, w)
			}
		}
		slices.SortFunc(own, func(a, b write[V]) int { return strings.Compare(a.key, b.key) })
		return own
	}
	t.sort()
	from := t.position(lo)
	to := len(t.order)
	if hi != "" {
		to = max(from, t.position(hi))
	}
	if from == to {
		return nil
	}
	own = make([]write[V], 0, to-from)
	for _, i := range t.order[from:to] {
		own = append(own, t.writes[i])
	}
	return own
}

// position returns how many of the writes that are in order have keys less than key.
func (t *Tx[V]) position(key string) int {
	i, _ := slices.BinarySearchFunc(t.order, key, func(i int32, key string) int {
		return strings.Compare(t.writes[i].key, key)
	})
	return i
}

// sort brings all writes in order: one by one if few are new.
func (t *Tx[V]) sort() {
	sorted := len(t.order)
	if len(t.writes)-sorted > manyWrites {
		for i := sorted; i < len(t.writes); i++ {
			t.order = append(t.order, int32(i))
		}
		slices.SortFunc(t.order, func(a, b int32) int { return strings.Compare(t.writes[a].key, t.writes[b].key) })
		return
	}
	for i := sorted; i < len(t.writes); i++ {
		t.order = slices.Insert(t.order, t.position(t.writes[i].key), int32(i))
	}
}

// Commit makes the writes visible to the snapshots that are taken from now on, all at once, and returns the number
// of the commit. The map keeps the keys.
func (t *Tx[V]) Commit() uint64 {
	commit := t.m.now.Load() + 1
	for i := range t.writes {
		t.m.write(&t.writes[i], commit)
	}
	t.m.now.Store(commit)
	t.m.sweep()
	if cap(t.writes) <= maxSpare {
		clear(t.writes)
		t.m.spare = t.writes[:0]
	}
	t.writes, t.index, t.order = nil, nil, nil
	return commit
}
