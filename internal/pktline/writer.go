package pktline

import (
	"bufio"
	"fmt"
	"io"
)

// A Writer writes lines. It remembers the first error, after which it writes nothing; Send returns it.
type Writer struct {
	out *bufio.Writer
	err error
}

// NewWriter returns a Writer to w. It holds lines back until Send.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriterSize(w, 64<<10)} }

// Line writes a line of content, of which there are at most MaxLine bytes.
func (w *Writer) Line(b []byte) {
	if len(b) > MaxLine && w.err == nil {
		w.err = fmt.Errorf("%w: its content has %d bytes", ErrMalformed, len(b))
	}
	w.header(len(b) + headerSize)
	w.write(b)
}

// Printf writes a line of text, whose end is part of the format.
func (w *Writer) Printf(format string, args ...any) { w.Line(fmt.Appendf(nil, format, args...)) }

// Flush writes a flush packet. What was written is still held back.
func (w *Writer) Flush() { w.header(0) }

// Delim writes a delimiter packet.
func (w *Writer) Delim() { w.header(1) }

// Send sends what was held back, and returns the first error that there was.
func (w *Writer) Send() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// Raw writes bytes that are in no line.
func (w *Writer) Raw(b []byte) { w.write(b) }

func (w *Writer) header(n int) {
	const digits = "0123456789abcdef"
	w.write([]byte{digits[n>>12&15], digits[n>>8&15], digits[n>>4&15], digits[n&15]})
}

func (w *Writer) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
}

// A Band is one of those that a side-band has.
type Band byte

// The bands.
const (
	Content  Band = 1
	Progress Band = 2 // for people to read
	Fatal    Band = 3 // an error, which ends all
)

// Banded is an io.Writer of what is sent in one band, in lines of at most the given number of bytes with their headers:
// 65520, or 1000 for clients that know nothing better. A size of 0 sends the bytes as they are, in no lines.
type Banded struct {
	W    *Writer
	Band Band
	Size int
}

// The sizes of lines in bands.
const (
	Narrow = 1000  // side-band
	Wide   = 65520 // side-band-64k
)

// Write implements io.Writer. What it writes is sent only if it fills a line or the buffer, or by Send.
func (b *Banded) Write(p []byte) (int, error) {
	if b.Size == 0 {
		b.W.Raw(p)
		return len(p), b.W.err
	}
	done := 0
	for done < len(p) && b.W.err == nil {
		n := min(len(p)-done, b.Size-headerSize-1)
		b.W.header(n + headerSize + 1)
		b.W.write([]byte{byte(b.Band)})
		b.W.write(p[done : done+n])
		done += n
	}
	return done, b.W.err
}
