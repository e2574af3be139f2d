package patch

import (
	"bytes"
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/packfile"
)

// ErrConflict says that a patch does not fit what there is. What is wrong is told by errors that wrap it.
var ErrConflict = fault.New(fault.Conflict, "the patch does not fit")

// ErrFileSize says that a file is larger than what is patched.
var ErrFileSize = fault.New(fault.TooLarge, "too large: files of more than 64 MiB are not patched")

// Apply makes the new content of a file of the old one. Lines may have moved: each hunk is put where its lines are,
// next to where it says, as git apply does. It returns ErrConflict, wrapped, if they are nowhere, ErrFileSize, and
// fault.Invalid for binary content that is damaged.
func (f *FilePatch) Apply(ctx context.Context, old []byte) ([]byte, error) {
	if f.Binary != nil {
		return f.Binary.apply(old)
	}
	if len(f.Hunks) == 0 {
		return old, nil
	}
	if len(old) > MaxSize {
		return nil, ErrFileSize
	}
	img := make(image, 0, linediff.CountLines(old))
	for line := range bytes.Lines(old) {
		img = append(img, imageLine{line, false})
	}
	for i := range f.Hunks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := &f.Hunks[i]
		at := img.find(h)
		if at < 0 {
			return nil, fmt.Errorf("hunk %d, for line %d: %w", i+1, h.OldStart, ErrConflict)
		}
		img = img.replace(at, h)
	}
	var out bytes.Buffer
	for _, line := range img {
		if n := out.Len(); n > 0 && out.Bytes()[n-1] != '\n' {
			return nil, fmt.Errorf("a line without a newline is not the last: %w", ErrConflict)
		}
		out.Write(line.text)
	}
	return out.Bytes(), nil
}

func (b *Binary) apply(old []byte) ([]byte, error) {
	if b.Size > MaxSize {
		return nil, ErrFileSize
	}
	data, ok := b.inflate()
	if !ok {
		return nil, fault.New(fault.Invalid, "patch: binary content is damaged")
	}
	if !b.Delta {
		return data, nil
	}
	out, err := packfile.ApplyDelta(old, data, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("binary content: %w", ErrConflict)
	}
	return out, nil
}

// An image is a file that is being patched.
type image []imageLine

type imageLine struct {
	text    []byte
	patched bool // it came from a hunk, and is matched by no other
}

// find returns the line at which a hunk fits, the nearest to where it should, or -1. One that begins with the first
// line fits only there, one without lines behind it only at the end.
func (img image) find(h *Hunk) int {
	first := h.OldStart <= 1
	last := h.Trailing == 0
	start := max(h.NewStart-1, 0)
	switch {
	case first:
		start = 0
	case last:
		start = len(img) - len(h.Old)
	}
	if start < 0 || start > len(img) {
		start = len(img)
	}
	fits := func(at int) bool { return img.fits(h, at, first, last) }
	if fits(start) {
		return start
	}
	for step := 1; start-step >= 0 || start+step <= len(img); step++ {
		if at := start + step; at <= len(img) && fits(at) {
			return at
		}
		if at := start - step; at >= 0 && fits(at) {
			return at
		}
	}
	return -1
}

func (img image) fits(h *Hunk, at int, first, last bool) bool {
	end := at + len(h.Old)
	if end > len(img) || first && at != 0 || last && end != len(img) {
		return false
	}
	for i, line := range h.Old {
		if l := &img[at+i]; l.patched || !bytes.Equal(l.text, line) {
			return false
		}
	}
	return true
}

func (img image) replace(at int, h *Hunk) image {
	end := at + len(h.Old)
	n := len(img) + len(h.New) - len(h.Old)
	out := img
	if n > cap(img) {
		out = make(image, n, n+n/8)
		copy(out, img[:at])
	} else {
		out = img[:max(n, len(img))]
	}
	copy(out[at+len(h.New):], img[end:])
	out = out[:n]
	for i, line := range h.New {
		out[at+i] = imageLine{line, true}
	}
	return out
}
