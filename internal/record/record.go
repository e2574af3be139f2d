// Package record has what all packages share that keep records: how values are written and read, how times are, the
// bounds of ranges of keys, and the removal of what deleted repositories leave.
//
// A value is put together from bytes, numbers as encoding/binary writes them (varints, and big-endian ones of a fixed
// size where they sort), IDs and hashes of 20 bytes, strings with their length, and times. Most values begin with the
// version of their layout.
package record

import (
	"encoding/binary"

	"github.com/reposit/reposit/storage"
)

// AppendString appends a string with its length, a uvarint.
func AppendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// AppendStrings appends the number of strings, a uvarint, and each.
func AppendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = AppendString(b, s)
	}
	return b
}

// IDKey returns a key that is made of the bytes of its kind and an ID.
func IDKey(id storage.ID, kind ...byte) []byte { return IDKeyFor(0, id, kind...) }

// IDKeyFor is IDKey with room for n bytes more.
func IDKeyFor(n int, id storage.ID, kind ...byte) []byte {
	b := make([]byte, 0, len(kind)+len(id)+n)
	return append(append(b, kind...), id[:]...)
}

// After returns the least key that is greater than all that begin with prefix, or nil if there is none.
func After(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return b
		}
		b = b[:len(b)-1]
	}
	return nil
}
