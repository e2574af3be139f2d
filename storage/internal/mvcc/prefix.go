package mvcc

import (
	"encoding/binary"
	"strings"
)

// A prefix is what the keys of a leaf or branch have in common at their beginnings, up to a length.
type prefix struct {
	bytes [31]byte
	n     uint8
}

// shared returns how many bytes two keys have in common at their beginnings.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func sharedPrefix(a, b string) (p prefix) {
	p.n = uint8(copy(p.bytes[:], a[:shared(a, b)]))
	return p
}

// starts reports whether key begins with the prefix.
func (p *prefix) starts(key string) bool {
	n := int(p.n)
	return len(key) >= n && key[:n] == string(p.bytes[:n])
}

// below reports whether a key that does not begin with the prefix is less than those that do.
func (p *prefix) below(key string) bool { return key < string(p.bytes[:p.n]) }

// A start is the eight bytes of a key that follow a prefix, as a number: numbers compare as the bytes do. Most
// comparisons end there, and need not go to where the key's bytes are.
type start = uint64

func (p *prefix) start(key string) start {
	rest := key[p.n:]
	if len(rest) >= 8 {
		return binary.BigEndian.Uint64([]byte(rest[:8]))
	}
	var b [8]byte
	copy(b[:], rest)
	return binary.BigEndian.Uint64(b[:])
}

// around returns how many of sorted starts are less than s, and how many are not greater.
func around(starts []start, s start) (less, upTo int) {
	lo, hi := 0, len(starts)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if starts[mid] < s {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for hi < len(starts) && starts[hi] == s {
		hi++
	}
	return lo, hi
}

// between returns a short key that is greater than a and not greater than b, where a is less than b.
func between(a, b string) string { return strings.Clone(b[:shared(a, b)+1]) }
