package pretty

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A flush says on which side a padded placeholder gets its spaces.
type flush uint8

const (
	flushNone  flush = iota
	flushRight       // %<
	flushLeft        // %>
	flushSteal       // %>>, which takes spaces from before it
	flushBoth        // %><
)

// A padding is what %<(), %>() and their kin make of the placeholder after them.
type padding struct {
	flush    flush
	width    int
	toColumn bool   // width is a column, from the start of the line
	truncate string // "trunc", "ltrunc", "mtrunc" or ""
}

// maxColumns is how much git pads and indents at most (CVE-2022-41903).
const maxColumns = 16 << 10

// parse reads a padding from the start of s and returns its length, or 0 if it is none.
func (p *padding) parse(s string) int {
	rest := s
	kind := flushRight
	switch {
	case strings.HasPrefix(rest, "><"):
		kind, rest = flushBoth, rest[2:]
	case strings.HasPrefix(rest, ">>"):
		kind, rest = flushSteal, rest[2:]
	case rest[0] == '>':
		kind, rest = flushLeft, rest[1:]
	default:
		rest = rest[1:]
	}
	rest, toColumn := strings.CutPrefix(rest, "|")
	rest, ok := strings.CutPrefix(rest, "(")
	end := strings.IndexAny(rest, ",)")
	if !ok || end < 1 {
		return 0
	}
	width, n := parseInt(rest)
	if toColumn && -maxColumns <= width && width < 0 {
		width += 80 // of a terminal that is not known
	}
	if n == 0 || width < 1 || width > maxColumns {
		return 0
	}
	p.flush, p.width, p.toColumn = kind, width, toColumn
	if rest[end] == ',' {
		how, after, ok := strings.Cut(rest[end+1:], ")")
		if !ok || how != "trunc" && how != "ltrunc" && how != "mtrunc" {
			return 0
		}
		p.truncate = how
		return len(s) - len(after)
	}
	p.truncate = ""
	return len(s) - len(rest) + end + 1
}

// parseInt reads a number as C's strtol does, and returns its length with the space before it.
func parseInt(s string) (value, n int) {
	for n < len(s) && strings.IndexByte(" \t\n\v\f\r", s[n]) >= 0 {
		n++
	}
	start := n
	if n < len(s) && (s[n] == '-' || s[n] == '+') {
		n++
	}
	count := digits(s[n:])
	if count == 0 {
		return 0, 0
	}
	n += count
	value, err := strconv.Atoi(s[start:n])
	if err != nil {
		value = math.MaxInt32 // more than any limit
	}
	return value, n
}

// padded appends a placeholder as x.pad says.
func (x *Expander) padded(dst []byte, s string) ([]byte, int) {
	width := x.pad.width
	if x.pad.toColumn {
		line, _, _ := bytes.Cut(dst, []byte{0}) // to git, this is a C string
		line = line[max(bytes.LastIndexByte(line, '\n'), 0):]
		if x.Work -= len(dst)/16 + len(line); x.Work < 0 {
			x.overflow = true
			return dst, 0
		}
		width -= columns(line)
	}
	var own []byte
	total := 0
	for {
		isColor := strings.HasPrefix(s, "C")
		var n int
		own, n = x.one(own, s)
		total += n
		if s = s[n:]; !isColor || !strings.HasPrefix(s, "%") {
			break
		}
		s = s[1:]
		total++
	}
	kind := x.pad.flush
	x.pad.flush = flushNone
	size := columns(own)
	if kind == flushSteal {
		dst, own, width = x.steal(dst, own, width-size)
		width += size
		kind = flushLeft
	}
	if size > width {
		return x.add(dst, string(shorten(own, size, width, x.pad.truncate))), total
	}
	left := 0
	switch kind {
	case flushLeft:
		left = width - size
	case flushBoth:
		left = (width - size) / 2
	}
	dst = x.add(dst, strings.Repeat(" ", left))
	dst = x.add(dst, string(own))
	return x.add(dst, strings.Repeat(" ", width-size-left)), total
}

