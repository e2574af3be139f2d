package patch

import (
	"compress/zlib"
	"fmt"
	"io"
)

// WriteBinary writes both contents of a file as git diff --binary does, compressed and in letters, so that git apply
// can turn either into the other. It never holds a file in memory.
func WriteBinary(w io.Writer, old, now func() (int64, io.ReadCloser, error)) error {
	if _, err := io.WriteString(w, "GIT binary patch\n"); err != nil {
		return err
	}
	if err := writeLiteral(w, now); err != nil {
		return err
	}
	return writeLiteral(w, old)
}

func writeLiteral(w io.Writer, open func() (int64, io.ReadCloser, error)) (err error) {
	size, content, err := open()
	if err != nil {
		return err
	}
	defer func() {
		if closed := content.Close(); err == nil {
			err = closed
		}
	}()
	if _, err = fmt.Fprintf(w, "literal %d\n", size); err != nil {
		return err
	}
	lines := &letters{w: w}
	z := zlib.NewWriter(lines)
	if _, err = io.Copy(z, content); err != nil {
		return err
	}
	if err = z.Close(); err != nil {
		return err
	}
	if err = lines.flush(); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n")
	return err
}

const (
	lineBytes = 52 // that one line of letters stands for
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
)

// Letters write bytes in git's base 85: four bytes as five letters, in lines that begin with their length.
type letters struct {
	w    io.Writer
	held []byte // less than a line
}

func (l *letters) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(lineBytes-len(l.held), len(p))
		l.held, p = append(l.held, p[:k]...), p[k:]
		if len(l.held) == lineBytes {
			if err := l.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// flush writes what is held as a line.
func (l *letters) flush() error {
	n := len(l.held)
	if n == 0 {
		return nil
	}
	line := make([]byte, 0, 72)
	if n <= 26 {
		line = append(line, byte('A'+n-1))
	} else {
		line = append(line, byte('a'+n-27))
	}
	for i := 0; i < n; i += 4 {
		var word uint32
		for j := range 4 {
			word <<= 8
			if i+j < n {
				word |= uint32(l.held[i+j])
			}
		}
		var five [5]byte
		for j := 4; j >= 0; j-- {
			five[j] = alphabet[word%85]
			word /= 85
		}
		line = append(line, five[:]...)
	}
	l.held = l.held[:0]
	_, err := l.w.Write(append(line, '\n'))
	return err
}
