package worktree

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

const (
	chunkSize = 256 << 10 // bytes that are read, changed and spilled at once
	spillAt   = 1 << 20   // bytes of one file that are held in memory
)

// A content is what a file has. As long as nobody writes to it, it is a blob. Then it is chunks, each of which is in
// memory, or spilled, or a part of that blob.
type content struct {
	f    *Files
	refs int // open files; guarded by f.mu

	mu     sync.Mutex
	when   time.Time // of the last change; zero: it was not touched
	hash   git.Hash  // of the content as it is; zero: not known
	base   git.Hash  // the blob
	size   int64     // -1: that of the blob, which is not known yet
	own    bool      // it is chunks
	chunks []chunk
	held   int64 // bytes in memory

	stream io.ReadCloser // of a large blob
	at     int64         // where the stream is

	lock sync.Mutex // of File.Lock
}

// A chunk is a part of a content. Behind what it has, it is zeros.
type chunk struct {
	data    []byte   // in memory
	spilled git.Hash // a blob that has it, or zero
	based   bool     // it is the part of the base at the same place, up to the end of that
	limit   int64    // of based: where that ends
}

// length returns how many bytes there are.
func (c *content) length() (int64, error) {
	if c.size >= 0 {
		return c.size, nil
	}
	size, err := c.f.src.Size(c.base)
	if err == nil {
		c.size = size
	}
	return size, err
}

