package record

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestDecoder(t *testing.T) {
	b := AppendString([]byte{7}, "text")
	b = binary.AppendUvarint(b, 1<<40)
	b = binary.AppendVarint(b, -3)
	for n := range len(b) + 1 {
		d := Decoder{Rest: b[:n]}
		first, text, u, v := d.Byte(), d.String(), d.Uvarint(), d.Varint()
		if whole := n == len(b); d.Bad == whole || len(d.Rest) > 0 || whole &&
			(first != 7 || text != "text" || u != 1<<40 || v != -3) {
			t.Errorf("of %d of %d bytes: %d, %q, %d, %d, bad: %v", n, len(b), first, text, u, v, d.Bad)
		}
	}
	d := Decoder{Rest: []byte{0xff, 1}}
	if text := d.String(); text != "" || !d.Bad || d.Byte() != 0 {
		t.Errorf("String() of 255 bytes, of which none is there = %q, bad: %v", text, d.Bad)
	}
}

func TestAfter(t *testing.T) {
	for prefix, want := range map[string]string{"a": "b", "a\xff": "b", "\x00": "\x01", "a\x00": "a\x01"} {
		if got := After([]byte(prefix)); string(got) != want {
			t.Errorf("After(%q) = %q, want %q", prefix, got, want)
		}
	}
	for _, prefix := range []string{"", "\xff", "\xff\xff"} {
		if got := After([]byte(prefix)); got != nil {
			t.Errorf("After(%q) = %q, want nil", prefix, got)
		}
	}
}

func TestNanos(t *testing.T) {
	for _, when := range []time.Time{{}, time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(1600, 5, 1, 0, 0, 0, 0, time.UTC), MinTime.Add(-1), MinTime} {
		if got := time.Unix(0, Nanos(when)); !got.Equal(MinTime) {
			t.Errorf("Nanos(%v) reads back as %v, want %v", when, got, MinTime)
		}
	}
	for _, when := range []time.Time{MaxTime, MaxTime.Add(1), time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(1<<60, 0)} {
		if got := time.Unix(0, Nanos(when)); !got.Equal(MaxTime) {
			t.Errorf("Nanos(%v) reads back as %v, want %v", when, got, MaxTime)
		}
	}
	for _, when := range []time.Time{time.Unix(0, 0), time.Unix(-5, 7), time.Date(2261, 1, 1, 0, 0, 0, 3, time.UTC)} {
		if got := time.Unix(0, Nanos(when)); !got.Equal(when) {
			t.Errorf("Nanos(%v) reads back as %v", when, got)
		}
	}
}
