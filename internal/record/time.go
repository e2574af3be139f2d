package record

import (
	"encoding/binary"
	"math"
	"time"
)

// Times are kept as nanoseconds since 1970, in one of three forms:
//
//	Stamp        8 bytes, big-endian, with the sign bit flipped, so that they sort; 0 is no time
//	Nanos        a varint
//	FixedNanos   8 bytes, big-endian
//
// Only a Stamp can be no time. The others become the nearest time that is kept: MinTime.

// The first and the last time that are kept as they are, to the nanosecond. Others become the nearest of them.
var (
	MinTime = time.Unix(0, math.MinInt64+1).UTC()
	MaxTime = time.Unix(0, math.MaxInt64).UTC()
)

// Nearest returns t, or the nearest time to it that is kept.
func Nearest(t time.Time) time.Time {
	switch {
	case t.Before(MinTime):
		return MinTime
	case t.After(MaxTime):
		return MaxTime
	}
	return t
}

func nanos(t time.Time) int64 {
	const most = math.MaxInt64/1_000_000_000 - 1 // seconds
	if s := t.Unix(); -most < s && s < most {
		return t.UnixNano()
	}
	return Nearest(t).UnixNano()
}

// A Stamp is a time in a form that sorts as times do. The zero Stamp is no time, and sorts before all others.
type Stamp uint64

// StampSize is how many bytes AppendStamp and AppendTime append.
const StampSize = 8

const signBit = 1 << 63

// StampOf returns the Stamp of the nearest time to t that is kept; 0 for the zero time.
func StampOf(t time.Time) Stamp {
	if t.IsZero() {
		return 0
	}
	return Stamp(uint64(nanos(t)) ^ signBit)
}

// Time returns the time of a Stamp, in UTC; the zero time if it is none.
func (s Stamp) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(s^signBit)).UTC()
}

// AppendStamp appends a Stamp.
func AppendStamp(b []byte, s Stamp) []byte { return binary.BigEndian.AppendUint64(b, uint64(s)) }

// AppendTime appends the Stamp of a time.
func AppendTime(b []byte, t time.Time) []byte { return AppendStamp(b, StampOf(t)) }

// AppendNanos appends a time as a varint.
func AppendNanos(b []byte, t time.Time) []byte { return binary.AppendVarint(b, nanos(t)) }

// AppendFixedNanos appends a time as 8 bytes that do not sort.
func AppendFixedNanos(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(nanos(t)))
}
