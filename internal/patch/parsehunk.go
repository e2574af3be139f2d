package patch

import (
	"bytes"
	"compress/zlib"
	"io"
	"strconv"
	"strings"
)

// parseHunks reads the hunks of a file.
func (f *FilePatch) parseHunks(r *reader) error {
	for {
		line, ok := r.peek()
		if !ok || !bytes.HasPrefix(line, []byte("@@ -")) {
			break
		}
		h, err := parseHunk(r, string(line))
		if err != nil {
			return err
		}
		f.Hunks = append(f.Hunks, *h)
	}
	if len(f.Hunks) == 0 {
		return r.fail("a hunk is missing")
	}
	return nil
}

// parseHunk reads one hunk, whose lines must be as many as its head says.
func parseHunk(r *reader, head string) (*Hunk, error) {
	h := &Hunk{}
	old, rest, ok := strings.Cut(strings.TrimPrefix(head, "@@ -"), " +")
	now, _, ok2 := strings.Cut(rest, " @@")
	var oldLen, newLen int
	if !ok || !ok2 || !parseRange(old, &h.OldStart, &oldLen) || !parseRange(now, &h.NewStart, &newLen) {
		return nil, r.fail("malformed head of a hunk")
	}
	r.skip()
	changed := false
	for len(h.Old) < oldLen || len(h.New) < newLen {
		if len(r.data) == 0 {
			return nil, r.fail("a hunk ends too early")
		}
		line := r.data
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		} else {
			return nil, r.fail("a line of a hunk is cut off")
		}
		mark, text := line[0], line[1:]
		if mark == '\n' { // an empty line that lost its space on the way
			mark, text = ' ', line
		}
		r.skip()
		if end, ok := r.peek(); ok && bytes.HasPrefix(end, []byte(`\ `)) {
			r.skip()
			text = text[:len(text)-1] // the file ends without a newline
		}
		switch mark {
		case ' ':
			if !changed {
				h.Leading++
			}
			h.Trailing++
			h.Old, h.New = append(h.Old, text), append(h.New, text)
		case '-':
			changed, h.Trailing = true, 0
			h.Old = append(h.Old, text)
		case '+':
			changed, h.Trailing = true, 0
			h.New = append(h.New, text)
		default:
			r.line--
			return nil, r.fail("malformed line of a hunk")
		}
	}
	if len(h.Old) != oldLen || len(h.New) != newLen {
		return nil, r.fail("a hunk has more lines than its head says")
	}
	if !changed {
		return nil, r.fail("a hunk changes nothing")
	}
	return h, nil
}

// parseRange reads "start,count", or "start" for one line.
func parseRange(s string, start, count *int) bool {
	first, rest, ok := strings.Cut(s, ",")
	n, err := strconv.ParseUint(first, 10, 31)
	*start, *count = int(n), 1
	if err == nil && ok {
		n, err = strconv.ParseUint(rest, 10, 31)
		*count = int(n)
	}
	return err == nil
}

// parseBinary reads the content of a binary file, and passes over what undoes it.
func (f *FilePatch) parseBinary(r *reader) error {
	b, err := parseLetters(r)
	if err != nil {
		return err
	}
	if b == nil {
		return r.fail("the content of a binary file is missing")
	}
	f.Binary = b
	_, err = parseLetters(r)
	return err
}

// parseLetters reads one block of compressed content, or nil if there is none.
func parseLetters(r *reader) (*Binary, error) {
	b := &Binary{}
	size, ok := r.accept("literal ")
	if !ok {
		if size, ok = r.accept("delta "); !ok {
			return nil, nil
		}
		b.Delta = true
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(size, "\r"), 10, 63)
	if err != nil || n < 0 {
		return nil, r.fail("malformed size")
	}
	b.Size = n
	for {
		line, ok := r.peek()
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if !ok {
			return nil, r.fail("binary content ends too early")
		}
		if len(line) == 0 {
			r.skip()
			return b, nil
		}
		if b.Data, ok = decodeLine(b.Data, line); !ok {
			return nil, r.fail("malformed binary content")
		}
		r.skip()
	}
}

var digits = func() (of [256]int8) {
	for i := range of {
		of[i] = -1
	}
	for i := range len(alphabet) {
		of[alphabet[i]] = int8(i)
	}
	return of
}()

// decodeLine appends the bytes of a line of letters to b.
func decodeLine(b, line []byte) ([]byte, bool) {
	n := 0
	switch c := line[0]; {
	case c >= 'A' && c <= 'Z':
		n = int(c-'A') + 1
	case c >= 'a' && c <= 'z':
		n = int(c-'a') + 27
	}
	if n == 0 || len(line)-1 != (n+3)/4*5 {
		return b, false
	}
	for i := 1; i < len(line); i += 5 {
		word := uint64(0)
		for _, c := range line[i : i+5] {
			if digits[c] < 0 {
				return b, false
			}
			word = word*85 + uint64(digits[c])
		}
		if word > 1<<32-1 {
			return b, false
		}
		for shift := 24; shift >= 0 && n > 0; shift -= 8 {
			b = append(b, byte(word>>shift))
			n--
		}
	}
	return b, true
}

// inflate returns what the data was before it was compressed. It never holds more than its size says, nor that before
// it has come.
func (b *Binary) inflate() ([]byte, bool) {
	z, err := zlib.NewReader(bytes.NewReader(b.Data))
	if err != nil {
		return nil, false
	}
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(z, b.Size+1))
	return out.Bytes(), err == nil && n == b.Size
}
