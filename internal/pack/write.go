package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A Source is where the objects of a pack come from. Its methods are called from several goroutines at once.
type Source interface {
	// Stat returns the type of an object and the size of its content, without reading it.
	Stat(ctx context.Context, h storage.Hash) (storage.Type, int64, error)

	// Object returns an object as it is stored, whole or as a delta.
	Object(ctx context.Context, h storage.Hash) (storage.Object, error)

	// Whole returns the content of an object.
	Whole(ctx context.Context, h storage.Hash) (storage.Type, []byte, error)

	// Open returns a reader of a blob, which holds little of it in memory, or storage.ErrDelta.
	Open(ctx context.Context, h storage.Hash) (storage.Type, int64, io.ReadCloser, error)
}

// A PackedSource is a Source that has objects in packs, whose entries are taken over as they are.
type PackedSource interface {
	Source

	// Packed returns an object as a pack has it, or storage.ErrNotFound.
	Packed(ctx context.Context, h storage.Hash) (storage.Packed, error)
}

// A List is what a pack shall hold.
type List struct {
	*Set
	Order   []uint32                // the places of all objects that shall be in the pack, in the order of the pack
	Blobs   int                     // the place in Order from which on there are nothing but blobs
	Outside func(storage.Hash) bool // reports whether deltas may be based on an object that is not in the pack; nil: none
	Named   bool                    // deltas name their bases, for readers that know no offsets
}

// Written is the pack that was written.
type Written struct {
	Sum     [packfile.TrailerSize]byte
	Size    int64
	Entries []packfile.IndexEntry // in the order of the pack
}

// level is that of zlib: with klauspost's, packs are about as large as git's own.
const level = 6

// A writer writes one pack. It is for one goroutine.
type writer struct {
	ctx     context.Context
	src     Source
	list    List
	ahead   *lookahead
	out     *bufio.Writer
	sum     hash.Hash
	written Written
	entry   []int32 // by place in the set: its entry plus one; 0: not written; pending
	stack   []*packed
	header  [packfile.MaxEntry]byte
	tell    func(done int, bytes int64) error
}

const pending = -1 // of an object whose base is written first

// Write writes a pack of the objects of a list to w. The bytes depend on the list and on how the objects are stored
// alone. An object that is stored as a delta stays one if its base is in the pack, or Outside, and what a pack has
// stays compressed as it is (PackedSource); all others are compressed as a whole. Memory is bounded but for the list
// and some 40 bytes for each object. tell, unless it is nil, is called after each object from this goroutine; its error
// ends the writing. After an error, what was written is of no use.
func Write(ctx context.Context, w io.Writer, src Source, list List, tell func(done int, bytes int64) error) (Written,
	error) {
	ctx, cancel := context.WithCancel(ctx)
	ahead := startLookahead(ctx, src, list)
	defer ahead.wait()
	defer cancel() // before wait
	sum := sha1.New()
	p := &writer{
		ctx: ctx, src: src, list: list, ahead: ahead, sum: sum, tell: tell,
		out: bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10), entry: make([]int32, list.Len()),
	}
	p.written.Entries = make([]packfile.IndexEntry, 0, len(list.Order))
	if err := p.write(); err != nil {
		return Written{}, err
	}
	return p.written, nil
}

func (p *writer) write() error {
	if _, err := p.put(packfile.AppendHeader(nil, uint32(len(p.list.Order)))); err != nil {
		return err
	}
	for i, place := range p.list.Order {
		if p.entry[place] == 0 {
			o, err := p.ahead.object(int(place))
			if err != nil {
				return err
			}
			if err := p.family(o); err != nil {
				return err
			}
		}
		p.ahead.release(i)
	}
	if err := p.out.Flush(); err != nil {
		return err
	}
	p.sum.Sum(p.written.Sum[:0])
	_, err := p.out.Write(p.written.Sum[:])
	p.written.Size += packfile.TrailerSize
	return errors.Join(err, p.out.Flush())
}

// family writes an object, and first those that it is based on.
func (p *writer) family(o *packed) error {
	p.stack = append(p.stack[:0], o)
	for len(p.stack) > 0 {
		o := p.stack[len(p.stack)-1]
		if base, ok := p.unwritten(o); ok {
			next, err := p.ahead.object(base)
			if err != nil {
				return err
			}
			p.entry[o.place] = pending
			p.stack = append(p.stack, next)
			continue
		}
		p.stack = p.stack[:len(p.stack)-1]
		if err := p.one(o); err != nil {
			return err
		}
	}
	return nil
}

// unwritten returns the place of an object's base if that is yet to be written.
func (p *writer) unwritten(o *packed) (int, bool) {
	if o.base.IsZero() || o.outside {
		return 0, false
	}
	place, _ := p.list.Find(o.base)
	return place, p.entry[place] == 0
}

