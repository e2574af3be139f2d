// Package packfile encodes and decodes Git's formats of packs (gitformat-pack): their header, the headers of their
// entries, deltas and indexes, and the header of an object, which names it and begins a loose one (gitformat-loose). It
// works on bytes, and never reads or writes a file.
package packfile

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reposit/reposit/storage"
)

// ErrMalformed is wrapped by every error about bytes that are not what they claim to be.
var ErrMalformed = errors.New("malformed object")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

const (
	// HeaderSize is the length of what a pack begins with, in bytes.
	HeaderSize = 12
	// TrailerSize is the length of the checksum that a pack ends in.
	TrailerSize = 20
	// MaxChain is how many deltas git follows from an object to one that is none.
	MaxChain = 4095

	signature = "PACK"
	version   = 2 // which is written; 3 is read as well, as git does
)

// AppendHeader appends what a pack of so many objects begins with.
func AppendHeader(b []byte, objects uint32) []byte {
	b = append(b, signature...)
	b = binary.BigEndian.AppendUint32(b, version)
	return binary.BigEndian.AppendUint32(b, objects)
}

// ParseHeader returns the number of objects of the pack that begins with b, of at least HeaderSize bytes.
func ParseHeader(b []byte) (objects uint32, err error) {
	if len(b) < HeaderSize || string(b[:4]) != signature {
		return 0, malformed("pack does not begin as one")
	}
	if v := binary.BigEndian.Uint32(b[4:]); v != version && v != 3 {
		return 0, malformed("version %d of packs is unknown", v)
	}
	return binary.BigEndian.Uint32(b[8:]), nil
}

// A Kind is the type of an entry: that of its object, or one of deltas.
type Kind byte

// The kinds of deltas.
const (
	OffsetDelta Kind = 6 // the base is in the pack, so many bytes before it
	RefDelta    Kind = 7 // the base is named
)

// IsDelta reports whether an entry is a delta.
func (k Kind) IsDelta() bool { return k == OffsetDelta || k == RefDelta }

// An Entry is what an entry of a pack begins with, before its zlib stream.
type Entry struct {
	Kind Kind
	Size int64        // of what the stream holds: the object, or the delta
	Back int64        // of an OffsetDelta: how far before the entry its base begins
	Base storage.Hash // of a RefDelta
	Len  int          // of the header itself
}

// MaxEntry is the length of the longest header of an entry.
const MaxEntry = 10 + 20

// ParseEntry reads the header of the entry that b begins with, which need not be longer than MaxEntry.
func ParseEntry(b []byte) (e Entry, err error) {
	short := false
	next := func() byte {
		if e.Len == len(b) {
			short = true
			return 0
		}
		e.Len++
		return b[e.Len-1]
	}
	c := next()
	e.Kind, e.Size = Kind(c>>4&7), int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c = next(); shift > 63-7 {
			return Entry{}, malformed("size of a pack's entry is endless")
		}
		e.Size |= int64(c&0x7f) << shift
	}
	switch e.Kind {
	case OffsetDelta:
		c = next()
		e.Back = int64(c & 0x7f)
		for c&0x80 != 0 {
			if e.Back >= 1<<55 {
				return Entry{}, malformed("offset of a delta's base is endless")
			}
			c = next()
			e.Back = (e.Back+1)<<7 | int64(c&0x7f)
		}
		if e.Back == 0 && !short {
			return Entry{}, malformed("delta is its own base")
		}
	case RefDelta:
		if short = short || len(b)-e.Len < len(e.Base); !short {
			e.Len += copy(e.Base[:], b[e.Len:])
		}
	case Kind(storage.Commit), Kind(storage.Tree), Kind(storage.Blob), Kind(storage.Tag):
	default:
		if !short {
			return Entry{}, malformed("pack's entry is of type %d", e.Kind)
		}
	}
	if short {
		return Entry{}, malformed("header of a pack's entry is cut short")
	}
	return e, nil
}

// AppendTo appends the header; Len does not count.
func (e Entry) AppendTo(b []byte) []byte {
	c := byte(e.Kind)<<4 | byte(e.Size&15)
	for rest := e.Size >> 4; ; rest >>= 7 {
		if rest == 0 {
			b = append(b, c)
			break
		}
		b = append(b, c|0x80)
		c = byte(rest & 0x7f)
	}
	switch e.Kind {
	case OffsetDelta:
		var digits [10]byte
		at := len(digits) - 1
		digits[at] = byte(e.Back & 0x7f)
		for n := e.Back >> 7; n > 0; n >>= 7 {
			n--
			at--
			digits[at] = byte(n&0x7f) | 0x80
		}
		b = append(b, digits[at:]...)
	case RefDelta:
		b = append(b, e.Base[:]...)
	}
	return b
}
