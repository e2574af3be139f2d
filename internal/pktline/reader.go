// Package pktline reads and writes the lines of git's protocol (gitprotocol-common, "pkt-line Format"), and what is
// sent in their bands (gitprotocol-pack, "side-band-64k").
package pktline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/git"
)

const (
	// MaxLine is how many bytes of content a line has at most.
	MaxLine = 65520 - headerSize

	headerSize = 4
)

// ErrMalformed is wrapped by every error about bytes that are no lines.
var ErrMalformed = fmt.Errorf("pkt-line: %w", git.ErrMalformed)

// A Kind tells a line with content from the lines that have none.
type Kind byte

// The kinds of lines.
const (
	Data  Kind = iota
	Flush      // 0000
	Delim      // 0001
	End        // 0002, the end of a response
)

// A Reader reads lines. Its buffer may hold bytes that follow what it has read: they are read from Rest.
type Reader struct {
	in   *bufio.Reader
	line []byte
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{in: bufio.NewReaderSize(r, 64<<10)} }

// Rest returns what follows the lines that were read.
func (r *Reader) Rest() *bufio.Reader { return r.in }

// Next returns the next line, which is valid until the next call. It returns io.EOF if there is none,
// io.ErrUnexpectedEOF if it is cut short, and an error that wraps ErrMalformed for a length that no line has.
func (r *Reader) Next() (Kind, []byte, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r.in, header[:]); err != nil {
		return 0, nil, err
	}
	n := 0
	for _, c := range header {
		d, ok := digit(c)
		if !ok {
			return 0, nil, fmt.Errorf("%w: it begins with %q", ErrMalformed, header[:])
		}
		n = n<<4 | d
	}
	switch {
	case n == 0:
		return Flush, nil, nil
	case n == 1:
		return Delim, nil, nil
	case n == 2:
		return End, nil, nil
	case n < headerSize || n > headerSize+MaxLine:
		return 0, nil, fmt.Errorf("%w: its length is %d", ErrMalformed, n)
	}
	n -= headerSize
	if cap(r.line) < n {
		r.line = make([]byte, max(n, 1<<10))
	}
	r.line = r.line[:n]
	if _, err := io.ReadFull(r.in, r.line); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return Data, r.line, nil
}

// Text is Next of a line of text, whose end it drops.
func (r *Reader) Text() (Kind, string, error) {
	k, b, err := r.Next()
	return k, string(bytes.TrimSuffix(b, []byte{'\n'})), err
}

func digit(c byte) (int, bool) {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0'), true
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10, true
	}
	return 0, false
}
