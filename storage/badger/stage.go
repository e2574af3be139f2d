package badger

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/reposit/reposit/storage"
)

// stageBatch is how many bytes a stage collects before it writes them.
const stageBatch = mib

// A stage collects objects and writes them in batches, each as an Update of its own.
type stage struct {
	b       *backend
	pool    storage.ID
	objects []encodedObject
	bytes   int
	ended   bool
}

// Stage implements storage.Backend.
func (b *backend) Stage(ctx context.Context, pool storage.ID) (storage.Stage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.enterWrite(); err != nil {
		return nil, err
	}
	defer b.leave()
	return &stage{b: b, pool: pool}, nil
}

var errEnded = fmt.Errorf("badger: stage has ended: %w", storage.ErrClosed)

// Put implements storage.Stage.
func (s *stage) Put(ctx context.Context, o storage.Object) error {
	if s.ended {
		return errEnded
	}
	e, err := encodeObject(s.pool, o)
	if err != nil {
		return err
	}
	return s.add(ctx, e)
}

func (s *stage) add(ctx context.Context, e encodedObject) error {
	s.objects = append(s.objects, e)
	for _, p := range e.puts {
		s.bytes += len(p.key) + len(p.value)
	}
	if s.bytes < stageBatch {
		return nil
	}
	return s.flush(ctx)
}

func (s *stage) flush(ctx context.Context) error {
	if len(s.objects) == 0 {
		return nil
	}
	err := s.b.submit(ctx, func(t *tx) error {
		for i := range s.objects {
			if err := t.putEncoded(&s.objects[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	clear(s.objects)
	s.objects, s.bytes = s.objects[:0], 0
	return nil
}

// submit is Update for what the backend writes by itself.
func (b *backend) submit(ctx context.Context, fn func(*tx) error) error {
	if err := b.enterWrite(); err != nil {
		return err
	}
	defer b.leave()
	return b.update(ctx, fn)
}

// Close implements storage.Stage.
func (s *stage) Close(ctx context.Context) error {
	if s.ended {
		return nil
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	s.ended = true
	return nil
}

// Discard implements storage.Stage. What was written already stays.
func (s *stage) Discard() error {
	s.ended, s.objects = true, nil
	return nil
}

// Create implements storage.Stage.
func (s *stage) Create(ctx context.Context) (storage.Writer, error) {
	if s.ended {
		return nil, errEnded
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &writer{ctx: ctx, s: s, id: newChunkID()}, nil
}

func newChunkID() (id chunkID) {
	_, _ = rand.Read(id[:]) // It never fails.
	return id
}

// A writer writes the chunks of one large object. Content that fits in one chunk is kept until Commit.
type writer struct {
	ctx     context.Context // of Create, for Write, which has none
	s       *stage
	id      chunkID
	part    []byte // of the next chunk
	pending []put  // chunks that are not yet written
	written uint32 // chunks that are
	size    int64
	ended   bool
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.ended {
		return 0, errEnded
	}
	for len(p) > 0 {
		if len(w.part) == chunkSize {
			if err := w.cut(); err != nil {
				return n, err
			}
		}
		k := min(len(p), chunkSize-len(w.part))
		w.part = append(w.part, p[:k]...)
		w.size += int64(k)
		n += k
		p = p[k:]
	}
	return n, nil
}

// cut makes a chunk of what was written last, and writes chunks when there are enough of them.
func (w *writer) cut() error {
	seq := int64(w.written) + int64(len(w.pending))
	if seq > math.MaxUint32 {
		return storage.ErrTooLarge
	}
	w.pending = append(w.pending, sealChunk(w.s.pool, w.id, uint32(seq), w.part))
	w.part = w.part[:0]
	if (len(w.pending)+1)*chunkSize <= stageBatch {
		return nil
	}
	return w.flush(w.ctx)
}

func (w *writer) flush(ctx context.Context) error {
	err := w.s.b.submit(ctx, func(t *tx) error {
		for _, p := range w.pending {
			t.own.set(p.key, p.value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.written += uint32(len(w.pending))
	w.pending = w.pending[:0]
	return nil
}

// Content implements storage.Writer.
func (w *writer) Content() (io.ReadCloser, error) {
	if w.ended {
		return nil, errEnded
	}
	if w.size == int64(len(w.part)) {
		return io.NopCloser(bytes.NewReader(w.part)), nil
	}
	if err := w.flush(w.ctx); err != nil {
		return nil, err
	}
	size := w.size - int64(len(w.part))
	header := objectHeader{form: chunked, size: size, chunks: w.id, chunkSize: chunkSize}
	c := &content{ctx: w.ctx, b: w.s.b, pool: w.s.pool, header: header}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(c, bytes.NewReader(w.part)), c}, nil
}

// Commit implements storage.Writer.
func (w *writer) Commit(ctx context.Context, h storage.Hash, t storage.Type) error {
	if w.ended || w.s.ended {
		return errEnded
	}
	if w.size == int64(len(w.part)) {
		w.ended = true
		return w.s.Put(ctx, storage.Object{Hash: h, Type: t, Size: w.size, Data: w.part})
	}
	if err := w.cut(); err != nil {
		return err
	}
	w.ended = true
	key := appendObjectKey(nil, w.s.pool, h)
	e := encodedObject{pool: w.s.pool, id: w.id, chunks: int(w.written) + len(w.pending)}
	e.puts = append(w.pending, sealChunked(key, t, w.size, w.id))
	return w.s.add(ctx, e)
}

// Discard implements storage.Writer. It deletes the chunks that were written.
func (w *writer) Discard() error {
	if w.ended {
		return nil
	}
	w.ended, w.part = true, nil
	if w.written == 0 {
		return nil
	}
	err := w.s.b.submit(context.WithoutCancel(w.ctx), func(t *tx) error {
		for seq := range w.written {
			t.own.set(string(appendChunkKey(nil, w.s.pool, w.id, seq)), nil)
		}
		return nil
	})
	if errors.Is(err, storage.ErrClosed) {
		return nil
	}
	return err
}

// Mend is asked by storage.Mend. Chunks of a large object that was damaged stay until its pool is dropped.
func (b *backend) Mend(ctx context.Context, pool storage.ID, o storage.Object) error {
	o.Delta = nil
	e, err := encodeObject(pool, o)
	if err != nil {
		return err
	}
	return b.submit(ctx, func(t *tx) error {
		for _, p := range e.puts {
			t.own.set(p.key, p.value)
		}
		return t.check()
	})
}
