package pretty

import (
	"bytes"
	"strings"
)

// A wrapping is what %w(width,indent1,indent2) asks for; the zero one leaves lines as they are.
type wrapping struct{ width, first, rest int }

// wrapAt reads a %w, which s begins with, and ends the reach of the one before it.
func (x *Expander) wrapAt(dst []byte, s string) ([]byte, int) {
	args, ok := strings.CutPrefix(s, "w(")
	end := strings.IndexByte(args, ')')
	if !ok || end < 0 {
		return dst, 0
	}
	var w wrapping
	if rest := args; end > 0 {
		for i, field := range []*int{&w.width, &w.first, &w.rest} {
			if i > 0 && !strings.HasPrefix(rest, ",") {
				break
			}
			rest = rest[min(i, 1):]
			value, n := parseInt(rest)
			*field, rest = value, rest[n:]
		}
		if !strings.HasPrefix(rest, ")") {
			return dst, 0
		}
	}
	for _, v := range []int{w.width, w.first, w.rest} {
		if v < 0 || v > maxColumns {
			return dst, 0
		}
	}
	return x.rewrap(dst, w), len("w()") + end
}

// rewrap wraps what was appended since the wrapping changed last, and sets the one for what follows.
func (x *Expander) rewrap(dst []byte, next wrapping) []byte {
	if x.wrap == next {
		return dst
	}
	if x.wrapStart < len(dst) {
		text, _, _ := bytes.Cut(bytes.Clone(dst[x.wrapStart:]), []byte{0})
		dst = x.appendWrapped(dst[:x.wrapStart], text, x.wrap)
	}
	x.wrapStart, x.wrap = len(dst), next
	return dst
}

func (x *Expander) appendWrapped(dst, text []byte, w wrapping) []byte {
	if w.width == 0 {
		indent := w.first
		for len(text) > 0 && !x.overflow {
			line, rest, ended := bytes.Cut(text, []byte{'\n'})
			dst = x.add(x.add(dst, strings.Repeat(" ", indent)), string(line))
			if ended {
				dst = x.add(dst, "\n")
			}
			text, indent = rest, w.rest
		}
		return dst
	}
	fill := filler{x: x, text: text, wrapping: w, asUTF8: true}
	if out, ok := fill.run(dst); ok {
		return out
	}
	fill.asUTF8 = false // then each byte takes a column
	out, _ := fill.run(dst)
	return out
}

// A filler breaks text into lines at its spaces. It keeps paragraphs, and lines that don't begin with a letter or
// digit.
type filler struct {
	x *Expander
	wrapping
	text   []byte
	asUTF8 bool

	line, gap, at, column, indent int // gap is where the last space is, or -1
}

func (f *filler) run(dst []byte) ([]byte, bool) {
	f.line, f.gap, f.at, f.column, f.indent = 0, -1, 0, f.first, f.first
	for !f.x.overflow {
		for n := escapeLen(f.text[f.at:]); n > 0; n = escapeLen(f.text[f.at:]) {
			f.at += n
		}
		switch c := f.byteAt(f.at); {
		case c != 0 && strings.IndexByte(blank, c) < 0:
			if !f.advance() {
				return dst, false
			}
		case f.column > f.width && f.gap >= 0:
			dst = f.breakLine(dst)
		case c == 0 && f.at == f.line:
			return dst, true
		default:
			dst = f.flush(dst)
			if c == 0 {
				return dst, true
			}
			dst = f.space(dst, c)
		}
	}
	return dst, true
}

func (f *filler) byteAt(i int) byte {
	if i < len(f.text) {
		return f.text[i]
	}
	return 0
}

// advance steps over one character.
func (f *filler) advance() bool {
	if !f.asUTF8 {
		f.at++
		f.column++
		return true
	}
	r, size := decodeRune(f.text[f.at:])
	f.at += size
	f.column += runeColumns(r)
	return size > 0
}

// flush appends the word that ends here, with the space before it, or the indentation if it is the line's first.
func (f *filler) flush(dst []byte) []byte {
	start := f.gap
	if start < 0 {
		start = f.line
		dst = f.x.add(dst, strings.Repeat(" ", f.indent))
	}
	return f.x.add(dst, string(f.text[start:f.at]))
}

// space steps over the space c after a word.
func (f *filler) space(dst []byte, c byte) []byte {
	f.gap = f.at
	switch c {
	case '\t':
		f.column |= 7
	case '\n':
		f.gap++
		switch next := f.byteAt(f.gap); {
		case next == '\n':
			return f.breakLine(f.x.add(dst, "\n"))
		case !isAlnum(next):
			return f.breakLine(dst)
		}
		dst = f.x.add(dst, " ")
	}
	f.column++
	f.at++
	return dst
}

func (f *filler) breakLine(dst []byte) []byte {
	f.at = f.gap
	if c := f.byteAt(f.at); c != 0 && strings.IndexByte(blank, c) >= 0 {
		f.at++
	}
	f.line, f.gap = f.at, -1
	f.column, f.indent = f.rest, f.rest
	return f.x.add(dst, "\n")
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