// readAt is io.ReaderAt.
func (c *content) readAt(p []byte, at int64) (n int, err error) {
	size, err := c.length()
	if err != nil {
		return 0, err
	}
	for n < len(p) && at < size {
		part := p[n:min(len(p), n+int(min(size-at, chunkSize-at%chunkSize)))]
		if !c.own {
			part = p[n:min(int64(len(p)), int64(n)+size-at)]
			err = c.readBase(part, at)
		} else {
			err = c.readChunk(part, at)
		}
		if err != nil {
			return n, err
		}
		n, at = n+len(part), at+int64(len(part))
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// readChunk reads a part that lies in one chunk.
func (c *content) readChunk(p []byte, at int64) error {
	i, off := int(at/chunkSize), at%chunkSize
	clear(p)
	if i >= len(c.chunks) {
		return nil
	}
	k := &c.chunks[i]
	data := k.data
	switch {
	case k.based:
		if end := min(int64(len(p)), k.limit-at); end > 0 {
			return c.readBase(p[:end], at)
		}
		return nil
	case !k.spilled.IsZero():
		var err error
		if data, err = c.f.src.Blob(k.spilled); err != nil {
			return err
		}
	}
	if off < int64(len(data)) {
		copy(p, data[off:])
	}
	return nil
}

// readBase reads a part of the base.
func (c *content) readBase(p []byte, at int64) error {
	size, err := c.f.src.Size(c.base)
	if err != nil {
		return err
	}
	if size < storage.LargeObject {
		data, err := c.f.src.Blob(c.base)
		if err == nil && at+int64(len(p)) > int64(len(data)) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			copy(p, data[at:])
		}
		return err
	}
	if c.stream == nil || at < c.at {
		if err := c.closeStream(); err != nil {
			return err
		}
		if c.stream, err = c.f.src.Open(c.base); err != nil {
			return err
		}
		c.at = 0
	}
	if _, err = io.CopyN(io.Discard, c.stream, at-c.at); err == nil {
		_, err = io.ReadFull(c.stream, p)
	}
	c.at = at + int64(len(p))
	if err != nil {
		return errors.Join(err, c.closeStream())
	}
	return nil
}

func (c *content) closeStream() error {
	if c.stream == nil {
		return nil
	}
	err := c.stream.Close()
	c.stream = nil
	return err
}

// begin makes a blob chunks.
func (c *content) begin() error {
	c.hash = git.Hash{}
	if c.own {
		return nil
	}
	size, err := c.length()
	if err != nil {
		return err
	}
	c.own = true
	for at := int64(0); at < size; at += chunkSize {
		c.chunks = append(c.chunks, chunk{based: true, limit: min(size, at+chunkSize)})
	}
	return nil
}

// load brings a chunk into memory.
func (c *content) load(i int) error {
	k := &c.chunks[i]
	at := int64(i) * chunkSize
	switch {
	case k.based:
		data := make([]byte, max(0, k.limit-at))
		if err := c.readBase(data, at); err != nil {
			return err
		}
		*k = chunk{data: data}
	case !k.spilled.IsZero():
		data, err := c.f.src.Blob(k.spilled)
		if err != nil {
			return err
		}
		*k = chunk{data: bytes.Clone(data)}
	default:
		return nil
	}
	c.held += int64(len(k.data))
	return nil
}

// writeAt is io.WriterAt.
func (c *content) writeAt(p []byte, at int64) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if at > c.f.src.MaxFile()-int64(len(p)) {
		return 0, errTooLarge
	}
	if err := c.begin(); err != nil {
		return 0, err
	}
	for n < len(p) {
		i, off := int(at/chunkSize), at%chunkSize
		for len(c.chunks) <= i {
			c.chunks = append(c.chunks, chunk{})
		}
		part := p[n:min(len(p), n+int(chunkSize-off))]
		if err := c.load(i); err != nil {
			return n, err
		}
		k := &c.chunks[i]
		before := len(k.data)
		if end := int(off) + len(part); end > before {
			k.data = append(k.data, make([]byte, end-before)...)
		}
		copy(k.data[off:], part)
		c.held += int64(len(k.data) - before)
		n, at = n+len(part), at+int64(len(part))
		c.size = max(c.size, at)
		if c.held > spillAt {
			if err := c.spill(i); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// spill stores the chunks that are in memory, but for one.
func (c *content) spill(but int) error {
	var which []int
	var parts [][]byte
	for i := range c.chunks {
		if k := &c.chunks[i]; i != but && k.data != nil {
			which, parts = append(which, i), append(parts, k.data)
		}
	}
	hashes, err := c.f.src.Spill(parts)
	if err != nil {
		return err
	}
	for j, i := range which {
		c.held -= int64(len(c.chunks[i].data))
		c.chunks[i] = chunk{spilled: hashes[j]}
	}
	return nil
}

// truncate makes the content so many bytes: what is behind goes, what is missing is zeros.
func (c *content) truncate(size int64) error {
	if size < 0 {
		return errInvalid
	}
	if size > c.f.src.MaxFile() {
		return errTooLarge
	}
	if size == 0 {
		c.hash, c.own, c.chunks, c.size, c.held = git.Hash{}, true, nil, 0, 0
		return c.closeStream()
	}
	if err := c.begin(); err != nil {
		return err
	}
	if size < c.size {
		n := int((size + chunkSize - 1) / chunkSize)
		for i := n; i < len(c.chunks); i++ {
			c.held -= int64(len(c.chunks[i].data))
		}
		c.chunks = c.chunks[:min(n, len(c.chunks))]
		if off := size % chunkSize; off != 0 && len(c.chunks) == n {
			if k := &c.chunks[n-1]; k.based {
				k.limit = min(k.limit, size)
			} else {
				if err := c.load(n - 1); err != nil {
					return err
				}
				if int64(len(k.data)) > off {
					c.held -= int64(len(k.data)) - off
					k.data = k.data[:off:off]
				}
			}
		}
	}
	c.size = size
	return nil
}

// sum returns the hash of the blob that the content is.
func (c *content) sum() (git.Hash, error) {
	if !c.hash.IsZero() {
		return c.hash, nil
	}
	size, err := c.length()
	if err != nil {
		return git.Hash{}, err
	}
	h := git.NewHasher(storage.Blob, size)
	if _, err := io.CopyBuffer(h, c.reader(), make([]byte, min(size+1, chunkSize))); err != nil {
		return git.Hash{}, err
	}
	sum, err := h.Sum()
	if err == nil {
		c.hash = sum
	}
	return sum, err
}

// reader returns a reader of the content, which must not change meanwhile.
func (c *content) reader() io.Reader {
	return struct{ io.Reader }{io.NewSectionReader(readerAt(c.readAt), 0, max(c.size, 0))}
}

type readerAt func(p []byte, at int64) (int, error)

func (r readerAt) ReadAt(p []byte, at int64) (int, error) { return r(p, at) }

// touched reports whether somebody wrote to it.
func (c *content) touched() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.when.IsZero()
}

// settle makes the content the blob that it was stored as.
func (c *content) settle(h git.Hash) {
	c.base, c.hash, c.own, c.chunks, c.held = h, h, false, nil, 0
	c.closeStream()
}
