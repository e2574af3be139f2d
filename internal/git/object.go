// Package git encodes and decodes Git objects: their hashes, trees, commits, tags and deltas. It works on raw bytes,
// keeps what it does not understand, and never stores anything.
package git

import (
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/storage"
)

// Hash names an object.
type Hash = storage.Hash

// ErrMalformed is wrapped by every error about bytes that are not the object they claim to be.
var ErrMalformed = errors.New("malformed object")

// ErrCollision says that content was made to collide with other content under SHA-1.
var ErrCollision = fault.New(fault.Invalid, "content is part of a SHA-1 collision attack")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Sum returns the hash of an object, or ErrCollision. The hash is SHA-1 with collision detection
// (shattered.io; git's own choice since 2.13).
func Sum(t storage.Type, content []byte) (Hash, error) {
	h := hashers.Get().(*Hasher)
	defer hashers.Put(h)
	h.reset(t, int64(len(content)))
	h.Write(content)
	return h.Sum()
}

// A Hasher computes the hash of an object whose content is written to it in pieces. It is for one goroutine.
type Hasher struct {
	state  sha1cd.CollisionResistantHash
	buffer [32]byte
}

var hashers = sync.Pool{New: func() any {
	return &Hasher{state: sha1cd.New().(sha1cd.CollisionResistantHash)}
}}

// NewHasher returns a Hasher of an object of the given type and size in bytes.
func NewHasher(t storage.Type, size int64) *Hasher {
	h := hashers.New().(*Hasher)
	h.reset(t, size)
	return h
}

func (h *Hasher) reset(t storage.Type, size int64) {
	h.state.Reset()
	b := append(h.buffer[:0], t.String()...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, size, 10)
	h.state.Write(append(b, 0))
}

// A mark is the state of a Hasher after some content.
type mark []byte

const (
	markStep = 2048 // bytes of content from one mark of a tree to the next
	markCost = 128  // bytes of memory that a mark takes
)

func (h *Hasher) mark() mark {
	m, err := h.state.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return nil // resume refuses it
	}
	return m
}

// resume puts the Hasher into the state of a mark, or reports false. The content before the mark was no part of a
// collision, or its hash would not have been used.
func (h *Hasher) resume(m mark) bool {
	h.state.Reset()
	return h.state.(encoding.BinaryUnmarshaler).UnmarshalBinary(m) == nil
}

// Write adds content. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.state.Write(p) }

// Sum returns the hash of what was written, or ErrCollision.
func (h *Hasher) Sum() (Hash, error) {
	sum, collision := h.state.CollisionResistantSum(h.buffer[:0])
	if collision {
		return Hash{}, ErrCollision
	}
	return Hash(sum), nil
}

// ParseHash reads 40 hexadecimal digits.
func ParseHash(s string) (Hash, bool) {
	var h Hash
	if len(s) != 2*len(h) {
		return Hash{}, false
	}
	for i := range h {
		hi, lo := hexDigit(s[2*i]), hexDigit(s[2*i+1])
		if hi > 15 || lo > 15 {
			return Hash{}, false
		}
		h[i] = hi<<4 | lo
	}
	return h, true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
