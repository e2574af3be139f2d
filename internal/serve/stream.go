package serve

import (
	"context"
	"io"
)

// A Stream is an io.ReadWriter whose calls return when a context ends, even while the one below them still waits: who
// made that closes it. The zero length of what is passed to a waiting call is never looked at again.
type Stream struct {
	ctx    context.Context
	rw     io.ReadWriter
	calls  chan call
	done   chan result
	buffer []byte // of the goroutine that reads and writes
}

type call struct {
	write bool
	n     int // bytes of the buffer
}

type result struct {
	n   int
	err error
}

const streamBuffer = 64 << 10

// NewStream returns a Stream over rw. Close must be called.
func NewStream(ctx context.Context, rw io.ReadWriter) *Stream {
	s := &Stream{ctx: ctx, rw: rw, calls: make(chan call), done: make(chan result, 1), buffer: make([]byte, streamBuffer)}
	go s.run()
	return s
}

func (s *Stream) run() {
	for c := range s.calls {
		var r result
		if c.write {
			r.n, r.err = s.rw.Write(s.buffer[:c.n])
		} else {
			r.n, r.err = s.rw.Read(s.buffer[:c.n])
		}
		s.done <- r
	}
}

// Close ends the Stream. It does not close what is below.
func (s *Stream) Close() { close(s.calls) }

// do has the goroutine make a call. After it returned the context's error, there is no other.
func (s *Stream) do(c call) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	s.calls <- c
	select {
	case r := <-s.done:
		return r.n, r.err
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

// Read implements io.Reader.
func (s *Stream) Read(b []byte) (int, error) {
	n, err := s.do(call{n: min(len(b), streamBuffer)})
	if s.ctx.Err() != nil && err != nil {
		return 0, err
	}
	return copy(b, s.buffer[:n]), err
}

// Write implements io.Writer.
func (s *Stream) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		if err := s.ctx.Err(); err != nil { // the buffer may be in use
			return done, err
		}
		n := copy(s.buffer, b[done:])
		wrote, err := s.do(call{write: true, n: n})
		done += wrote
		if err == nil && wrote < n {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}
