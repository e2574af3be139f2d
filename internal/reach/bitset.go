package reach

import (
	"iter"
	"math"
	"math/bits"
	"slices"
)

const (
	chunkWords = 64
	chunkBits  = 64 * chunkWords
	chunkCost  = 8*chunkWords + 16 // bytes
)

// A chunk is a part of a bitset. Only the bitset whose tag it has may change it.
type chunk struct {
	words [chunkWords]uint64
	tag   *tag
}

type tag struct{ _ byte }

// full is the chunk of which nothing is missing. All bitsets share it.
var full = func() *chunk {
	c := &chunk{}
	for i := range c.words {
		c.words[i] = math.MaxUint64
	}
	return c
}()

// A bitset is a set of numbers. Sets that were made of one another share what they have in common. The zero value is
// empty.
type bitset struct {
	chunks []*chunk // nil ones are empty
	tag    *tag
}

func (b *bitset) has(n uint32) bool {
	i := int(n / chunkBits)
	return i < len(b.chunks) && b.chunks[i] != nil && b.chunks[i].words[n%chunkBits/64]&(1<<(n%64)) != 0
}

// add reports whether n was not there yet.
func (b *bitset) add(n uint32) bool {
	if b.has(n) {
		return false
	}
	i := int(n / chunkBits)
	if i >= len(b.chunks) || b.chunks[i] == nil || b.tag == nil || b.chunks[i].tag != b.tag {
		b.own(i)
	}
	b.chunks[i].words[n%chunkBits/64] |= 1 << (n % 64)
	return true
}

// own returns chunk i, for b to change.
func (b *bitset) own(i int) *chunk {
	if b.tag == nil {
		b.tag = new(tag)
	}
	for i >= len(b.chunks) {
		b.chunks = append(b.chunks, nil)
	}
	switch c := b.chunks[i]; {
	case c == nil:
		b.chunks[i] = &chunk{tag: b.tag}
	case c.tag != b.tag:
		b.chunks[i] = &chunk{words: c.words, tag: b.tag}
	}
	return b.chunks[i]
}

// union adds what is in o. From then on, both copy what they share before they change it.
func (b *bitset) union(o *bitset) {
	o.tag = nil
	if len(b.chunks) == 0 {
		b.chunks = slices.Clone(o.chunks)
		return
	}
	for i, c := range o.chunks {
		switch {
		case c == nil || i < len(b.chunks) && b.chunks[i] == c:
		case i >= len(b.chunks) || b.chunks[i] == nil:
			for i >= len(b.chunks) {
				b.chunks = append(b.chunks, nil)
			}
			b.chunks[i] = c
		default:
			own := b.own(i)
			for j, w := range c.words {
				own.words[j] |= w
			}
		}
	}
}

// share replaces chunks by those of o that hold the same, and full ones.
func (b *bitset) share(o *bitset) {
	o.tag = nil
	for i, c := range b.chunks {
		switch {
		case c == nil || c == full:
		case c.words == full.words:
			b.chunks[i] = full
		case i < len(o.chunks) && o.chunks[i] != nil && o.chunks[i].words == c.words:
			b.chunks[i] = o.chunks[i]
		}
	}
}

// cost returns about how many bytes b holds for itself alone.
func (b *bitset) cost() int64 {
	cost := int64(8 * cap(b.chunks))
	for _, c := range b.chunks {
		if c != nil && c.tag != nil && c.tag == b.tag {
			cost += chunkCost
		}
	}
	return cost
}

// minus yields what is in b and not in o, in ascending order.
func (b *bitset) minus(o *bitset) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, c := range b.chunks {
			if c == nil || i < len(o.chunks) && o.chunks[i] == c {
				continue
			}
			for j, w := range c.words {
				if i < len(o.chunks) && o.chunks[i] != nil {
					w &^= o.chunks[i].words[j]
				}
				for ; w != 0; w &= w - 1 {
					if !yield(uint32(i*chunkBits + j*64 + bits.TrailingZeros64(w))) {
						return
					}
				}
			}
		}
	}
}
