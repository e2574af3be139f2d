package memory

import (
	"encoding/binary"
	"sync/atomic"
)

// A table maps 20-byte names to values. Reading takes no lock; writers take turns outside.
//
// It is open addressing over atomic pointers, at most half full. Growing makes a new array and swaps it in: a reader
// of the old one sees what was there when it began. Removing leaves the slot occupied by an entry without a value.
type table[V any] struct {
	slots atomic.Pointer[[]atomic.Pointer[entry[V]]]
	used  int // slots that hold an entry, with a value or without
	live  int
}

type entry[V any] struct {
	name  [20]byte
	value *V
}

// spread mixes the bytes of a name, which may be hash or text, into a position.
func spread(name *[20]byte) uint64 {
	h := binary.LittleEndian.Uint64(name[:8]) ^ binary.LittleEndian.Uint64(name[12:])*0x9e3779b97f4a7c15
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>29
}

// get returns the value of name, or nil.
func (t *table[V]) get(name [20]byte) *V {
	slots := t.slots.Load()
	if slots == nil {
		return nil
	}
	mask := uint64(len(*slots) - 1)
	for i := spread(&name) & mask; ; i = (i + 1) & mask {
		e := (*slots)[i].Load()
		if e == nil {
			return nil
		}
		if e.name == name {
			return e.value
		}
	}
}

// put sets the value of name, or removes it if value is nil.
func (t *table[V]) put(name [20]byte, value *V) {
	slots := t.slots.Load()
	if slots == nil || 2*(t.used+1) > len(*slots) {
		if value == nil && t.get(name) == nil {
			return
		}
		slots = t.grow()
	}
	mask := uint64(len(*slots) - 1)
	for i := spread(&name) & mask; ; i = (i + 1) & mask {
		e := (*slots)[i].Load()
		if e != nil && e.name != name {
			continue
		}
		t.count(e, value)
		if e != nil || value != nil {
			(*slots)[i].Store(&entry[V]{name, value})
		}
		return
	}
}

func (t *table[V]) count(e *entry[V], value *V) {
	switch {
	case e == nil && value != nil:
		t.used++
		t.live++
	case e != nil && e.value == nil && value != nil:
		t.live++
	case e != nil && e.value != nil && value == nil:
		t.live--
	}
}

func (t *table[V]) grow() *[]atomic.Pointer[entry[V]] {
	size := 8
	for size < 4*(t.live+1) {
		size *= 2
	}
	grown := make([]atomic.Pointer[entry[V]], size)
	mask := uint64(size - 1)
	t.used = 0
	if old := t.slots.Load(); old != nil {
		for i := range *old {
			e := (*old)[i].Load()
			if e == nil || e.value == nil {
				continue
			}
			at := spread(&e.name) & mask
			for grown[at].Load() != nil {
				at = (at + 1) & mask
			}
			grown[at].Store(e)
			t.used++
		}
	}
	t.slots.Store(&grown)
	return &grown
}

// names returns all names that have a value, in no order.
func (t *table[V]) names() [][20]byte {
	slots := t.slots.Load()
	if slots == nil {
		return nil
	}
	var names [][20]byte
	for i := range *slots {
		if e := (*slots)[i].Load(); e != nil && e.value != nil {
			names = append(names, e.name)
		}
	}
	return names
}
