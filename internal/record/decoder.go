package record

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/reposit/reposit/storage"
)

// A Decoder reads a value piece by piece, and trusts nothing. After the first piece that is not there, or that Check
// refuses, the value is bad, and all that is read is zero; End says so. What it yields shares memory with the value,
// but for strings.
type Decoder struct {
	rest    []byte
	bad     bool
	unknown bool // the version
	version byte
}

// Decode returns a Decoder of a value.
func Decode(b []byte) Decoder { return Decoder{rest: b} }

// Version reads and returns the version that the value begins with. One that is not between oldest and newest makes
// the value bad, and End return storage.ErrFormat.
func (d *Decoder) Version(oldest, newest byte) byte {
	if d.version = d.Byte(); !d.bad && (d.version < oldest || d.version > newest) {
		d.unknown = true
		d.fail()
	}
	if d.bad {
		return 0
	}
	return d.version
}

// Take reads n bytes. It returns nil if there are not as many.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// Rest reads all that is left.
func (d *Decoder) Rest() []byte { return d.Take(uint64(len(d.rest))) }

// Len returns how many bytes are left: none of a bad value.
func (d *Decoder) Len() int { return len(d.rest) }

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if len(d.rest) == 0 {
		d.fail()
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// Uint16 reads a big-endian number of 2 bytes.
func (d *Decoder) Uint16() uint16 {
	if b := d.Take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads a big-endian number of 4 bytes.
func (d *Decoder) Uint32() uint32 {
	if b := d.Take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a big-endian number of 8 bytes.
func (d *Decoder) Uint64() uint64 {
	if b := d.Take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Uvarint reads a number as binary.AppendUvarint writes it.
func (d *Decoder) Uvarint() uint64 {
	if len(d.rest) > 0 && d.rest[0] < 0x80 { // as most are
		n := uint64(d.rest[0])
		d.rest = d.rest[1:]
		return n
	}
	v, n := binary.Uvarint(d.rest)
	if !d.skip(n) {
		return 0
	}
	return v
}

// Varint reads a number as binary.AppendVarint writes it.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.rest)
	if !d.skip(n) {
		return 0
	}
	return v
}

// Count reads a uvarint of at most limit. A larger one makes the value bad.
func (d *Decoder) Count(limit uint64) int {
	n := d.Uvarint()
	if n > limit {
		d.fail()
		return 0
	}
	return int(n)
}

// skip passes a number of n bytes, and reports whether there was one.
func (d *Decoder) skip(n int) bool {
	if n <= 0 {
		d.fail()
		return false
	}
	d.rest = d.rest[n:]
	return true
}

// String reads what AppendString wrote.
func (d *Decoder) String() string { return string(d.Take(d.Uvarint())) }

// Strings reads what AppendStrings wrote. It returns nil for none.
func (d *Decoder) Strings() []string {
	n := d.Count(uint64(len(d.rest))) // each takes a byte at least
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = d.String()
	}
	return list
}

// ID reads an ID.
func (d *Decoder) ID() (id storage.ID) {
	copy(id[:], d.Take(uint64(len(id))))
	return id
}

// Hash reads a hash.
func (d *Decoder) Hash() (h storage.Hash) {
	copy(h[:], d.Take(uint64(len(h))))
	return h
}

// Time reads what AppendTime wrote.
func (d *Decoder) Time() time.Time { return d.Stamp().Time() }

// Stamp reads what AppendStamp wrote.
func (d *Decoder) Stamp() Stamp { return Stamp(d.Uint64()) }

// Nanos reads what AppendNanos wrote.
func (d *Decoder) Nanos() time.Time { return d.nanos(d.Varint()) }

// FixedNanos reads what AppendFixedNanos wrote.
func (d *Decoder) FixedNanos() time.Time { return d.nanos(int64(d.Uint64())) }

func (d *Decoder) nanos(n int64) time.Time {
	if d.bad {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// Check makes the value bad unless ok is true.
func (d *Decoder) Check(ok bool) {
	if !ok {
		d.fail()
	}
}

func (d *Decoder) fail() { d.bad, d.rest = true, nil }

// Bad reports whether the value is bad.
func (d *Decoder) Bad() bool { return d.bad }

// Err returns nil unless the value is bad: then storage.ErrFormat, if its version is not known, or storage.ErrCorrupt.
// The error names what the value is of.
func (d *Decoder) Err(what string) error {
	switch {
	case d.unknown:
		return fmt.Errorf("%w: %s record of version %d", storage.ErrFormat, what, d.version)
	case d.bad:
		return fmt.Errorf("%w: %s record", storage.ErrCorrupt, what)
	}
	return nil
}

// End is Err for a value that was read to its end: if something is left, it returns storage.ErrCorrupt.
func (d *Decoder) End(what string) error {
	if len(d.rest) > 0 {
		d.fail()
	}
	return d.Err(what)
}
