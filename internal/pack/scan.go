package pack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

const (
	headerSize  = packfile.HeaderSize
	trailerSize = packfile.TrailerSize
	minEntry    = 9       // bytes: a header of one, and the shortest zlib stream
	maxRatio    = 1032    // zlib inflates a byte to no more than this
	believed    = 1 << 20 // bytes that are allocated because a size says so; more only as they arrive
)

// scan goes through the pack once, from the first byte to the last. It inflates every entry, since nothing else tells
// where the next begins, and hashes and checks those that are no deltas.
func (p *Pack) scan(ctx context.Context) error {
	if p.end < headerSize {
		return malformed("it is cut short")
	}
	sum := sha1.New()
	in := &counted{r: io.TeeReader(io.NewSectionReader(p.src, 0, p.end), sum)}
	buffered := bufio.NewReaderSize(in, 64<<10)
	if err := p.scanEntries(ctx, in, buffered); err != nil {
		return err
	}
	if _, err := buffered.ReadByte(); err != io.EOF {
		return malformed("there is something behind its last object")
	}
	var trailer [trailerSize]byte
	if _, err := p.src.ReadAt(trailer[:], p.end); err != nil && err != io.EOF {
		return err
	}
	return checkSum(sum, trailer[:])
}

func checkSum(sum hash.Hash, trailer []byte) error {
	if !bytes.Equal(sum.Sum(nil), trailer) {
		return malformed("its checksum is wrong")
	}
	return nil
}

// scanEntries reads the header and the entries from what in counts, by way of a buffer.
func (p *Pack) scanEntries(ctx context.Context, in *counted, buffered *bufio.Reader) error {
	r := inflater{in: buffered}
	count, err := p.header(r.in)
	if err != nil {
		return err
	}
	p.entries = make([]entry, 0, min(count, 1<<16))
	h := p.startHashing()
	for range count {
		if err = ctx.Err(); err == nil && !h.work.failed() {
			err = p.scanEntry(&r, in, h)
		}
		if err != nil {
			break
		}
	}
	return h.end(err)
}

func (p *Pack) header(in *bufio.Reader) (int, error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(in, b[:]); err != nil {
		return 0, cutShort(err)
	}
	objects, err := packfile.ParseHeader(b[:])
	count := int64(objects)
	switch {
	case err != nil:
		return 0, malformed("%v", err)
	case count > (p.end-headerSize)/minEntry:
		return 0, malformed("it is too short for %d objects", count)
	case count > int64(p.opts.Objects):
		return 0, tooLarge("it has %d objects", count)
	}
	return int(count), nil
}

func (p *Pack) scanEntry(r *inflater, in *counted, h *hashing) error {
	e := entry{offset: in.n - int64(r.in.Buffered()), child: none, sibling: none}
	in.cut(e.offset)
	// As many bytes as there are at least, with what follows the last entry: of a pack that arrives, no more may come.
	begin, err := r.in.Peek(minEntry + trailerSize)
	if err != nil && err != io.EOF {
		return err
	}
	header, err := packfile.ParseEntry(begin)
	if err != nil {
		return malformed("at byte %d: %v", e.offset, err)
	}
	if _, err := r.in.Discard(header.Len); err != nil {
		return cutShort(err)
	}
	e.kind, e.size = header.Kind, header.Size
	baseAt := int32(none)
	if e.kind == packfile.OffsetDelta {
		at, ok := p.at(e.offset - header.Back)
		if !ok {
			return malformed("the delta at byte %d has no base", e.offset)
		}
		baseAt = at
	}
	e.body = in.n - int64(r.in.Buffered())
	if err := p.allow(&e); err != nil {
		return err
	}
	if err := p.scanBody(r, &e, h); err != nil {
		return err
	}
	e.crc = in.cut(in.n - int64(r.in.Buffered()))
	i := int32(len(p.entries))
	switch e.kind {
	case packfile.OffsetDelta:
		e.sibling = p.entries[baseAt].child
		p.entries[baseAt].child = i
	case packfile.RefDelta:
		p.waiting[header.Base] = append(p.waiting[header.Base], i)
	}
	p.entries = append(p.entries, e)
	return nil
}

// allow holds an entry's size against the limits, before it is inflated.
func (p *Pack) allow(e *entry) error {
	if (e.size-1)/maxRatio > p.end-e.body {
		return malformed("%d bytes at byte %d do not fit into it", e.size, e.offset)
	}
	if e.isDelta() {
		if e.size > min(maxDelta, max(p.opts.Blob, maxTree)) {
			return tooLarge("the delta at byte %d has %d bytes", e.offset, e.size)
		}
		return nil
	}
	e.typ, e.made = storage.Type(e.kind), e.size
	if e.size > p.limit(e.typ) {
		return tooLarge("the %s at byte %d has %d bytes", e.typ, e.offset, e.size)
	}
	return p.grow(e.size)
}

