package billyfs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A pack is an open pack with its index. It is counted: the cache holds one reference, each user one.
type pack struct {
	name  string // without the suffix
	index *packfile.Index
	f     disk.File
	size  int64
	users atomic.Int64

	reverse sync.Once // of what follows, once it was asked for
	offsets []int64   // of all objects, in ascending order
	places  []int32   // in the index, in that order
}

func (p *pack) acquire() bool {
	for {
		n := p.users.Load()
		if n == 0 {
			return false
		}
		if p.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *pack) release() {
	if p.users.Add(-1) == 0 {
		_ = p.f.Close() // was only read
	}
}

// Close implements io.Closer for readers of the pack's content.
func (p *pack) Close() error {
	p.release()
	return nil
}

// A packFiles is the packs that are open.
type packFiles struct {
	m     *disk.Medium
	codec *codec
	cache *lru[string, *pack]
	bases *lru[packSpot, baseObject]
}

// Weights of what is cached of packs.
const (
	packWeight = 256 << 20 // bytes of indexes, each pack one megabyte at least
	baseWeight = 32 << 20  // bytes of objects that deltas are against
)

func newPackFiles(m *disk.Medium, c *codec) *packFiles {
	return &packFiles{m: m, codec: c, cache: newLRU[string](packWeight, (*pack).release),
		bases: newLRU[packSpot, baseObject](baseWeight, nil)}
}

// open returns a pack, which must be released.
func (s *packFiles) open(name string) (*pack, error) {
	if p, ok := s.cache.get(name); ok && p.acquire() {
		return p, nil
	}
	data, err := s.m.ReadFile(name + ".idx")
	if err != nil {
		return nil, err
	}
	index, err := packfile.ParseIndex(data)
	if err != nil {
		return nil, fmt.Errorf("%s.idx: %w", name, corrupt(err))
	}
	f, err := s.m.OpenFile(name+".pack", os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	p := &pack{name: name, index: index, f: f, size: size}
	p.users.Store(2)
	// Each counts a megabyte at least, which bounds the number of open files, too.
	s.cache.add(name, p, max(int64(len(data)), 1<<20))
	return p, nil
}

// A packedObject is the header of an object in a pack, and where it and its data begin.
type packedObject struct {
	packfile.Entry
	offset, data int64
}

// header reads the header of the object at an offset.
func (p *pack) header(offset int64) (o packedObject, err error) {
	if offset < packfile.HeaderSize || offset >= p.size-packfile.TrailerSize {
		return o, storage.ErrCorrupt
	}
	var buf [packfile.MaxEntry]byte
	n, err := p.f.ReadAt(buf[:min(int64(len(buf)), p.size-packfile.TrailerSize-offset)], offset)
	if err != nil && err != io.EOF {
		return o, err
	}
	if o.Entry, err = packfile.ParseEntry(buf[:n]); err != nil {
		return o, corrupt(err)
	}
	o.offset, o.data = offset, offset+int64(o.Len)
	return o, nil
}

// stream returns a reader of an object's compressed data, and of what follows it.
func (p *pack) stream(o packedObject, buffer int) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(p.f, o.data, p.size-packfile.TrailerSize-o.data), buffer)
}

func (p *pack) inflate(c *codec, o packedObject) ([]byte, error) {
	return c.inflate(p.stream(o, int(min(max(o.Size, 512), 16<<10))), o.Size)
}

// baseOf returns the offset of the base of a delta.
func (p *pack) baseOf(o packedObject) (int64, error) {
	if o.Kind == packfile.OffsetDelta {
		return o.offset - o.Back, nil
	}
	off, ok := p.index.Offset(o.Base)
	if !ok {
		return 0, storage.ErrCorrupt
	}
	return off, nil
}

// A packSpot names an object in a pack, for the cache of bases.
type packSpot struct {
	pack   string
	offset int64
}

type baseObject struct {
	kind storage.Type
	data []byte
}

// maxBase is the size up to which an object is kept for the next delta against it.
const maxBase = 4 << 20

// read builds the object at an offset.
func (s *packFiles) read(p *pack, offset int64) (storage.Type, []byte, error) {
	var deltas [][]byte
	var spots []int64
	base := baseObject{}
	for at := offset; ; {
		if cached, ok := s.bases.get(packSpot{p.name, at}); ok {
			base = cached
			break
		}
		o, err := p.header(at)
		if err != nil {
			return 0, nil, err
		}
		data, err := p.inflate(s.codec, o)
		if err != nil {
			return 0, nil, err
		}
		if !o.Kind.IsDelta() {
			base = baseObject{storage.Type(o.Kind), data}
			if len(deltas) > 0 {
				s.keepBase(p, at, base)
			}
			break
		}
		if deltas, spots = append(deltas, data), append(spots, at); len(deltas) > packfile.MaxChain {
			return 0, nil, storage.ErrCorrupt
		}
		if at, err = p.baseOf(o); err != nil {
			return 0, nil, err
		}
	}
	for i := len(deltas) - 1; i >= 0; i-- {
		data, err := packfile.ApplyDelta(base.data, deltas[i], math.MaxInt64)
		if err != nil {
			return 0, nil, corrupt(err)
		}
		base = baseObject{base.kind, data}
		if i > 0 {
			s.keepBase(p, spots[i], base)
		}
	}
	return base.kind, base.data, nil
}

func (s *packFiles) keepBase(p *pack, offset int64, base baseObject) {
	if len(base.data) <= maxBase {
		s.bases.add(packSpot{p.name, offset}, base, int64(len(base.data))+128)
	}
}

// stat returns the type and size of the object at an offset.
func (s *packFiles) stat(p *pack, offset int64) (storage.Type, int64, error) {
	o, err := p.header(offset)
	if err != nil {
		return 0, 0, err
	}
	size := o.Size
	if o.Kind.IsDelta() {
		if size, err = s.resultSize(p, o); err != nil {
			return 0, 0, err
		}
	}
	for range packfile.MaxChain + 1 {
		if !o.Kind.IsDelta() {
			return storage.Type(o.Kind), size, nil
		}
		base, err := p.baseOf(o)
		if err != nil {
			return 0, 0, err
		}
		if o, err = p.header(base); err != nil {
			return 0, 0, err
		}
	}
	return 0, 0, storage.ErrCorrupt
}

// resultSize reads the size of what a delta makes from its first bytes.
func (s *packFiles) resultSize(p *pack, o packedObject) (int64, error) {
	r, err := s.codec.inflater(p.stream(o, 512))
	if err != nil {
		return 0, err
	}
	defer s.codec.done(r)
	var head [2 * binary.MaxVarintLen64]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && err != io.ErrUnexpectedEOF {
		return 0, corrupt(err)
	}
	_, size, _, ok := packfile.DeltaSizes(head[:n])
	if !ok {
		return 0, storage.ErrCorrupt
	}
	return size, nil
}
