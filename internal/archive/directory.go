package archive

import (
	"bytes"
	"iter"

	"github.com/klauspost/compress/s2"
)

// A directory collects the headers that stand at the end of a zip. As they are much alike, it keeps them compressed.
type directory struct {
	packed [][]byte
	plain  []byte
	buf    []byte
}

const directoryChunk = 256 << 10

func (d *directory) add(header []byte) {
	d.plain = append(d.plain, header...)
	if len(d.plain) >= directoryChunk {
		d.buf = s2.EncodeBest(d.buf[:cap(d.buf)], d.plain)
		d.packed = append(d.packed, bytes.Clone(d.buf))
		d.plain = d.plain[:0]
	}
}

// chunks yields the headers in order, some at a time. A chunk is valid until the next.
func (d *directory) chunks() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var buf []byte
		for _, p := range d.packed {
			var err error
			if buf, err = s2.Decode(buf[:cap(buf)], p); !yield(buf, err) || err != nil {
				return
			}
		}
		yield(d.plain, nil)
	}
}
