package pack

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/reposit/reposit/storage"
)

const (
	spoolMemory = 16 << 20 // bytes of a pack that are held in memory before any goes to storage
	segmentSize = 4 << 20
	segmentsHot = 8 // segments that are held in memory while they are read
)

// A Spool keeps the bytes of a pack while it arrives. As long as they are few, they are in memory. After that they are
// all in a pack of the store, which Keep commits; where a backend keeps no packs, the rest is in storage, cut into
// segments that are written but never committed. It is for one goroutine.
type Spool struct {
	store    Store
	pack     storage.PackWriter // nil: not begun
	limit    int64
	size     int64
	memory   []byte
	segments []storage.Writer
	hot      []segment // the one that was read last is last
}

type segment struct {
	index int
	data  []byte
}

// A Store is where a Spool keeps what does not fit into memory.
type Store struct {
	Pack   func() (storage.PackWriter, error) // nil: there are no packs
	Create func() (storage.Writer, error)     // of a stage
}

// StoreIn returns the Store for a pool. The stage is made when it is needed, and passed to note.
func StoreIn(ctx context.Context, b storage.Backend, pool storage.ID, note func(storage.Stage)) Store {
	s := Store{}
	if p, ok := storage.PackerOf(b); ok {
		s.Pack = func() (storage.PackWriter, error) { return p.Pack(ctx, pool) }
	}
	var stage storage.Stage
	s.Create = func() (storage.Writer, error) {
		if stage == nil {
			var err error
			if stage, err = b.Stage(ctx, pool); err != nil {
				return nil, err
			}
			note(stage)
		}
		return stage.Create(ctx)
	}
	return s
}

// NewSpool returns an empty Spool that takes up to limit bytes.
func NewSpool(limit int64, store Store) *Spool { return &Spool{store: store, limit: limit} }

// Keep makes what was written a pack of the store, or reports false where there are none.
func (s *Spool) Keep(ctx context.Context, entries []storage.PackEntry) (bool, error) {
	if s.store.Pack == nil {
		return false, nil
	}
	if err := s.toPack(); err != nil {
		return false, err
	}
	return true, s.pack.Commit(ctx, entries)
}

// toPack moves what is in memory to a pack.
func (s *Spool) toPack() (err error) {
	if s.pack != nil {
		return nil
	}
	if s.pack, err = s.store.Pack(); err == nil {
		_, err = s.pack.Write(s.memory)
	}
	s.memory = nil
	return err
}

// Size returns how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Write adds to the end. It returns ErrTooLarge beyond the limit.
func (s *Spool) Write(b []byte) (int, error) {
	if int64(len(b)) > s.limit-s.size {
		return 0, tooLarge("it has more than %d bytes", s.limit)
	}
	if s.store.Pack != nil && s.size+int64(len(b)) > spoolMemory {
		if err := s.toPack(); err != nil {
			return 0, err
		}
	}
	if s.pack != nil {
		n, err := s.pack.Write(b)
		s.size += int64(n)
		return n, err
	}
	done := 0
	if room := spoolMemory - len(s.memory); room > 0 {
		done = min(room, len(b))
		s.memory = append(s.memory, b[:done]...)
		s.size += int64(done)
	}
	for done < len(b) {
		at := int((s.size - spoolMemory) % segmentSize)
		if at == 0 {
			w, err := s.store.Create()
			if err != nil {
				return done, err
			}
			s.segments = append(s.segments, w)
		}
		n, err := s.segments[len(s.segments)-1].Write(b[done:min(len(b), done+segmentSize-at)])
		done += n
		s.size += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// ReadAt implements io.ReaderAt, but for one goroutine. Nothing may be written after it.
func (s *Spool) ReadAt(b []byte, at int64) (int, error) {
	if s.pack != nil {
		return s.pack.ReadAt(b, at)
	}
	done := 0
	for done < len(b) {
		if at >= s.size {
			return done, io.EOF
		}
		from := s.memory
		offset := at
		if at >= spoolMemory {
			index := int((at - spoolMemory) / segmentSize)
			offset = (at - spoolMemory) % segmentSize
			var err error
			if from, err = s.segment(index); err != nil {
				return done, err
			}
		}
		n := copy(b[done:], from[offset:])
		done += n
		at += int64(n)
	}
	return done, nil
}

func (s *Spool) segment(index int) ([]byte, error) {
	if i := slices.IndexFunc(s.hot, func(h segment) bool { return h.index == index }); i >= 0 {
		found := s.hot[i]
		s.hot = append(slices.Delete(s.hot, i, i+1), found)
		return found.data, nil
	}
	var data []byte
	if len(s.hot) == segmentsHot {
		data = s.hot[0].data[:0]
		s.hot = slices.Delete(s.hot, 0, 1)
	}
	size := min(segmentSize, s.size-spoolMemory-int64(index)*segmentSize)
	data = slices.Grow(data, segmentSize)[:size]
	r, err := s.segments[index].Content()
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(r, data)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	s.hot = append(s.hot, segment{index, data})
	return data, nil
}

// Discard drops everything.
func (s *Spool) Discard() error {
	var err error
	if s.pack != nil {
		err = s.pack.Discard()
	}
	for _, w := range s.segments {
		err = errors.Join(err, w.Discard())
	}
	s.memory, s.segments, s.hot = nil, nil, nil
	return err
}
