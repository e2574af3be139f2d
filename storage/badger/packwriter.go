package badger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/reposit/reposit/storage"
)

// A packWriter writes the bytes of a pack under keys of its own. A marker has them deleted by the next Open, unless
// Commit deletes it first.
type packWriter struct {
	ctx     context.Context // of Pack, for Write and ReadAt, which have none
	b       *backend
	pool    storage.ID
	key     storage.ID
	part    []byte // of the next chunk
	pending []put  // chunks that are not yet written
	written uint32 // chunks that are
	size    int64
	begun   bool // the marker is there
	ended   bool
}

// Pack implements storage.Packer.
func (b *backend) Pack(ctx context.Context, pool storage.ID) (storage.PackWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.enterWrite(); err != nil {
		return nil, err
	}
	defer b.leave()
	return &packWriter{ctx: ctx, b: b, pool: pool, key: storage.ID(newChunkID())}, nil
}

var errPackEnded = fmt.Errorf("badger: writer of a pack has ended: %w", storage.ErrClosed)

// Write implements io.Writer.
func (w *packWriter) Write(p []byte) (n int, err error) {
	if w.ended {
		return 0, errPackEnded
	}
	for len(p) > 0 {
		if len(w.part) == packChunk {
			if err := w.cut(); err != nil {
				return n, err
			}
		}
		k := min(len(p), packChunk-len(w.part))
		w.part = append(w.part, p[:k]...)
		w.size += int64(k)
		n += k
		p = p[k:]
	}
	return n, nil
}

// cut makes a chunk of what was written last, and writes chunks when there are enough of them.
func (w *packWriter) cut() error {
	seq := int64(w.written) + int64(len(w.pending))
	if seq > math.MaxUint32 {
		return storage.ErrTooLarge
	}
	key := appendDataKey(nil, w.key, uint32(seq))
	w.pending = append(w.pending, put{string(key), seal(key, w.part)})
	w.part = w.part[:0]
	if len(w.pending)*packChunk < stageBatch {
		return nil
	}
	return w.flush(w.ctx)
}

// flush writes the chunks that are pending, and before the first of them the marker.
func (w *packWriter) flush(ctx context.Context) error {
	err := w.b.submit(ctx, func(t *tx) error {
		if !w.begun {
			if err := t.beginPack(w.key); err != nil {
				return err
			}
		}
		for _, p := range w.pending {
			t.own.set(p.key, p.value)
		}
		return t.check()
	})
	if err != nil {
		return err
	}
	w.begun = true
	w.written += uint32(len(w.pending))
	clear(w.pending)
	w.pending = w.pending[:0]
	return nil
}

// beginPack writes the marker of a pack that is being written, and the format that has packs.
func (t *tx) beginPack(key storage.ID) error {
	t.b.packed.Store(true)
	format, err := t.get([]byte{formatType})
	if err != nil {
		return t.doom(err)
	}
	if want := format[0] | formatPacks; want != format[0] {
		t.own.set(string([]byte{formatType}), seal([]byte{formatType}, []byte{want}))
	}
	marker := packScope(key).writing()
	t.own.set(marker, seal([]byte(marker)))
	return nil
}

// ReadAt implements io.ReaderAt.
func (w *packWriter) ReadAt(b []byte, at int64) (n int, err error) {
	if w.ended {
		return 0, errPackEnded
	}
	if end := int64(w.written) * packChunk; at < end {
		err := w.b.read(w.ctx, func(r *reader) error {
			src := packBytes{r, &packHead{key: w.key, size: end}}
			n, err = src.ReadAt(b, at)
			if err == io.EOF {
				err = nil
			}
			return err
		})
		if err != nil {
			return n, err
		}
	}
	for at += int64(n); n < len(b) && at < w.size; {
		from := w.part
		if i := at/packChunk - int64(w.written); i < int64(len(w.pending)) {
			from = payloadOf(w.pending[i].value)
		}
		k := copy(b[n:], from[at%packChunk:])
		n, at = n+k, at+int64(k)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Commit implements storage.PackWriter. The index is written ahead of the list of the pool's packs.
func (w *packWriter) Commit(ctx context.Context, entries []storage.PackEntry) error {
	if w.ended {
		return errPackEnded
	}
	head := packHead{key: w.key, objects: len(entries), size: w.size}
	if _, err := w.ReadAt(head.sum[:], w.size-packTrailer); err != nil {
		return err
	}
	if len(w.part) > 0 {
		if err := w.cut(); err != nil {
			return err
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if err := w.index(ctx, &head, entries); err != nil {
		return err
	}
	if err := w.b.enterWrite(); err != nil {
		return err
	}
	defer w.b.leave()
	err := w.b.work(ctx, func(t *tx) error { return t.addPack(w.pool, head) })
	w.ended = err == nil
	return err
}

func (w *packWriter) index(ctx context.Context, head *packHead, entries []storage.PackEntry) (err error) {
	size := 0
	head.levels, err = indexNodes(entries, func(n packNode) error {
		key := appendIndexKey(nil, w.key, n.level, n.number)
		w.pending = append(w.pending, put{string(key), seal(key, n.payload)})
		if size += len(n.payload); size < stageBatch {
			return nil
		}
		size = 0
		return w.flushIndex(ctx)
	})
	if err != nil {
		return err
	}
	return w.flushIndex(ctx)
}

func (w *packWriter) flushIndex(ctx context.Context) error {
	written := w.written
	err := w.flush(ctx)
	w.written = written
	return err
}

var errPackLost = errors.New("badger: the store was opened anew while a pack was being written")

// addPack makes a pack that was written one of the pool, unless the pool has the same.
func (t *tx) addPack(pool storage.ID, head packHead) error {
	marker := packScope(head.key).writing()
	there, err := t.has([]byte(marker))
	if err != nil {
		return t.doom(err)
	}
	if !there {
		return errPackLost
	}
	all, err := t.packsOf(pool)
	if err != nil {
		return t.doom(err)
	}
	t.own.set(marker, nil)
	if slices.ContainsFunc(all, func(p packHead) bool { return p.sum == head.sum }) {
		return t.dropScope(packScope(head.key))
	}
	t.putPacks(pool, append(slices.Clip(all), head))
	return t.check()
}

// Discard implements storage.PackWriter.
func (w *packWriter) Discard() error {
	if w.ended {
		return nil
	}
	w.ended, w.part, w.pending = true, nil, nil
	if !w.begun {
		return nil
	}
	err := w.b.abandonPack(context.WithoutCancel(w.ctx), w.key)
	if errors.Is(err, storage.ErrClosed) {
		return nil
	}
	return err
}

// abandonPack drops what was written of a pack.
func (b *backend) abandonPack(ctx context.Context, key storage.ID) error {
	if err := b.enterWrite(); err != nil {
		return err
	}
	defer b.leave()
	return b.work(ctx, func(t *tx) error {
		t.own.set(packScope(key).writing(), nil)
		return t.dropScope(packScope(key))
	})
}
