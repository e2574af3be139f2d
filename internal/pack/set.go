package pack

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"github.com/reposit/reposit/storage"
)

// A Set is a set of objects in the order in which they were added. It takes about 30 bytes for each. The zero value is
// empty. It is for one goroutine, or for many that only look.
type Set struct {
	hashes []storage.Hash
	table  []uint32 // places in hashes plus one, by hash; 0: free. Its length is a power of two
	seed   uint64   // odd; whoever makes objects must not know how they are spread
}

const minTable = 1 << 8

// Len returns how many objects there are.
func (s *Set) Len() int { return len(s.hashes) }

// Hashes returns all objects. They must not be changed, and are valid until the next is added.
func (s *Set) Hashes() []storage.Hash { return s.hashes }

// At returns the object at a place.
func (s *Set) At(i int) storage.Hash { return s.hashes[i] }

// Find returns the place of an object, or false.
func (s *Set) Find(h storage.Hash) (int, bool) {
	if len(s.table) == 0 {
		return 0, false
	}
	at, found := s.slot(h)
	return int(at) - 1, found
}

// Add adds an object unless it is there, and returns its place, and whether it was new.
func (s *Set) Add(h storage.Hash) (int, bool) {
	if 4*len(s.hashes) >= 3*len(s.table) {
		s.grow()
	}
	i := s.start(h)
	for ; s.table[i] != 0; i = (i + 1) & (len(s.table) - 1) {
		if at := int(s.table[i]) - 1; s.hashes[at] == h {
			return at, false
		}
	}
	s.hashes = append(s.hashes, h)
	s.table[i] = uint32(len(s.hashes))
	return len(s.hashes) - 1, true
}

// slot returns what the table says of an object.
func (s *Set) slot(h storage.Hash) (uint32, bool) {
	for i := s.start(h); s.table[i] != 0; i = (i + 1) & (len(s.table) - 1) {
		if s.hashes[s.table[i]-1] == h {
			return s.table[i], true
		}
	}
	return 0, false
}

func (s *Set) start(h storage.Hash) int {
	mixed := binary.LittleEndian.Uint64(h[:]) ^ binary.LittleEndian.Uint64(h[12:])
	return int(mixed * s.seed >> (64 - uint(bits.TrailingZeros(uint(len(s.table))))))
}

func (s *Set) grow() {
	if s.seed == 0 {
		s.seed = rand.Uint64() | 1
	}
	s.table = make([]uint32, max(minTable, 2*len(s.table)))
	for at, h := range s.hashes {
		i := s.start(h)
		for s.table[i] != 0 {
			i = (i + 1) & (len(s.table) - 1)
		}
		s.table[i] = uint32(at + 1)
	}
}