// one writes an object whose base was written, if it has one.
func (p *writer) one(o *packed) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	at := p.written.Size
	header := packfile.Entry{Kind: packfile.Kind(o.typ), Size: o.size}
	if !o.base.IsZero() {
		header.Kind, header.Base = packfile.RefDelta, o.base
		if place, ok := p.list.Find(o.base); ok && !o.outside {
			if p.entry[place] == pending { // a program outside packs the objects anew: bases go round in a circle
				whole, err := p.ahead.whole(o)
				if err != nil {
					return err
				}
				return p.one(whole)
			}
			if !p.list.Named {
				header.Kind, header.Back = packfile.OffsetDelta, at-p.written.Entries[p.entry[place]-1].Offset
			}
		}
	}
	crc := crc32.NewIEEE()
	begin := header.AppendTo(p.header[:0])
	crc.Write(begin)
	if _, err := p.put(begin); err != nil {
		return err
	}
	if o.large {
		if err := p.stream(o, crc); err != nil {
			return err
		}
	} else {
		crc.Write(o.data)
		if _, err := p.put(o.data); err != nil {
			return err
		}
	}
	p.written.Entries = append(p.written.Entries, packfile.IndexEntry{
		Hash: p.list.At(o.place), Offset: at, CRC: crc.Sum32(),
	})
	p.entry[o.place] = int32(len(p.written.Entries))
	if p.tell != nil {
		return p.tell(len(p.written.Entries), p.written.Size)
	}
	return nil
}

func (p *writer) put(b []byte) (int, error) {
	n, err := p.out.Write(b)
	p.written.Size += int64(n)
	return n, err
}

// stream compresses what is too large to be held.
func (p *writer) stream(o *packed, crc io.Writer) error {
	t, size, r, err := p.src.Open(p.ctx, p.list.At(o.place))
	if err != nil {
		return err
	}
	if t != o.typ || size != o.size {
		err = fmt.Errorf("object %s: %w: it has another size", p.list.At(o.place), storage.ErrCorrupt)
		return errors.Join(err, r.Close())
	}
	z, err := zlib.NewWriterLevel(io.MultiWriter(crc, writerFunc(p.put)), level)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	buffer := make([]byte, 64<<10)
	n, err := io.CopyBuffer(z, &contextReader{p.ctx, r}, buffer)
	if err == nil && n != size {
		err = fmt.Errorf("object %s: %w: it has %d bytes, not %d", p.list.At(o.place), storage.ErrCorrupt, n, size)
	}
	return errors.Join(err, z.Close(), r.Close())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// contextReader reads until the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// A packed object is ready to be written: its zlib stream, or that of a delta.
type packed struct {
	place   int
	typ     storage.Type
	size    int64        // of what the stream holds
	base    storage.Hash // zero: the object is whole
	outside bool         // the base is not in the pack
	large   bool         // data is nil: it is read while it is written
	data    []byte
}

// A packer makes packed objects. It is for one goroutine.
type packer struct {
	ctx  context.Context
	src  Source
	list List
	z    *zlib.Writer
	buf  bytes.Buffer
}

// pack reads and compresses the object at a place of the set.
func (k *packer) pack(place int, blob bool) (*packed, error) {
	h := k.list.At(place)
	o := &packed{place: place}
	if blob {
		t, size, err := k.src.Stat(k.ctx, h)
		if err != nil {
			return nil, err
		}
		if size >= storage.LargeObject {
			if large, err := k.isStreamed(h); large || err != nil {
				o.typ, o.size, o.large = t, size, true
				return o, err
			}
		}
	}
	if taken, err := k.takeOver(o, h); taken || err != nil {
		return o, err
	}
	stored, err := k.src.Object(k.ctx, h)
	if err != nil {
		return nil, err
	}
	o.typ, o.size = stored.Type, stored.Size
	data := stored.Data
	if d := stored.Delta; data == nil && d != nil {
		if _, in := k.list.Find(d.Base); in || k.list.Outside != nil && k.list.Outside(d.Base) {
			o.base, o.outside, o.size, data = d.Base, !in, int64(len(d.Ops)), d.Ops
		} else if o.typ, data, err = k.src.Whole(k.ctx, h); err != nil {
			return nil, err
		}
	}
	o.data, err = k.deflate(data)
	return o, err
}

// takeOver reports whether a pack has an entry for the object that can stand in this one.
func (k *packer) takeOver(o *packed, h storage.Hash) (bool, error) {
	src, ok := k.src.(PackedSource)
	if !ok {
		return false, nil
	}
	e, err := src.Packed(k.ctx, h)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !e.Base.IsZero() {
		_, in := k.list.Find(e.Base)
		if !in && (k.list.Outside == nil || !k.list.Outside(e.Base)) {
			return false, nil
		}
		o.base, o.outside = e.Base, !in
	}
	o.typ, o.size, o.data = e.Type, e.Length, e.Stream
	return true, nil
}

// isStreamed reports whether a large blob can be read in pieces.
func (k *packer) isStreamed(h storage.Hash) (bool, error) {
	_, _, r, err := k.src.Open(k.ctx, h)
	if errors.Is(err, storage.ErrDelta) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// whole is pack of an object that must not be a delta.
func (k *packer) whole(place int) (*packed, error) {
	t, data, err := k.src.Whole(k.ctx, k.list.At(place))
	if err != nil {
		return nil, err
	}
	o := &packed{place: place, typ: t, size: int64(len(data))}
	o.data, err = k.deflate(data)
	return o, err
}

func (k *packer) deflate(data []byte) ([]byte, error) {
	k.buf.Reset()
	if k.z == nil {
		var err error
		if k.z, err = zlib.NewWriterLevel(&k.buf, level); err != nil {
			return nil, err
		}
	} else {
		k.z.Reset(&k.buf)
	}
	if _, err := k.z.Write(data); err != nil {
		return nil, err
	}
	if err := k.z.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(k.buf.Bytes()), nil
}
