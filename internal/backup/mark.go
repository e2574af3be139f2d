package backup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"slices"
	"sort"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Mark says what a chain of backups has, so that the next one can leave that out: sums of ranges of records and of
// the refs of each repository, and the names of all objects, shortened.
type Mark struct {
	key    [16]byte // that names are shortened with: who does not know it can't make two that are alike
	ranges []rangeSum
	repos  map[storage.ID]repoSum
	pools  map[storage.ID][]uint64 // names of objects, sorted

	block cipher.Block
}

type sum [16]byte

func sumOf(b []byte) sum { full := sha256.Sum256(b); return sum(full[:]) }

// A rangeSum is of the records from lo to the lo of the next one.
type rangeSum struct {
	lo  string
	sum sum
}

// A repoSum is of the refs of a repository with their logs, and of its state, which tells when its objects may be
// others.
type repoSum struct {
	pool        storage.ID
	refs, state sum
}

// newMark returns what an empty chain has.
func newMark(key [16]byte) *Mark {
	m := &Mark{key: key, repos: map[storage.ID]repoSum{}, pools: map[storage.ID][]uint64{}}
	m.block, _ = aes.NewCipher(key[:]) // it takes any key of this length
	return m
}

func newKey() (key [16]byte) {
	rand.Read(key[:])
	return key
}

// short returns the shortened name of an object.
func (m *Mark) short(h storage.Hash) uint64 {
	var b [16]byte
	copy(b[:], h[:16])
	for i, c := range h[16:] {
		b[i] ^= c
	}
	m.block.Encrypt(b[:], b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// has reports whether the chain has an object.
func (m *Mark) has(pool storage.ID, h storage.Hash) bool {
	names := m.pools[pool]
	if len(names) == 0 {
		return false
	}
	_, ok := slices.BinarySearch(names, m.short(h))
	return ok
}

// add adds names, which it sorts, to those of a pool.
func (m *Mark) add(pool storage.ID, names []uint64) {
	all := append(m.pools[pool], names...)
	slices.Sort(all)
	m.pools[pool] = slices.Compact(all)
}

// isEdge reports whether a range of records begins with a key.
func isEdge(key []byte) bool { return crc32.Checksum(key, castagnoli)%256 == 0 }

// find returns the range that begins with a key, and where the next one begins, or nil at the end.
func (m *Mark) find(lo string) (s sum, hi []byte, ok bool) {
	i := sort.Search(len(m.ranges), func(i int) bool { return m.ranges[i].lo >= lo })
	if i == len(m.ranges) || m.ranges[i].lo != lo {
		return s, nil, false
	}
	if i+1 < len(m.ranges) {
		hi = []byte(m.ranges[i+1].lo)
	}
	return m.ranges[i].sum, hi, true
}

// replace notes the sum of a range in place of those that lie in it.
func (m *Mark) replace(lo, hi []byte, s sum) {
	from := sort.Search(len(m.ranges), func(i int) bool { return m.ranges[i].lo >= string(lo) })
	to := len(m.ranges)
	if hi != nil {
		to = sort.Search(len(m.ranges), func(i int) bool { return m.ranges[i].lo >= string(hi) })
	}
	m.ranges = slices.Replace(m.ranges, from, max(from, to), rangeSum{string(lo), s})
}

// clone returns a copy whose change leaves m as it is.
func (m *Mark) clone() *Mark {
	c := newMark(m.key)
	c.ranges = slices.Clone(m.ranges)
	maps.Copy(c.repos, m.repos)
	for id, names := range m.pools {
		c.pools[id] = slices.Clip(names)
	}
	return c
}

const markVersion = 1

// Encode returns the mark as bytes.
func (m *Mark) Encode() []byte {
	b := append([]byte{markVersion}, m.key[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.ranges)))
	for _, r := range m.ranges {
		b = append(record.AppendString(b, r.lo), r.sum[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(m.repos)))
	for _, id := range sortedIDs(m.repos) {
		r := m.repos[id]
		b = append(append(append(append(b, id[:]...), r.pool[:]...), r.refs[:]...), r.state[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(m.pools)))
	for _, id := range sortedIDs(m.pools) {
		b = binary.AppendUvarint(append(b, id[:]...), uint64(len(m.pools[id])))
		last := uint64(0)
		for _, name := range m.pools[id] {
			b = binary.AppendUvarint(b, name-last)
			last = name
		}
	}
	return b
}

// DecodeMark returns the mark that Encode made bytes of.
func DecodeMark(b []byte) (*Mark, error) {
	d := record.Decode(b)
	d.Version(markVersion, markVersion)
	var key [16]byte
	copy(key[:], d.Take(16))
	m := newMark(key)
	take := func() (s sum) { copy(s[:], d.Take(16)); return s }
	for range d.Count(uint64(d.Len())) {
		m.ranges = append(m.ranges, rangeSum{d.String(), take()})
	}
	for range d.Count(uint64(d.Len())) {
		id := d.ID()
		m.repos[id] = repoSum{d.ID(), take(), take()}
	}
	for range d.Count(uint64(d.Len())) {
		id := d.ID()
		names := make([]uint64, 0, d.Count(uint64(d.Len())))
		last := uint64(0)
		for range cap(names) {
			last += d.Uvarint()
			names = append(names, last)
		}
		m.pools[id] = names
	}
	if err := d.End("mark of a backup"); err != nil {
		return nil, err
	}
	return m, nil
}

func sortedIDs[V any](m map[storage.ID]V) []storage.ID {
	return slices.SortedFunc(maps.Keys(m), func(a, b storage.ID) int { return bytes.Compare(a[:], b[:]) })
}
