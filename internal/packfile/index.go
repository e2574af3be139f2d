package packfile

import (
	"bytes"
	"encoding/binary"
	"sort"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/storage"
)

// An Index is an .idx file (gitformat-pack). One of version 2 has a table of counts by first byte, the hashes in
// order, checksums, offsets, and a second table for the offsets that do not fit into 31 bits; one of version 1, without
// a header, has the table of counts, and each offset before its hash.
type Index struct {
	data  []byte
	count int
	fan   int // where the table of counts is
	first int // where the first hash is
	step  int // from one hash to the next
}

const (
	indexHeader = 8
	fanout      = 256 * 4
	largeOffset = 1 << 31
)

var indexMagic = [...]byte{0xff, 't', 'O', 'c', 0, 0, 0, 2}

// ParseIndex checks an index as a whole: a damaged one would have objects missing in silence. The Index keeps data.
func ParseIndex(data []byte) (*Index, error) {
	x := &Index{data: data, first: fanout + 4, step: 24}
	entry := 24
	if bytes.HasPrefix(data, indexMagic[:4]) { // no table of version 1 begins with so large a count
		x.fan, x.first, x.step, entry = indexHeader, indexHeader+fanout, 20, 28
	}
	if len(data) < x.fan+fanout+40 || x.fan > 0 && !bytes.Equal(data[:indexHeader], indexMagic[:]) {
		return nil, malformed("index of a pack is cut short, or of another version")
	}
	sum, _ := sha1cd.Sum(data[:len(data)-20])
	if !bytes.Equal(sum[:], data[len(data)-20:]) {
		return nil, malformed("checksum of a pack's index is wrong")
	}
	last := uint32(0)
	for b := range 256 {
		n := binary.BigEndian.Uint32(data[x.fan+4*b:])
		if n < last {
			return nil, malformed("counts of a pack's index fall")
		}
		last = n
	}
	x.count = int(last)
	size := int64(x.fan+fanout+40) + int64(x.count)*int64(entry)
	if int64(len(data)) < size || x.fan == 0 && int64(len(data)) != size {
		return nil, malformed("index of a pack is too short for %d objects", x.count)
	}
	return x, nil
}

// Len returns how many objects the pack has.
func (x *Index) Len() int { return x.count }

// Hash returns the hash of the object at a place, in the order of the hashes.
func (x *Index) Hash(i int) (h storage.Hash) {
	copy(h[:], x.data[x.first+x.step*i:])
	return h
}

// Search returns the place of the first hash that is not less than h.
func (x *Index) Search(h storage.Hash) int {
	lo := 0
	if h[0] > 0 {
		lo = int(binary.BigEndian.Uint32(x.data[x.fan+4*int(h[0]-1):]))
	}
	hi := int(binary.BigEndian.Uint32(x.data[x.fan+4*int(h[0]):]))
	return lo + sort.Search(hi-lo, func(i int) bool {
		at := x.first + x.step*(lo+i)
		return bytes.Compare(x.data[at:at+20], h[:]) >= 0
	})
}

// Offset returns where in the pack an object is, and whether the pack has it. The offset is -1 if the index is wrong.
func (x *Index) Offset(h storage.Hash) (int64, bool) {
	i := x.Search(h)
	if i >= x.count || x.Hash(i) != h {
		return 0, false
	}
	if x.fan == 0 {
		return int64(binary.BigEndian.Uint32(x.data[x.first+x.step*i-4:])), true
	}
	table := indexHeader + fanout + 24*x.count
	off := binary.BigEndian.Uint32(x.data[table+4*i:])
	if off < largeOffset {
		return int64(off), true
	}
	at := table + 4*x.count + 8*int(off-largeOffset)
	if at+8 > len(x.data)-40 {
		return -1, true
	}
	return int64(binary.BigEndian.Uint64(x.data[at:])), true
}

// An IndexEntry is an object in a pack, for its index.
type IndexEntry struct {
	Hash   storage.Hash
	Offset int64  // where its entry begins
	CRC    uint32 // CRC-32 (IEEE) of the entry
}

// AppendIndex appends the index, of version 2, of a pack with a checksum. The entries are in the order of their hashes.
func AppendIndex(b []byte, entries []IndexEntry, pack [TrailerSize]byte) []byte {
	start := len(b)
	b = append(b, indexMagic[:]...)
	n := 0
	for first := range 256 {
		for n < len(entries) && int(entries[n].Hash[0]) <= first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, e := range entries {
		b = append(b, e.Hash[:]...)
	}
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, e.CRC)
	}
	var large []byte
	for _, e := range entries {
		if e.Offset < largeOffset {
			b = binary.BigEndian.AppendUint32(b, uint32(e.Offset))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, largeOffset|uint32(len(large)/8))
		large = binary.BigEndian.AppendUint64(large, uint64(e.Offset))
	}
	b = append(b, large...)
	b = append(b, pack[:]...)
	sum, _ := sha1cd.Sum(b[start:])
	return append(b, sum[:]...)
}
