// Package packs reads objects out of packs (gitformat-pack) that a backend keeps with an index of its own.
package packs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A Place is where an object is in a pack: its entry, and the hash of its base if it is a delta.
type Place struct {
	storage.PackEntry
	BaseHash storage.Hash
	Src      io.ReaderAt
	End      int64 // where the checksum of the pack begins
}

// maxAlloc bounds what is allocated for a size that nothing has proven yet.
const maxAlloc = 16 << 20

// stream returns the header of the entry, and a reader of the bytes behind it.
func (p *Place) stream() (packfile.Entry, *bufio.Reader, error) {
	if p.Offset < packfile.HeaderSize || p.Offset >= p.End {
		return packfile.Entry{}, nil, corrupt("entry of %s is outside of its pack", p.Hash)
	}
	size := 16 << 10
	if p.Base == storage.NoBase {
		size = int(min(max(p.Size, 256), int64(size))) + packfile.MaxEntry
	}
	r := bufio.NewReaderSize(io.NewSectionReader(p.Src, p.Offset, p.End-p.Offset), size)
	begin, err := r.Peek(packfile.MaxEntry)
	if err != nil && err != io.EOF {
		return packfile.Entry{}, nil, err
	}
	e, err := packfile.ParseEntry(begin)
	if err != nil {
		return e, nil, corrupt("entry of %s: %v", p.Hash, err)
	}
	if e.Kind.IsDelta() != (p.Base != storage.NoBase) || !e.Kind.IsDelta() &&
		(storage.Type(e.Kind) != p.Type || e.Size != p.Size) {
		return e, nil, corrupt("entry of %s is that of another object", p.Hash)
	}
	_, err = r.Discard(e.Len)
	return e, r, err
}

// Object returns the object, whole or as a delta.
func (p *Place) Object() (storage.Object, error) {
	e, r, err := p.stream()
	if err != nil {
		return storage.Object{}, err
	}
	data, err := inflate(r, e.Size)
	if err != nil {
		return storage.Object{}, fmt.Errorf("object %s: %w", p.Hash, err)
	}
	o := storage.Object{Hash: p.Hash, Type: p.Type, Size: p.Size}
	if p.Base == storage.NoBase {
		o.Data = data
		return o, nil
	}
	if _, made, _, ok := packfile.DeltaSizes(data); !ok || made != p.Size {
		return storage.Object{}, corrupt("delta of %s makes another object", p.Hash)
	}
	o.Delta = &storage.Delta{Base: p.BaseHash, Depth: int(p.Depth), Ops: data}
	return o, nil
}

// Packed returns the object as it stands in the pack.
func (p *Place) Packed() (storage.Packed, error) {
	e, r, err := p.stream()
	if err != nil {
		return storage.Packed{}, err
	}
	var raw recorder
	raw.Reader = r
	if _, err := inflate(&raw, e.Size); err != nil {
		return storage.Packed{}, fmt.Errorf("object %s: %w", p.Hash, err)
	}
	o := storage.Packed{Base: p.BaseHash, Length: e.Size, Stream: raw.b.Bytes()}
	if p.Base == storage.NoBase {
		o.Type = p.Type
	}
	return o, nil
}

// Open returns a reader of the content of an object that is no delta. What is read in pieces is not checked against
// its hash, but against the checksum of zlib.
func (p *Place) Open() (io.ReadCloser, error) {
	if p.Base != storage.NoBase {
		return nil, storage.ErrDelta
	}
	e, r, err := p.stream()
	if err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, named(err)
	}
	return &content{z: z, left: e.Size}, nil
}

// A content reads an object, whose size it holds it to.
type content struct {
	z    io.ReadCloser
	left int64
	err  error
}

func (c *content) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.z.Read(b)
	c.left -= int64(n)
	switch {
	case c.left < 0, err == io.EOF && c.left > 0:
		n, c.err = 0, corrupt("object of another size in a pack")
	case err != nil && err != io.EOF:
		c.err = named(err)
	default:
		c.err = err
	}
	return n, c.err
}

func (c *content) Close() error {
	c.err = storage.ErrClosed
	return c.z.Close()
}

// A recorder keeps the bytes that are read from it.
type recorder struct {
	*bufio.Reader
	b bytes.Buffer
}

func (r *recorder) ReadByte() (byte, error) {
	c, err := r.Reader.ReadByte()
	if err == nil {
		r.b.WriteByte(c)
	}
	return c, err
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.b.Write(b[:n])
	return n, err
}

var inflaters sync.Pool

// inflate returns the size bytes that a zlib stream holds.
func inflate(src io.Reader, size int64) ([]byte, error) {
	z, ok := inflaters.Get().(io.ReadCloser)
	var err error
	if ok {
		err = z.(zlib.Resetter).Reset(src, nil)
	} else {
		z, err = zlib.NewReader(src)
	}
	if err != nil {
		return nil, named(err)
	}
	defer inflaters.Put(z)
	var data []byte
	if size <= maxAlloc {
		data = make([]byte, size)
		_, err = io.ReadFull(z, data)
	} else {
		var b bytes.Buffer
		_, err = io.CopyN(&b, z, size)
		data = b.Bytes()
	}
	if err != nil {
		return nil, named(err)
	}
	var more [1]byte
	if n, err := z.Read(more[:]); n > 0 || err != io.EOF {
		if err == nil || n > 0 {
			return nil, corrupt("object is longer than it says")
		}
		return nil, named(err)
	}
	return data, nil
}

// named makes an error about damaged bytes one that wraps storage.ErrCorrupt; others come from the medium.
func named(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF || errors.Is(err, zlib.ErrChecksum) ||
		errors.Is(err, zlib.ErrHeader) || errors.Is(err, zlib.ErrDictionary) || strings.HasPrefix(err.Error(), "flate: ") {
		return corrupt("%v", err)
	}
	return err
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", storage.ErrCorrupt, fmt.Sprintf(format, args...))
}
