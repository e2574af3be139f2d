package pack

import (
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

// A Spool keeps the bytes of a pack while it arrives: the beginning in memory, the rest in storage, cut into segments
// that are written but never committed. It is for one goroutine.
type Spool struct {
	create   func() (storage.Writer, error)
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

// NewSpool returns an empty Spool that takes up to limit bytes, and calls create for what does not fit into memory.
func NewSpool(limit int64, create func() (storage.Writer, error)) *Spool {
	return &Spool{create: create, limit: limit}
}

// Size returns how many bytes were written.
func (s *Spool) Size() int64 { return s.size }

// Write adds to the end. It returns ErrTooLarge beyond the limit.
func (s *Spool) Write(b []byte) (int, error) {
	if int64(len(b)) > s.limit-s.size {
		return 0, tooLarge("it has more than %d bytes", s.limit)
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
			w, err := s.create()
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
	for _, w := range s.segments {
		err = errors.Join(err, w.Discard())
	}
	s.memory, s.segments, s.hot = nil, nil, nil
	return err
}
