package billyfs

import (
	"bytes"
	"encoding/binary"
	"sort"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/storage"
)

// A packIndex is an .idx file (gitformat-pack). One of version 2 has a table of counts by first byte, the hashes in
// order, checksums, offsets, and a second table for the offsets that do not fit into 31 bits; one of version 1, without
// a header, has the table of counts, and each offset before its hash.
type packIndex struct {
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

// parseIndex checks an index as a whole: a damaged one would have objects missing in silence.
func parseIndex(data []byte) (*packIndex, error) {
	x := &packIndex{data: data, first: fanout + 4, step: 24}
	entry := 24
	if bytes.HasPrefix(data, indexMagic[:4]) { // no table of version 1 begins with so large a count
		x.fan, x.first, x.step, entry = indexHeader, indexHeader+fanout, 20, 28
	}
	if len(data) < x.fan+fanout+40 || x.fan > 0 && !bytes.Equal(data[:indexHeader], indexMagic[:]) {
		return nil, storage.ErrCorrupt
	}
	sum, _ := sha1cd.Sum(data[:len(data)-20])
	if !bytes.Equal(sum[:], data[len(data)-20:]) {
		return nil, storage.ErrCorrupt
	}
	last := uint32(0)
	for b := range 256 {
		n := binary.BigEndian.Uint32(data[x.fan+4*b:])
		if n < last {
			return nil, storage.ErrCorrupt
		}
		last = n
	}
	x.count = int(last)
	size := int64(x.fan+fanout+40) + int64(x.count)*int64(entry)
	if int64(len(data)) < size || x.fan == 0 && int64(len(data)) != size {
		return nil, storage.ErrCorrupt
	}
	return x, nil
}

func (x *packIndex) hash(i int) (h storage.Hash) {
	copy(h[:], x.data[x.first+x.step*i:])
	return h
}

// search returns the position of the first hash that is not less than h.
func (x *packIndex) search(h storage.Hash) int {
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

// offset returns where in the pack an object is.
func (x *packIndex) offset(h storage.Hash) (int64, bool) {
	i := x.search(h)
	if i >= x.count || x.hash(i) != h {
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

// A packEntry is an object in a pack that is being written.
type packEntry struct {
	hash   storage.Hash
	offset int64
	crc    uint32
}

// encodeIndex returns the index of a pack. The entries are in the order of their hashes.
func encodeIndex(entries []packEntry, pack [20]byte) []byte {
	b := append([]byte{}, indexMagic[:]...)
	n := 0
	for first := range 256 {
		for n < len(entries) && int(entries[n].hash[0]) <= first {
			n++
		}
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, e := range entries {
		b = append(b, e.hash[:]...)
	}
	for _, e := range entries {
		b = binary.BigEndian.AppendUint32(b, e.crc)
	}
	var large []byte
	for _, e := range entries {
		if e.offset < largeOffset {
			b = binary.BigEndian.AppendUint32(b, uint32(e.offset))
			continue
		}
		b = binary.BigEndian.AppendUint32(b, largeOffset|uint32(len(large)/8))
		large = binary.BigEndian.AppendUint64(large, uint64(e.offset))
	}
	b = append(b, large...)
	b = append(b, pack[:]...)
	sum, _ := sha1cd.Sum(b)
	return append(b, sum[:]...)
}
