package record

import (
	"bytes"
	"math"
	"testing"
	"time"
)

var early = []time.Time{time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1600, 5, 1, 0, 0, 0, 0, time.UTC),
	MinTime.Add(-1), MinTime}

var late = []time.Time{MaxTime, MaxTime.Add(1), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<60, 0)}

var kepts = []time.Time{time.Unix(0, 0), time.Unix(-5, 7), time.Date(2261, 1, 1, 0, 0, 0, 3, time.UTC),
	time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), MinTime.Add(1)}

// TestTimes holds that each form gives back the times that are kept, and the nearest of them for others.
func TestTimes(t *testing.T) {
	check := func(when, want time.Time) {
		t.Helper()
		for form, got := range forms(when) {
			if !got.Equal(want) || got.Location() != time.UTC {
				t.Errorf("%v as %s reads back as %v, want %v", when, form, got, want)
			}
		}
	}
	for _, when := range early {
		check(when, MinTime)
	}
	for _, when := range late {
		check(when, MaxTime)
	}
	for _, when := range kepts {
		check(when, when)
	}
	none := forms(time.Time{})
	if !none["Stamp"].IsZero() || !none["Nanos"].Equal(MinTime) || !none["FixedNanos"].Equal(MinTime) {
		t.Errorf("the zero time reads back as %v, want none, %v and %v", none, MinTime, MinTime)
	}
}

func forms(when time.Time) map[string]time.Time {
	stamp, nanos, fixed := Decode(AppendTime(nil, when)), Decode(AppendNanos(nil, when)),
		Decode(AppendFixedNanos(nil, when))
	return map[string]time.Time{"Stamp": stamp.Time(), "Nanos": nanos.Nanos(), "FixedNanos": fixed.FixedNanos()}
}

// TestStoredTimes has the bytes of times in stores that exist.
func TestStoredTimes(t *testing.T) {
	when := time.Unix(1_700_000_000, 123)
	for form, test := range map[string]struct{ got, want []byte }{
		"Stamp":      {AppendTime(nil, when), []byte{0x97, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0x00, 0x7b}},
		"no Stamp":   {AppendTime(nil, time.Time{}), make([]byte, 8)},
		"least":      {AppendTime(nil, MinTime), []byte{0, 0, 0, 0, 0, 0, 0, 1}},
		"Nanos":      {AppendNanos(nil, time.Unix(0, -2)), []byte{3}},
		"FixedNanos": {AppendFixedNanos(nil, when), []byte{0x17, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0x00, 0x7b}},
	} {
		if !bytes.Equal(test.got, test.want) {
			t.Errorf("%s is %x, want %x", form, test.got, test.want)
		}
	}
}

// FuzzTimes holds that stamps sort as times do, and that what can be kept is.
func FuzzTimes(f *testing.F) {
	f.Add(int64(0), int64(0), int64(1), int64(-1))
	f.Add(int64(math.MinInt64/1_000_000_000), int64(0), int64(math.MaxInt64/1_000_000_000), int64(999_999_999))
	f.Fuzz(func(t *testing.T, seconds, nanos, otherSeconds, otherNanos int64) {
		if max(seconds, otherSeconds) > 1<<50 || min(seconds, otherSeconds) < -1<<50 {
			return // time.Time itself wraps around
		}
		a, b := time.Unix(seconds, nanos%1e9), time.Unix(otherSeconds, otherNanos%1e9)
		if a.IsZero() || b.IsZero() {
			return
		}
		if got, want := bytes.Compare(AppendTime(nil, a), AppendTime(nil, b)), Nearest(a).Compare(Nearest(b)); got != want {
			t.Errorf("the stamps of %v and %v compare as %d, want %d", a, b, got, want)
		}
		for form, got := range forms(a) {
			if !got.Equal(Nearest(a)) || Nearest(a).Equal(a) != (!a.Before(MinTime) && !a.After(MaxTime)) {
				t.Errorf("%v as %s reads back as %v", a, form, got)
			}
		}
	})
}
