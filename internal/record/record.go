// Package record has what all packages need that keep records: a Decoder of values that trusts nothing, and the bounds
// of ranges of keys.
package record

import (
	"encoding/binary"
	"math"
	"time"
)

// The times that are kept as they are, to the nanosecond. Others become the nearest of them.
var (
	MinTime = time.Unix(0, math.MinInt64+1).UTC()
	MaxTime = time.Unix(0, math.MaxInt64).UTC()
)

// Nanos returns the nanoseconds since 1970 that stand for a time in records.
func Nanos(t time.Time) int64 {
	switch {
	case t.Before(MinTime):
		t = MinTime
	case t.After(MaxTime):
		t = MaxTime
	}
	return t.UnixNano()
}

// A Decoder reads a value piece by piece. After the first thing that is not there it yields zero values, and is Bad.
// What it yields shares memory with the value.
type Decoder struct {
	Rest []byte // what is not read yet
	Bad  bool
}

// Fail makes the value bad.
func (d *Decoder) Fail() { d.Bad, d.Rest = true, nil }

// Take reads n bytes. It returns nil if there are not as many.
func (d *Decoder) Take(n uint64) []byte {
	if n > uint64(len(d.Rest)) {
		d.Fail()
		return nil
	}
	b := d.Rest[:n]
	d.Rest = d.Rest[n:]
	return b
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if b := d.Take(1); b != nil {
		return b[0]
	}
	return 0
}

// Uvarint reads a number as binary.AppendUvarint writes it.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.Rest)
	if !d.skip(n) {
		return 0
	}
	return v
}

// Varint reads a number as binary.AppendVarint writes it.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.Rest)
	if !d.skip(n) {
		return 0
	}
	return v
}

// skip passes a number of n bytes, and reports whether there was one.
func (d *Decoder) skip(n int) bool {
	if n <= 0 {
		d.Fail()
		return false
	}
	d.Rest = d.Rest[n:]
	return true
}

// String reads what AppendString wrote.
func (d *Decoder) String() string { return string(d.Take(d.Uvarint())) }

// AppendString appends a string with its length.
func AppendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// After returns the least key that is greater than all that begin with prefix, or nil if there is none.
func After(prefix []byte) []byte {
	b := append([]byte(nil), prefix...)
	for len(b) > 0 {
		if b[len(b)-1]++; b[len(b)-1] != 0 {
			return b
		}
		b = b[:len(b)-1]
	}
	return nil
}
