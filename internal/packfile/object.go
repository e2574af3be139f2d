package packfile

import (
	"crypto/sha1"
	"encoding"
	"hash"
	"strconv"
	"strings"
	"sync"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/storage"
)

// AppendObjectHeader appends what is before the content of an object, where it is hashed and in the stream of a loose
// one: its type and size.
func AppendObjectHeader(b []byte, t storage.Type, size int64) []byte {
	b = append(b, t.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, size, 10)
	return append(b, 0)
}

// ParseObjectHeader reads what AppendObjectHeader appends, without the zero byte at its end.
func ParseObjectHeader(text string) (storage.Type, int64, error) {
	name, digits, _ := strings.Cut(text, " ")
	size, err := strconv.ParseInt(digits, 10, 64)
	if err == nil && size >= 0 {
		for _, t := range [...]storage.Type{storage.Commit, storage.Tree, storage.Blob, storage.Tag} {
			if t.String() == name {
				return t, size, nil
			}
		}
	}
	return 0, 0, malformed("header of an object: %.40q", text)
}

// A Hasher computes the hash of an object whose content is written to it in pieces. The hash is SHA-1 with collision
// detection (shattered.io; git's own choice since 2.13). It is for one goroutine.
type Hasher struct {
	state  sha1cd.CollisionResistantHash
	buffer [32]byte
}

var hashers = sync.Pool{New: func() any {
	return &Hasher{state: sha1cd.New().(sha1cd.CollisionResistantHash)}
}}

// Sum returns the hash of an object, or false if its content is part of a collision attack.
func Sum(t storage.Type, content []byte) (storage.Hash, bool) {
	h := hashers.Get().(*Hasher)
	defer hashers.Put(h)
	h.Reset(t, int64(len(content)))
	h.Write(content)
	return h.Sum()
}

// readers are plain SHA-1 hashes that are not in use.
var readers = sync.Pool{New: func() any { return sha1.New() }}

// Is reports whether content that comes from a store is that of an object. It costs a fraction of Sum, since it does
// not look for collision attacks: what is stored was looked at when it came.
func Is(t storage.Type, content []byte, want storage.Hash) bool {
	h := readers.Get().(hash.Hash)
	defer readers.Put(h)
	h.Reset()
	var head [32]byte
	h.Write(AppendObjectHeader(head[:0], t, int64(len(content))))
	h.Write(content)
	return [sha1.Size]byte(h.Sum(head[:0])) == want
}

// NewHasher returns a Hasher of an object of the given type and size in bytes.
func NewHasher(t storage.Type, size int64) *Hasher {
	h := hashers.New().(*Hasher)
	h.Reset(t, size)
	return h
}

// Reset begins with another object.
func (h *Hasher) Reset(t storage.Type, size int64) {
	h.state.Reset()
	h.state.Write(AppendObjectHeader(h.buffer[:0], t, size))
}

// Write adds content. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.state.Write(p) }

// Sum returns the hash of what was written, or false if that is part of a collision attack.
func (h *Hasher) Sum() (storage.Hash, bool) {
	sum, collision := h.state.CollisionResistantSum(h.buffer[:0])
	if collision {
		return storage.Hash{}, false
	}
	return storage.Hash(sum), true
}

// A Mark is the state of a Hasher after some content.
type Mark []byte

// MarkSize is about how many bytes of memory a Mark takes.
const MarkSize = 128

// Mark returns the state of the Hasher.
func (h *Hasher) Mark() Mark {
	m, err := h.state.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil // Resume refuses it
	}
	return m
}

// Resume puts the Hasher into the state of a mark, or reports false. The content before the mark must be no part of a
// collision.
func (h *Hasher) Resume(m Mark) bool {
	h.state.Reset()
	return h.state.(encoding.BinaryUnmarshaler).UnmarshalBinary(m) == nil
}