// steal takes columns that are lacking, if spare is negative, from spaces at the end of dst. Colors among them move
// to own.
func (x *Expander) steal(dst, own []byte, spare int) (newDst, newOwn []byte, newSpare int) {
	end := len(dst)
	for spare < 0 && end > 1 {
		if dst[end-1] == ' ' {
			end--
			spare++
			continue
		}
		if dst[end-1] != 'm' {
			break
		}
		from := max(0, end-11)
		at := bytes.LastIndexByte(dst[from:end-1], 0x1b)
		start := from + at
		if at < 0 || escapeLen(dst[start:end]) != end-start {
			break
		}
		own = append(bytes.Clone(dst[start:end]), own...)
		end = start
	}
	return x.truncate(dst, end), own, spare
}

// shorten cuts s, which takes size columns, to width of them, of which ".." takes two.
func shorten(s []byte, size, width int, how string) []byte {
	switch how {
	case "trunc":
		return replaceColumns(s, width-2, size-(width-2))
	case "ltrunc":
		return replaceColumns(s, 0, size-(width-2))
	case "mtrunc":
		return replaceColumns(s, width/2-1, size-(width-2))
	}
	return s
}

// replaceColumns puts ".." in place of n columns of s, unless s is not UTF-8.
func replaceColumns(s []byte, at, n int) []byte {
	var out []byte
	column, done := 0, false
	for i := 0; i < len(s); {
		if size := escapeLen(s[i:]); size > 0 {
			out = append(out, s[i:i+size]...)
			i += size
			continue
		}
		r, size := decodeRune(s[i:])
		if size == 0 {
			return s
		}
		w := max(runeColumns(r), 0)
		if w > 0 && column >= at && column < at+n {
			if !done {
				out = append(out, ".."...)
				done = true
			}
		} else {
			out = append(out, s[i:i+size]...)
		}
		column += w
		i += size
	}
	return out
}

// columns returns how wide s is on a terminal, colors left out, or its length if it is not UTF-8.
func columns(s []byte) int {
	n := 0
	for i := 0; i < len(s); {
		if size := escapeLen(s[i:]); size > 0 {
			i += size
			continue
		}
		r, size := decodeRune(s[i:])
		if size == 0 {
			return len(s)
		}
		n += max(runeColumns(r), 0)
		i += size
	}
	return n
}

// escapeLen returns the length of the escape sequence for a color that s begins with, or 0.
func escapeLen(s []byte) int {
	if len(s) < 3 || s[0] != 0x1b || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c == 'm':
			return i + 1
		case c != ';' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}

// decodeRune returns a size of 0 for what git does not take for UTF-8.
func decodeRune(s []byte) (rune, int) {
	r, size := utf8.DecodeRune(s)
	if r == utf8.RuneError && size == 1 || r == 0xfffe || r == 0xffff {
		return r, 0
	}
	return r, size
}

