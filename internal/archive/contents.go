package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/pretty"
	"github.com/reposit/reposit/storage"
)

// contents reads what entries hold, as the archive shall have it.
type contents struct {
	ctx    context.Context
	src    Source
	expand *pretty.Expander
}

// An item is an entry on its way into the archive.
type item struct {
	entry
	size    int64  // of content; of the blob if content is nil
	content []byte // nil for what is read only when its turn comes
	loaded  bool   // size is known
	err     error

	ready  bool // a zip's: crc is that of content, and packed is not nil if it pays
	crc    uint32
	packed []byte
}

// isFile reports whether the item is a file, executable or not.
func (it *item) isFile() bool { return it.mode == git.ModeRegular || it.mode == git.ModeExecutable }

// load reads the content of an item unless it is large, and treats it unless that must wait for the item's turn.
func (c *contents) load(it *item) error {
	if it.loaded || it.mode == git.ModeDir || it.mode == git.ModeSubmodule {
		return nil
	}
	size, content, err := c.src.Blob(c.ctx, it.hash, storage.LargeObject)
	if err != nil {
		return err
	}
	if content == nil && size > 0 && it.mode == git.ModeSymlink {
		return fmt.Errorf("%w: target of %d bytes", ErrTooLarge, size)
	}
	it.size, it.content, it.loaded = size, content, true
	if content == nil && size == 0 {
		it.content = []byte{}
	}
	if it.content != nil && it.isFile() && it.treat.converts() {
		it.content = it.treat.convert(it.content, it.hash)
		it.size = int64(len(it.content))
	}
	return nil
}

// convert treats a whole file, but for export-subst.
func (t treatment) convert(data []byte, h storage.Hash) []byte {
	if t.ident && bytes.Contains(data, []byte("$Id")) {
		data = (&identFilter{hash: h.String()}).feed(nil, data, true)
	}
	if t.eol == eolCRLF || t.eol == eolAutoCRLF && isPlainText(data) {
		data = (&crlfFilter{}).feed(make([]byte, 0, len(data)+bytes.Count(data, []byte{'\n'})), data, true)
	}
	if t.encoding != "" {
		data = encode(data, t.encoding)
	}
	return data
}

func isPlainText(data []byte) bool {
	var s textStats
	s.add(data)
	return s.plainText()
}

// open finishes an item whose turn has come. It returns a reader of its content if that is large, or leaves it in
// it.content; it.size is right in both cases.
func (c *contents) open(it *item) (io.ReadCloser, error) {
	if it.mode == git.ModeDir || it.mode == git.ModeSubmodule {
		return nil, nil
	}
	if err := c.load(it); err != nil {
		return nil, err
	}
	if it.content != nil {
		if it.treat.subst && it.isFile() && c.expand != nil && bytes.Contains(it.content, substStart) {
			it.content = newSubstFilter(c.expand, int64(len(it.content))).feed(nil, it.content, true)
			it.size = int64(len(it.content))
		}
		return nil, nil
	}
	return c.openLarge(it)
}

// openLarge reads a large file that is treated once to learn its size, and once more for its content.
func (c *contents) openLarge(it *item) (io.ReadCloser, error) {
	size, blob, err := c.src.OpenBlob(c.ctx, it.hash)
	if err != nil {
		return nil, err
	}
	it.size = size
	treat := it.treat
	if c.expand == nil {
		treat.subst = false
	}
	treat.encoding = ""
	if !treat.converts() {
		return blob, nil
	}
	if treat.eol == eolAutoCRLF {
		if treat.eol, err = c.judge(blob); err != nil {
			return nil, err
		}
		if _, blob, err = c.src.OpenBlob(c.ctx, it.hash); err != nil {
			return nil, err
		}
	}
	left := c.describesLeft()
	first := c.treated(blob, treat, it.hash, size)
	it.size, err = io.Copy(io.Discard, first)
	if err = closing(first, err); err != nil {
		return nil, err
	}
	c.setDescribesLeft(left) // the second pass must expand what the first did
	if _, blob, err = c.src.OpenBlob(c.ctx, it.hash); err != nil {
		return nil, err
	}
	return c.treated(blob, treat, it.hash, size), nil
}

func (c *contents) describesLeft() int {
	if c.expand == nil {
		return 0
	}
	return c.expand.Describes
}

func (c *contents) setDescribesLeft(n int) {
	if c.expand != nil {
		c.expand.Describes = n
	}
}

// judge reads a large file to its end, to tell what eolAutoCRLF means for it.
func (c *contents) judge(blob io.ReadCloser) (eolRule, error) {
	var s textStats
	_, err := io.CopyBuffer(writerFunc(func(p []byte) (int, error) {
		s.add(p)
		return len(p), c.ctx.Err()
	}), struct{ io.Reader }{blob}, make([]byte, copyBuffer))
	if err = closing(blob, err); err != nil {
		return eolKeep, err
	}
	if s.plainText() {
		return eolCRLF, nil
	}
	return eolKeep, nil
}

func (c *contents) treated(blob io.ReadCloser, t treatment, h storage.Hash, size int64) io.ReadCloser {
	r := &filterReader{ctx: c.ctx, from: blob, in: make([]byte, copyBuffer)}
	if t.ident {
		r.filters = append(r.filters, &identFilter{hash: h.String()})
	}
	if t.eol == eolCRLF {
		r.filters = append(r.filters, &crlfFilter{})
	}
	if t.subst {
		r.filters = append(r.filters, newSubstFilter(c.expand, size))
	}
	return r
}

func closing(c io.Closer, err error) error {
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A filterReader reads what filters make of a file.
type filterReader struct {
	ctx     context.Context
	from    io.ReadCloser
	filters []filter
	in      []byte
	out     []byte
	at      int // in out
	err     error
}

func (r *filterReader) Close() error { return r.from.Close() }

func (r *filterReader) Read(p []byte) (int, error) {
	for r.at == len(r.out) {
		if r.err != nil {
			return 0, r.err
		}
		if r.err = r.ctx.Err(); r.err == nil {
			r.fill()
		}
	}
	n := copy(p, r.out[r.at:])
	r.at += n
	return n, nil
}

func (r *filterReader) fill() {
	n, err := r.from.Read(r.in)
	r.err = err
	last := err == io.EOF
	data := r.in[:n]
	for i, f := range r.filters {
		var dst []byte
		if i == len(r.filters)-1 {
			dst = r.out[:0]
		}
		data = f.feed(dst, data, last)
	}
	r.out, r.at = data, 0
}
