package packfile

import (
	"encoding/binary"
	"math/bits"
)

// A DeltaIndex finds where the bytes of a base are in other contents, wherever they moved: it knows each block of 16
// bytes of the base by a hash that rolls over the target. It is for many goroutines.
type DeltaIndex struct {
	base  []byte
	heads []int32 // by hash: the last block that has it, plus one
	next  []int32 // by block: the one before it that has the same hash, plus one
	shift uint
}

const (
	deltaBlock = 16
	rollFactor = 0x08104225 // odd
	maxSame    = 32         // blocks of one hash that are looked at
)

// rollOut is what the byte that leaves the window counts: rollFactor to the power of deltaBlock - 1.
var rollOut = func() uint32 {
	n := uint32(1)
	for range deltaBlock - 1 {
		n *= rollFactor
	}
	return n
}()

// NewDeltaIndex returns the index of a base, which it keeps. It takes about as many bytes as the base has, less a half.
func NewDeltaIndex(base []byte) *DeltaIndex {
	blocks := len(base) / deltaBlock
	x := &DeltaIndex{base: base, next: make([]int32, blocks)}
	size := bits.Len(uint(blocks))
	x.heads, x.shift = make([]int32, 1<<size), uint(32-size)
	var last uint32
	for i := range blocks {
		h := rollOver(base[i*deltaBlock:])
		if i > 0 && h == last { // of a run of equal blocks, the first is enough
			continue
		}
		last = h
		slot := x.slot(h)
		x.next[i], x.heads[slot] = x.heads[slot], int32(i+1)
	}
	return x
}

func (x *DeltaIndex) slot(h uint32) uint32 { return uint32(uint64(h*0x9e3779b1) >> x.shift) }

func rollOver(b []byte) (h uint32) {
	for _, c := range b[:deltaBlock] {
		h = h*rollFactor + uint32(c)
	}
	return h
}

// Delta returns what makes target of the base, or nil if that takes more than limit bytes.
func (x *DeltaIndex) Delta(target []byte, limit int) []byte {
	var d DeltaWriter
	insert := 0 // the first byte that nothing makes yet
	at := 0
	var h uint32
	rolled := false
	for at+deltaBlock <= len(target) {
		if rolled {
			h = (h-uint32(target[at-1])*rollOut)*rollFactor + uint32(target[at+deltaBlock-1])
		} else {
			h, rolled = rollOver(target[at:]), true
		}
		from, n := x.longest(h, target[at:])
		if n < deltaBlock {
			at++
			continue
		}
		for at > insert && from > 0 && target[at-1] == x.base[from-1] {
			at, from, n = at-1, from-1, n+1
		}
		d.Insert(target[insert:at])
		d.Copy(from, from+n)
		at += n
		insert, rolled = at, false
		if d.Len() > limit {
			return nil
		}
	}
	d.Insert(target[insert:])
	if delta := d.Delta(len(x.base), len(target)); len(delta) <= limit {
		return delta
	}
	return nil
}

// longest returns where in the base the longest of the looked at matches of a target begins, and its length.
func (x *DeltaIndex) longest(h uint32, target []byte) (from, n int) {
	i := x.heads[x.slot(h)]
	for tries := 0; i > 0 && tries < maxSame; tries++ {
		at := int(i-1) * deltaBlock
		if k := common(x.base[at:], target); k > n {
			from, n = at, k
			if n >= len(target) || n >= 4<<10 {
				break
			}
		}
		i = x.next[i-1]
	}
	return from, n
}

// common returns how many bytes two contents begin with alike.
func common(a, b []byte) int {
	n := 0
	for len(a)-n >= 8 && len(b)-n >= 8 {
		if d := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); d != 0 {
			return n + bits.TrailingZeros64(d)/8
		}
		n += 8
	}
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
