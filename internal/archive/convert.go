package archive

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// A filter changes a file in pieces. What it can't judge without what follows it holds back, up to maxHeld bytes:
// a keyword that is longer is none.
type filter interface {
	// feed appends to dst what src becomes. last says that nothing follows.
	feed(dst, src []byte, last bool) []byte
}

const maxHeld = 64 << 10

// A crlfFilter turns LF into CRLF where no CR stands before it.
type crlfFilter struct{ afterCR bool }

func (f *crlfFilter) feed(dst, src []byte, _ bool) []byte {
	for len(src) > 0 {
		end := bytes.IndexByte(src, '\n')
		if end < 0 {
			dst = append(dst, src...)
			f.afterCR = src[len(src)-1] == '\r'
			return dst
		}
		if end > 0 {
			f.afterCR = src[end-1] == '\r'
		}
		dst = append(dst, src[:end]...)
		if !f.afterCR {
			dst = append(dst, '\r')
		}
		dst = append(dst, '\n')
		f.afterCR = false
		src = src[end+1:]
	}
	return dst
}

// textStats are what git looks at to tell text from binary (git's convert.c).
type textStats struct {
	printable, other                int64
	hasNUL, hasCR, hasCRLF, afterCR bool
	last                            byte
}

func (s *textStats) add(data []byte) {
	for _, c := range data {
		if s.afterCR {
			s.afterCR = false
			if c == '\n' {
				s.hasCRLF = true
				continue
			}
			s.hasCR = true
		}
		switch {
		case c == '\r':
			s.afterCR = true
		case c == '\n':
		case c == 0:
			s.hasNUL = true
			s.other++
		case c == '\b', c == '\t', c == 0x1b, c == '\f', c >= ' ' && c != 0x7f:
			s.printable++
		default:
			s.other++
		}
		s.last = c
	}
}

// plainText reports whether the file is text all of whose lines end in LF.
func (s *textStats) plainText() bool {
	other := s.other
	if s.last == 0x1a { // an end-of-file mark
		other--
	}
	return !s.hasNUL && !s.hasCR && !s.hasCRLF && !s.afterCR && s.printable>>7 >= other
}

// An identFilter expands $Id$, and what $Id$ was expanded to before, to the blob's hash.
type identFilter struct {
	hash string
	held []byte
}

func (f *identFilter) feed(dst, src []byte, last bool) []byte {
	if len(f.held) > 0 {
		src = append(f.held, src...)
		f.held = nil
	}
	for {
		start := bytes.IndexByte(src, '$')
		if start < 0 {
			return append(dst, src...)
		}
		dst = append(dst, src[:start+1]...)
		src = src[start+1:]
		n, decided := identLen(src)
		switch {
		case n > 0:
			dst = append(dst, "Id: "...)
			dst = append(dst, f.hash...)
			dst = append(dst, " $"...)
			src = src[n:]
		case !decided && !last && len(src) < maxHeld:
			f.held = append([]byte{'$'}, src...)
			return dst[:len(dst)-1]
		}
	}
}

// identLen returns the length of a keyword whose first dollar sign is before s, or 0 if there is none; then it says
// whether that is so whatever follows s.
func identLen(s []byte) (n int, decided bool) {
	if len(s) < 3 {
		return 0, !bytes.HasPrefix([]byte("Id:"), s) && !bytes.HasPrefix([]byte("Id$"), s)
	}
	switch {
	case s[0] != 'I' || s[1] != 'd' || s[2] != '$' && s[2] != ':':
		return 0, true
	case s[2] == '$':
		return 3, true
	}
	end := bytes.IndexAny(s[3:], "$\n")
	if end < 0 {
		return 0, false
	}
	if s[3+end] == '\n' {
		return 0, true
	}
	// One with spaces inside is another system's, and stays.
	if value := s[3 : 3+end]; len(value) > 1 {
		if space := bytes.IndexByte(value[1:], ' '); space >= 0 && space < len(value)-2 {
			return 0, true
		}
	}
	return 3 + end + 1, true
}

// encode returns src, which is UTF-8, in another encoding; or src itself if it can't be done, as git does.
func encode(src []byte, e encoding) []byte {
	if len(src) == 0 || !utf8.Valid(src) {
		return src
	}
	var dst []byte
	switch e {
	case latin1:
		return encodeLatin1(src)
	case utf16, utf16LEMark:
		dst = append(dst, 0xff, 0xfe)
	case utf16BEMark:
		dst = append(dst, 0xfe, 0xff)
	case utf32:
		dst = append(dst, 0xff, 0xfe, 0, 0)
	}
	for _, r := range string(src) {
		switch e {
		case utf16, utf16LE, utf16LEMark:
			dst = appendUTF16(dst, r, binary.LittleEndian)
		case utf16BE, utf16BEMark:
			dst = appendUTF16(dst, r, binary.BigEndian)
		case utf32, utf32LE:
			dst = binary.LittleEndian.AppendUint32(dst, uint32(r))
		case utf32BE:
			dst = binary.BigEndian.AppendUint32(dst, uint32(r))
		}
	}
	return dst
}

func appendUTF16(dst []byte, r rune, order binary.AppendByteOrder) []byte {
	if r < 0x10000 {
		return order.AppendUint16(dst, uint16(r))
	}
	r -= 0x10000
	dst = order.AppendUint16(dst, uint16(0xd800+r>>10))
	return order.AppendUint16(dst, uint16(0xdc00+r&0x3ff))
}

func encodeLatin1(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	for _, r := range string(src) {
		if r > 0xff {
			return src
		}
		dst = append(dst, byte(r))
	}
	return dst
}
