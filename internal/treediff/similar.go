package treediff

import (
	"bytes"
	"slices"

	"github.com/reposit/reposit/internal/git"
)

// similarity returns how much of the larger of two files the other one has too, or 0 if that can't be as much as least.
// Symlinks and submodules are similar to nothing.
func (r *renames) similarity(from, to *File, least int) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if !from.IsRegular() || !to.IsRegular() {
		return 0, nil
	}
	a, err := r.size(from.Hash)
	if err != nil {
		return 0, err
	}
	b, err := r.size(to.Hash)
	if err != nil {
		return 0, err
	}
	large, small := max(a, b), min(a, b)
	if large*int64(MaxScore-least) < (large-small)*MaxScore || large > MaxContent || small == 0 {
		return 0, nil
	}
	x, err := r.content(from.Hash, false)
	if err != nil {
		return 0, err
	}
	y, err := r.content(to.Hash, true)
	if err != nil {
		return 0, err
	}
	return int(inBoth(x, y) * MaxScore / large), nil
}

func (r *renames) size(h git.Hash) (int64, error) {
	if size, ok := r.spans.sizes[h]; ok {
		return size, nil
	}
	size, err := r.src.Size(r.ctx, h)
	if err == nil {
		r.spans.remember(h, size)
	}
	return size, err
}

// content returns a file's spans, and keeps them: until they are dropped, or as long as there is room.
func (r *renames) content(h git.Hash, hold bool) ([]span, error) {
	if s, ok := r.spans.files[h]; ok {
		return s, nil
	}
	data, err := r.src.Blob(r.ctx, h)
	if err != nil {
		return nil, err
	}
	s := r.spans.cut(data)
	r.spans.add(h, s, hold)
	return s, nil
}

// MaxContent is how many bytes a file may have to be compared by content. Larger ones are renamed only as they are.
const MaxContent = 64 << 20

// A span is all pieces of a file that have the same hash: lines, and of long ones pieces of 64 bytes (git's
// diffcore-delta.c).
type span struct {
	hash uint32
	size uint32 // bytes in all of them
}

const (
	pieceSize = 64
	hashes    = 107927 // a prime
)

// inBoth returns how many bytes of the pieces of one file another one has.
func inBoth(a, b []span) (n int64) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].hash < b[0].hash:
			a = a[1:]
		case a[0].hash > b[0].hash:
			b = b[1:]
		default:
			n += int64(min(a[0].size, b[0].size))
			a, b = a[1:], b[1:]
		}
	}
	return n
}

const maxSpans = 4 << 20 // spans that are kept, of 8 bytes each

// A spanCache keeps the spans of files that are compared more than once.
type spanCache struct {
	sizes map[git.Hash]int64
	files map[git.Hash][]span
	kept  int
	bytes []uint32 // by hash; 0 between two files
}

func (c *spanCache) remember(h git.Hash, size int64) {
	if c.sizes == nil {
		c.sizes = map[git.Hash]int64{}
	}
	c.sizes[h] = size
}

func (c *spanCache) add(h git.Hash, s []span, hold bool) {
	if c.files == nil {
		c.files = map[git.Hash][]span{}
	}
	// The next files are compared with the same ones again, in the same order: what does not fit in stays out.
	if hold || c.kept+len(s) <= maxSpans {
		c.files[h] = s
		c.kept += len(s)
	}
}

func (c *spanCache) drop(h git.Hash) {
	c.kept -= len(c.files[h])
	delete(c.files, h)
}

const binaryProbe = 8000 // bytes in which a NUL makes a file binary

// IsBinary reports whether git takes content for binary: whether there is a NUL in its first 8000 bytes.
func IsBinary(data []byte) bool {
	return bytes.IndexByte(data[:min(len(data), binaryProbe)], 0) >= 0
}

// cut returns the spans of a file by ascending hash. A last piece that is neither a whole line nor 64 bytes long is
// left out, as git did up to 2.43. In text, the CR of a CRLF does not count.
func (c *spanCache) cut(data []byte) []span {
	if c.bytes == nil {
		c.bytes = make([]uint32, hashes)
	}
	text := !IsBinary(data)
	var seen []span
	var x, y uint32
	n := uint32(0)
	for i, b := range data {
		if text && b == '\r' && i+1 < len(data) && data[i+1] == '\n' {
			continue
		}
		x, y = x<<7^y>>25, y<<7^x>>25
		x += uint32(b)
		if n++; n < pieceSize && b != '\n' {
			continue
		}
		h := (x + y*0x61) % hashes
		if c.bytes[h] == 0 {
			seen = append(seen, span{hash: h})
		}
		c.bytes[h] += n
		n, x, y = 0, 0, 0
	}
	slices.SortFunc(seen, func(a, b span) int { return int(a.hash) - int(b.hash) })
	for i := range seen {
		s := &seen[i]
		s.size, c.bytes[s.hash] = c.bytes[s.hash], 0
	}
	return slices.Clip(seen)
}