func (p *Pack) scanBody(r *inflater, e *entry, h *hashing) error {
	switch {
	case e.isDelta() && p.kept+e.size > p.budget.kept:
		return r.copy(io.Discard, e.size)
	case e.isLarge():
		hasher := git.NewHasher(e.typ, e.size)
		if err := r.copy(hasher, e.size); err != nil {
			return err
		}
		var err error
		if e.hash, err = hasher.Sum(); err != nil {
			return err
		}
		large := *e
		return p.opts.Check(&Object{
			Object: storage.Object{Hash: e.hash, Type: e.typ, Size: e.size},
			open:   func() (io.ReadCloser, error) { return p.open(&large) },
		})
	}
	data, err := r.read(e.size)
	if err != nil {
		return err
	}
	p.keep(e, data)
	if e.isDelta() {
		return nil
	}
	h.add(hashed{place: len(p.entries), typ: e.typ, data: data})
	return nil
}

// counted counts the bytes that are read from it, and keeps a CRC-32 of those since the last cut. Whoever reads from it
// may be behind by what bufio peeks at, and no more, when it reads again.
type counted struct {
	r    io.Reader
	n    int64
	crc  uint32
	tail []byte // the last bytes
	from int    // the first of tail that is not in crc yet
}

func (c *counted) Read(b []byte) (int, error) {
	if over := len(c.tail) - packfile.MaxEntry; over > c.from {
		c.crc = crc32.Update(c.crc, crc32.IEEETable, c.tail[c.from:over])
		c.from = over
	}
	c.tail = c.tail[:copy(c.tail, c.tail[c.from:])]
	c.from = 0
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.tail = append(c.tail, b[:n]...)
	return n, err
}

// cut returns the CRC-32 of the bytes since the last cut up to an offset, and begins anew there.
func (c *counted) cut(offset int64) uint32 {
	to := len(c.tail) - int(c.n-offset)
	crc := crc32.Update(c.crc, crc32.IEEETable, c.tail[c.from:to])
	c.crc, c.from = 0, to
	return crc
}

// An inflater inflates one zlib stream after the other, and takes no byte more of the input than they have.
type inflater struct {
	in *bufio.Reader
	z  io.ReadCloser
}

func (r *inflater) begin() error {
	var err error
	if r.z == nil {
		r.z, err = zlib.NewReader(r.in)
	} else {
		err = r.z.(zlib.Resetter).Reset(r.in, nil)
	}
	return inflateError(err)
}

// read returns what the next stream holds, which must be size bytes.
func (r *inflater) read(size int64) ([]byte, error) {
	if size <= believed {
		return r.fill(make([]byte, size))
	}
	b := bytes.NewBuffer(make([]byte, 0, believed))
	err := r.copy(b, size)
	return b.Bytes(), err
}

// fill returns data with what the next stream holds, which must be as much.
func (r *inflater) fill(data []byte) ([]byte, error) {
	if err := r.begin(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r.z, data); err != nil {
		return nil, inflateError(err)
	}
	return data, r.end()
}

// copy writes what the next stream holds, which must be size bytes.
func (r *inflater) copy(w io.Writer, size int64) error {
	if err := r.begin(); err != nil {
		return err
	}
	if _, err := io.CopyN(w, r.z, size); err != nil {
		return inflateError(err)
	}
	return r.end()
}

// end makes sure that the stream holds no more, and that its checksum is right.
func (r *inflater) end() error {
	var more [1]byte
	n, err := r.z.Read(more[:])
	if n > 0 {
		return malformed("an object is longer than it says")
	}
	if err != io.EOF {
		return inflateError(err)
	}
	return nil
}

func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return malformed("it is cut short")
	}
	return err
}

func inflateError(err error) error {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &corrupt), errors.As(err, &internal), errors.Is(err, zlib.ErrHeader),
		errors.Is(err, zlib.ErrChecksum), errors.Is(err, zlib.ErrDictionary):
		return malformed("an object is damaged: %v", err)
	}
	return cutShort(err)
}

// content returns the bytes of an entry's stream.
func (p *Pack) content(r *inflater, e *entry) ([]byte, error) {
	if e.data != nil {
		return e.data, nil
	}
	section := io.NewSectionReader(p.src, e.body, p.end-e.body)
	if r.in == nil {
		r.in = bufio.NewReaderSize(section, 16<<10)
	} else {
		r.in.Reset(section)
	}
	return r.fill(make([]byte, e.size)) // scan found that it is so many
}

// open returns a reader of an entry's stream, for what is too large to be held.
func (p *Pack) open(e *entry) (io.ReadCloser, error) {
	z, err := zlib.NewReader(bufio.NewReaderSize(io.NewSectionReader(p.src, e.body, p.end-e.body), 64<<10))
	if err != nil {
		return nil, inflateError(err)
	}
	return z, nil
}
