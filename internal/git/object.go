// Package git encodes and decodes Git objects: their hashes, trees, commits, tags and deltas. It works on raw bytes,
// keeps what it does not understand, and never stores anything.
package git

import (
	"fmt"
	"sync"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// Hash names an object.
type Hash = storage.Hash

// ErrMalformed is wrapped by every error about bytes that are not the object they claim to be.
var ErrMalformed = packfile.ErrMalformed

// ErrCollision says that content was made to collide with other content under SHA-1.
var ErrCollision = fault.New(fault.Invalid, "content is part of a SHA-1 collision attack")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Sum returns the hash of an object, or ErrCollision. The hash is SHA-1 with collision detection
// (shattered.io; git's own choice since 2.13).
func Sum(t storage.Type, content []byte) (Hash, error) {
	h, ok := packfile.Sum(t, content)
	if !ok {
		return Hash{}, ErrCollision
	}
	return h, nil
}

// A Hasher computes the hash of an object whose content is written to it in pieces. It is for one goroutine.
type Hasher struct{ packfile.Hasher }

// NewHasher returns a Hasher of an object of the given type and size in bytes.
func NewHasher(t storage.Type, size int64) *Hasher { return &Hasher{*packfile.NewHasher(t, size)} }

// Sum returns the hash of what was written, or ErrCollision.
func (h *Hasher) Sum() (Hash, error) {
	sum, ok := h.Hasher.Sum()
	if !ok {
		return Hash{}, ErrCollision
	}
	return sum, nil
}

// hashers are Hashers that are not in use.
var hashers = sync.Pool{New: func() any { return NewHasher(storage.Tree, 0) }}

// markStep is how many bytes of the content of a tree are between two marks of its hash.
const markStep = 2048

// LastHash returns the greatest hash: from the zero Hash to it are all objects of a pool.
func LastHash() (h Hash) {
	for i := range h {
		h[i] = 0xff
	}
	return h
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
