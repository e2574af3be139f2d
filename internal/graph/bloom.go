package graph

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/reposit/reposit/internal/record"
)

// Bloom filters of the paths that a commit changed, as in gitformat-commit-graph ("BDAT"), hash version 2.
const (
	bloomHashes = 7
	bloomBits   = 10 // for each path
	bloomPaths  = 512
	bloomSeed1  = 0x293ae76f
	bloomSeed2  = 0x7e646e2c
)

// Filters of one byte, which no other has.
const (
	bloomNone = 0x00 // nothing was changed
	bloomAll  = 0xff // more paths than a filter holds
)

// A bloomKey is the hashes of a path: the first one, and what the next is greater by.
type bloomKey struct{ hash, step uint32 }

func bloomKeyOf(path string) bloomKey {
	return bloomKey{murmur3(bloomSeed1, path), murmur3(bloomSeed2, path)}
}

// bloomKeysOf returns the keys of a path and of all directories that it lies in.
func bloomKeysOf(path string) []bloomKey {
	keys := []bloomKey{bloomKeyOf(path)}
	for at := strings.LastIndexByte(path, '/'); at > 0; at = strings.LastIndexByte(path[:at], '/') {
		keys = append(keys, bloomKeyOf(path[:at]))
	}
	return keys
}

// mayHave reports whether a filter may have all keys. One that is empty is not known, and may.
func mayHave(filter []byte, keys []bloomKey) bool {
	if len(filter) == 0 {
		return true
	}
	size := uint32(len(filter)) * 8
	for _, k := range keys {
		for range bloomHashes {
			bit := k.hash % size
			if filter[bit/8]&(1<<(bit%8)) == 0 {
				return false
			}
			k.hash += k.step
		}
	}
	return true
}

// appendBloom appends the filter of some paths, each of which is there once.
func appendBloom(to []byte, paths map[string]struct{}) []byte {
	switch {
	case len(paths) == 0:
		return append(to, bloomNone)
	case len(paths) > bloomPaths:
		return append(to, bloomAll)
	}
	length := (len(paths)*bloomBits + 7) / 8
	to = append(to, make([]byte, length)...)
	filter, size := to[len(to)-length:], uint32(length)*8
	for p := range paths {
		k := bloomKeyOf(p)
		for range bloomHashes {
			bit := k.hash % size
			filter[bit/8] |= 1 << (bit % 8)
			k.hash += k.step
		}
	}
	return to
}

// murmur3 returns the hash of Austin Appleby's MurmurHash3_x86_32.
func murmur3(seed uint32, s string) uint32 {
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	h, rest := seed, s
	for ; len(rest) >= 4; rest = rest[4:] {
		k := uint32(rest[0]) | uint32(rest[1])<<8 | uint32(rest[2])<<16 | uint32(rest[3])<<24
		h = bits.RotateLeft32(h^mix(k), 13)*5 + 0xe6546b64
	}
	var k uint32
	for i := len(rest) - 1; i >= 0; i-- {
		k = k<<8 | uint32(rest[i])
	}
	h ^= mix(k)
	h ^= uint32(len(s))
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// filters are the filters of a chunk.
type filters struct {
	ends [chunkSize]uint32 // where each one ends
	data []byte            // one after the other
}

func (f *filters) of(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = f.ends[i-1]
	}
	return f.data[start:f.ends[i]]
}

func (f *filters) cost() int64 { return 4*chunkSize + int64(len(f.data)) + 100 }

const filtersVersion = 1

func (f *filters) encode() []byte {
	b := append(make([]byte, 0, 1+chunkSize*2+len(f.data)), filtersVersion)
	for i := range chunkSize {
		b = binary.AppendUvarint(b, uint64(len(f.of(i))))
	}
	return append(b, f.data...)
}

const maxFilter = (bloomPaths*bloomBits + 7) / 8

func decodeFilters(b []byte) (*filters, error) {
	d := record.Decode(b)
	d.Version(filtersVersion, filtersVersion)
	f := &filters{}
	end := uint32(0)
	for i := range f.ends {
		end += uint32(d.Count(maxFilter))
		f.ends[i] = end
	}
	f.data = append(f.data, d.Take(uint64(end))...)
	if err := d.End("filters of a graph"); err != nil {
		return nil, err
	}
	return f, nil
}