// runeColumns returns how many columns a character takes: -1 for controls, 0 for those that combine.
func runeColumns(r rune) int {
	switch {
	case r == 0:
		return 0
	case r < ' ', 0x7f <= r && r < 0xa0:
		return -1
	case r < 0x300:
		return 1
	case 0x1160 <= r && r <= 0x11ff, unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// wide are the characters that Unicode's EastAsianWidth.txt calls W or F.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x2329, 0x232a, 1}, {0x23e9, 0x23ec, 1}, {0x23f0, 0x23f0, 1},
		{0x23f3, 0x23f3, 1}, {0x25fd, 0x25fe, 1}, {0x2614, 0x2615, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1},
		{0x2693, 0x2693, 1}, {0x26a1, 0x26a1, 1}, {0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1},
		{0x26ce, 0x26ce, 1}, {0x26d4, 0x26d4, 1}, {0x26ea, 0x26ea, 1}, {0x26f2, 0x26f3, 1}, {0x26f5, 0x26f5, 1},
		{0x26fa, 0x26fa, 1}, {0x26fd, 0x26fd, 1}, {0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1},
		{0x274c, 0x274c, 1}, {0x274e, 0x274e, 1}, {0x2753, 0x2755, 1}, {0x2757, 0x2757, 1}, {0x2795, 0x2797, 1},
		{0x27b0, 0x27b0, 1}, {0x27bf, 0x27bf, 1}, {0x2b1b, 0x2b1c, 1}, {0x2b50, 0x2b50, 1}, {0x2b55, 0x2b55, 1},
		{0x2e80, 0x2e99, 1}, {0x2e9b, 0x2ef3, 1}, {0x2f00, 0x2fd5, 1}, {0x2ff0, 0x2ffb, 1}, {0x3000, 0x303e, 1},
		{0x3041, 0x3096, 1}, {0x3099, 0x30ff, 1}, {0x3105, 0x312f, 1}, {0x3131, 0x318e, 1}, {0x3190, 0x31e3, 1},
		{0x31f0, 0x321e, 1}, {0x3220, 0x3247, 1}, {0x3250, 0x4dbf, 1}, {0x4e00, 0xa48c, 1}, {0xa490, 0xa4c6, 1},
		{0xa960, 0xa97c, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe10, 0xfe19, 1}, {0xfe30, 0xfe52, 1},
		{0xfe54, 0xfe66, 1}, {0xfe68, 0xfe6b, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{
		{0x16fe0, 0x16fe4, 1}, {0x16ff0, 0x16ff1, 1}, {0x17000, 0x187f7, 1}, {0x18800, 0x18cd5, 1},
		{0x18d00, 0x18d08, 1}, {0x1aff0, 0x1aff3, 1}, {0x1aff5, 0x1affb, 1}, {0x1affd, 0x1affe, 1},
		{0x1b000, 0x1b122, 1}, {0x1b150, 0x1b152, 1}, {0x1b164, 0x1b167, 1}, {0x1b170, 0x1b2fb, 1},
		{0x1f004, 0x1f004, 1}, {0x1f0cf, 0x1f0cf, 1}, {0x1f18e, 0x1f18e, 1}, {0x1f191, 0x1f19a, 1},
		{0x1f200, 0x1f202, 1}, {0x1f210, 0x1f23b, 1}, {0x1f240, 0x1f248, 1}, {0x1f250, 0x1f251, 1},
		{0x1f260, 0x1f265, 1}, {0x1f300, 0x1f320, 1}, {0x1f32d, 0x1f335, 1}, {0x1f337, 0x1f37c, 1},
		{0x1f37e, 0x1f393, 1}, {0x1f3a0, 0x1f3ca, 1}, {0x1f3cf, 0x1f3d3, 1}, {0x1f3e0, 0x1f3f0, 1},
		{0x1f3f4, 0x1f3f4, 1}, {0x1f3f8, 0x1f43e, 1}, {0x1f440, 0x1f440, 1}, {0x1f442, 0x1f4fc, 1},
		{0x1f4ff, 0x1f53d, 1}, {0x1f54b, 0x1f54e, 1}, {0x1f550, 0x1f567, 1}, {0x1f57a, 0x1f57a, 1},
		{0x1f595, 0x1f596, 1}, {0x1f5a4, 0x1f5a4, 1}, {0x1f5fb, 0x1f64f, 1}, {0x1f680, 0x1f6c5, 1},
		{0x1f6cc, 0x1f6cc, 1}, {0x1f6d0, 0x1f6d2, 1}, {0x1f6d5, 0x1f6d7, 1}, {0x1f6dd, 0x1f6df, 1},
		{0x1f6eb, 0x1f6ec, 1}, {0x1f6f4, 0x1f6fc, 1}, {0x1f7e0, 0x1f7eb, 1}, {0x1f7f0, 0x1f7f0, 1},
		{0x1f90c, 0x1f93a, 1}, {0x1f93c, 0x1f945, 1}, {0x1f947, 0x1f9ff, 1}, {0x1fa70, 0x1fa74, 1},
		{0x1fa78, 0x1fa7c, 1}, {0x1fa80, 0x1fa86, 1}, {0x1fa90, 0x1faac, 1}, {0x1fab0, 0x1faba, 1},
		{0x1fac0, 0x1fac5, 1}, {0x1fad0, 0x1fad9, 1}, {0x1fae0, 0x1fae7, 1}, {0x1faf0, 0x1faf6, 1},
		{0x20000, 0x2fffd, 1}, {0x30000, 0x3fffd, 1},
	},
}
