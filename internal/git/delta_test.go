package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/packfile"
)

func TestDifference(t *testing.T) {
	long := []byte(strings.Repeat("0123456789", 50_000)) // beyond the size of one copy
	for name, c := range map[string]struct {
		base, target []byte
		small        bool
	}{
		"equal":     {long, long, true},
		"appended":  {long, append(bytes.Clone(long), "more"...), true},
		"prepended": {long, append([]byte("more"), long...), true},
		"cut":       {long, long[1000 : len(long)-1000], false},
		"middle":    {long, bytes.Replace(long, []byte("9"), []byte("x"), 1), true},
		"repeated":  {[]byte("aaaaaaaaaaaaaaaaaaaaaaaa"), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), true},
		"shortened": {[]byte("aaaaaaaaaaaaaaaaaaaaaaaa"), []byte("aaaaaaaaaaaaaaaa"), true},
		"other":     {[]byte("abc"), []byte("xyz"), false},
		"empty":     {long, nil, false},
		"new":       {nil, []byte("x"), false},
	} {
		ops := Difference(c.base, c.target)
		if c.small && ops == nil {
			t.Errorf("%s: Difference() = nil, want a delta", name)
		}
		if ops == nil {
			continue
		}
		if len(ops) > len(c.target)/2+20 {
			t.Errorf("%s: Difference() of %d bytes takes %d", name, len(c.target), len(ops))
		}
		if got, err := packfile.ApplyDelta(c.base, ops, int64(len(c.target))); err != nil || !bytes.Equal(got, c.target) {
			t.Errorf("%s: the delta makes %d bytes, %v, want %d", name, len(got), err, len(c.target))
		}
	}
}

func TestApplyDeltaMalformed(t *testing.T) {
	base := []byte("0123456789")
	delta := func(from, to uint64, ops ...byte) []byte {
		return append(binary.AppendUvarint(binary.AppendUvarint(nil, from), to), ops...)
	}
	for name, ops := range map[string][]byte{
		"nothing":              {},
		"no target size":       {10},
		"endless size":         bytes.Repeat([]byte{0xff}, 20),
		"another base":         delta(9, 1, 1, 'x'),
		"huge target":          delta(10, 1<<60, 1, 'x'),
		"beyond the limit":     delta(10, 101, 1, 'x'),
		"reserved instruction": delta(10, 1, 0),
		"insertion cut short":  delta(10, 3, 3, 'x'),
		"copy cut short":       delta(10, 3, 0x91, 0),
		"copy beyond the base": delta(10, 3, 0x91, 8, 3),
		"copy of 64 KiB":       delta(10, 3, 0x80),
		"offset of 4 GiB":      delta(10, 1, 0x9f, 0xff, 0xff, 0xff, 0xff, 1),
		"too much":             delta(10, 1, 2, 'x', 'y'),
		"too little":           delta(10, 3, 2, 'x', 'y'),
		"empty, and more":      delta(10, 0, 1, 'x'),
	} {
		if got, err := packfile.ApplyDelta(base, ops, 100); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: packfile.ApplyDelta() = %q, %v, want %v", name, got, err, ErrMalformed)
		}
	}
	got, err := packfile.ApplyDelta(base, delta(10, 5, 0x91, 2, 3, 2, 'x', 'y'), 5)
	if err != nil || string(got) != "234xy" {
		t.Errorf("packfile.ApplyDelta() = %q, %v, want 234xy", got, err)
	}
}

// FuzzDifference finds differences, and applies them.
func FuzzDifference(f *testing.F) {
	f.Add([]byte("some text that is long enough"), []byte("some other text that is long enough"))
	f.Fuzz(func(t *testing.T, base, target []byte) {
		ops := Difference(base, target)
		if ops == nil {
			return
		}
		if got, err := packfile.ApplyDelta(base, ops, int64(len(target))); err != nil || !bytes.Equal(got, target) {
			t.Errorf("Difference(%q, %q) makes %q, %v", base, target, got, err)
		}
	})
}
