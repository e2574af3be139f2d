package billyfs

import (
	"bufio"
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"slices"

	"github.com/pjbgf/sha1cd"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A packWriter writes objects into a pack of a pool.
type packWriter struct {
	objects *objects
	pool    storage.ID
	temp    string
	f       disk.File
	w       *bufio.Writer
	offset  int64
	entries []packfile.IndexEntry
	at      map[storage.Hash]packedAt
	buf     bytes.Buffer
}

type packedAt struct {
	offset int64
	size   int64
	depth  int
}

// maxDepth bounds the deltas that are written, as git does (pack.depth).
const maxDepth = 50

func (s *objects) newPack(pool storage.ID) (*packWriter, error) {
	if err := s.ensurePool(pool); err != nil {
		return nil, err
	}
	temp := s.m.Temp()
	f, err := s.m.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, disk.ReadOnlyPerm)
	if err != nil {
		return nil, err
	}
	p := &packWriter{objects: s, pool: pool, temp: temp, f: f, w: bufio.NewWriterSize(f, 64<<10),
		at: map[storage.Hash]packedAt{}}
	if _, err := p.w.Write(packfile.AppendHeader(nil, 0)); err != nil {
		return nil, errors.Join(err, p.discard())
	}
	p.offset = packfile.HeaderSize
	return p, nil
}

// has reports whether the pack has an object.
func (p *packWriter) has(h storage.Hash) bool {
	_, ok := p.at[h]
	return ok
}

// add writes an object, as a delta if it comes with one against an object that is in the pack before it.
func (p *packWriter) add(o storage.Object) error {
	if p.has(o.Hash) {
		return nil
	}
	p.buf.Reset()
	at := packedAt{offset: p.offset, size: int64(len(o.Data))}
	if base, ok := p.deltaBase(o); ok {
		at.depth = base.depth + 1
		e := packfile.Entry{Kind: packfile.OffsetDelta, Size: int64(len(o.Delta.Ops)), Back: p.offset - base.offset}
		p.buf.Write(e.AppendTo(p.buf.AvailableBuffer()))
		if err := p.objects.codec.deflate(&p.buf, o.Delta.Ops); err != nil {
			return err
		}
	} else {
		e := packfile.Entry{Kind: packfile.Kind(o.Type), Size: int64(len(o.Data))}
		p.buf.Write(e.AppendTo(p.buf.AvailableBuffer()))
		if err := p.objects.codec.deflate(&p.buf, o.Data); err != nil {
			return err
		}
	}
	if _, err := p.w.Write(p.buf.Bytes()); err != nil {
		return err
	}
	p.at[o.Hash] = at
	p.entries = append(p.entries, packfile.IndexEntry{
		Hash: o.Hash, Offset: p.offset, CRC: crc32.ChecksumIEEE(p.buf.Bytes()),
	})
	p.offset += int64(p.buf.Len())
	return nil
}

// deltaBase returns where the base of an object's delta is, if the delta is fit to be stored.
func (p *packWriter) deltaBase(o storage.Object) (packedAt, bool) {
	if o.Delta == nil {
		return packedAt{}, false
	}
	base, ok := p.at[o.Delta.Base]
	from, size, _, valid := packfile.DeltaSizes(o.Delta.Ops)
	return base, ok && valid && base.depth < maxDepth && from == base.size && size == int64(len(o.Data))
}

// finish completes the pack and gives it its name.
func (p *packWriter) finish() error {
	sum, err := p.seal()
	if err != nil {
		return errors.Join(err, p.discard())
	}
	slices.SortFunc(p.entries, func(a, b packfile.IndexEntry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	if err := p.objects.publishPack(p.pool, p.temp, p.entries, sum); err != nil {
		return errors.Join(err, p.objects.m.RemoveAny(p.temp))
	}
	return nil
}

// seal writes the number of objects and the checksum, which covers it: the file is read once more.
func (p *packWriter) seal() (sum [20]byte, err error) {
	if err := p.w.Flush(); err != nil {
		return sum, err
	}
	if _, err := p.f.Seek(0, io.SeekStart); err != nil {
		return sum, err
	}
	if _, err := p.f.Write(packfile.AppendHeader(nil, uint32(len(p.entries)))); err != nil {
		return sum, err
	}
	h := sha1cd.New()
	if n, err := io.Copy(h, io.NewSectionReader(p.f, 0, p.offset)); err != nil || n != p.offset {
		return sum, errors.Join(err, io.ErrUnexpectedEOF)
	}
	h.Sum(sum[:0])
	if _, err := p.f.Seek(p.offset, io.SeekStart); err != nil {
		return sum, err
	}
	if _, err := p.f.Write(sum[:]); err != nil {
		return sum, err
	}
	if p.objects.m.Syncs {
		if err := p.f.Sync(); err != nil {
			return sum, err
		}
	}
	err = p.f.Close()
	p.f = nil
	return sum, err
}

// discard removes what was written.
func (p *packWriter) discard() error {
	var err error
	if p.f != nil {
		err = p.f.Close()
		p.f = nil
	}
	return errors.Join(err, p.objects.m.RemoveAny(p.temp))
}

// writePack writes objects as one pack.
func (s *objects) writePack(pool storage.ID, objects []storage.Object) error {
	p, err := s.newPack(pool)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := p.add(o); err != nil {
			return errors.Join(err, p.discard())
		}
	}
	return p.finish()
}
