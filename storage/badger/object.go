package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

// read calls fn with a reader of what is published.
func (b *backend) read(ctx context.Context, fn func(*reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.enter(); err != nil {
		return err
	}
	defer b.leave()
	r := reader{b: b, snap: b.timeline.acquire()}
	defer r.end()
	return b.confirm(fn(&r))
}

// object returns the header of an object and what follows it.
func (r *reader) object(pool storage.ID, h storage.Hash) (objectHeader, []byte, error) {
	r.key = appendObjectKey(r.key[:0], pool, h)
	payload, err := r.get(r.key)
	if err != nil {
		return objectHeader{}, nil, err
	}
	header, body, err := decodeObject(payload)
	if err != nil {
		return objectHeader{}, nil, corrupt(r.key, err.Error())
	}
	return header, body, nil
}

// Object implements storage.Backend.
func (b *backend) Object(ctx context.Context, pool storage.ID, h storage.Hash) (o storage.Object, err error) {
	err = b.read(ctx, func(r *reader) error {
		if p, err := r.inPacks(pool, h); p != nil || err != nil {
			if err == nil {
				o, err = p.object(r)
			}
			return err
		}
		header, body, err := r.object(pool, h)
		if err != nil {
			return err
		}
		if header.form != chunked {
			if o, err = header.inline(h, body); err != nil {
				return corrupt(r.key, err.Error())
			}
			return nil
		}
		o = storage.Object{Hash: h, Type: header.typ, Size: header.size}
		o.Data, err = r.join(pool, header)
		return err
	})
	if err != nil {
		return storage.Object{}, err
	}
	return o, nil
}

// join returns the whole content of a large object.
func (r *reader) join(pool storage.ID, h objectHeader) ([]byte, error) {
	data := make([]byte, 0, min(h.size, 16*mib))
	for seq := uint32(0); int64(len(data)) < h.size; seq++ {
		part, err := r.chunk(pool, h, seq)
		if err != nil {
			return nil, err
		}
		data = append(data, part...)
	}
	return data, nil
}

// chunk returns the content of a chunk of the object with header h.
func (r *reader) chunk(pool storage.ID, h objectHeader, seq uint32) ([]byte, error) {
	r.key = appendChunkKey(r.key[:0], pool, h.chunks, seq)
	payload, err := r.get(r.key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, corrupt(r.key, "missing")
	}
	if err != nil {
		return nil, err
	}
	data, err := decodeChunk(payload, min(h.chunkSize, h.size-int64(seq)*h.chunkSize))
	if err != nil {
		return nil, corrupt(r.key, err.Error())
	}
	return data, nil
}

// StatObject implements storage.Backend.
func (b *backend) StatObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (t storage.Type, size int64, err error) {
	err = b.read(ctx, func(r *reader) error {
		if p, err := r.inPacks(pool, h); p != nil || err != nil {
			if err == nil {
				t, size = p.Type, p.Size
			}
			return err
		}
		header, _, err := r.object(pool, h)
		t, size = header.typ, header.size
		return err
	})
	return t, size, err
}

// OpenObject implements storage.Backend.
func (b *backend) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (t storage.Type, size int64, rc io.ReadCloser, err error) {
	err = b.read(ctx, func(r *reader) error {
		if p, err := r.inPacks(pool, h); p != nil || err != nil {
			if err == nil {
				t, size = p.Type, p.Size
				rc, err = b.openPacked(r.snap, p)
			}
			return err
		}
		header, body, err := r.object(pool, h)
		if err != nil {
			return err
		}
		t, size = header.typ, header.size
		switch header.form {
		case delta, deltaS2:
			return fmt.Errorf("badger: object %s: %w", h, storage.ErrDelta)
		case chunked:
			rc = &content{ctx: ctx, b: b, pool: pool, header: header}
			return nil
		}
		o, err := header.inline(h, body)
		if err != nil {
			return corrupt(r.key, err.Error())
		}
		rc = io.NopCloser(bytes.NewReader(o.Data))
		return nil
	})
	if err != nil {
		return 0, 0, nil, err
	}
	return t, size, rc, nil
}

// A content reads a large object chunk by chunk. It holds no snapshot: chunks stay as they are until their pool is
// dropped, and then they are missed.
type content struct {
	ctx    context.Context // of the call that opened it
	b      *backend
	pool   storage.ID
	header objectHeader
	seq    uint32 // of the next chunk
	read   int64  // bytes of the chunks before seq
	part   []byte // what is left of the last one
	closed bool
}

func (c *content) Read(p []byte) (int, error) {
	if c.closed {
		return 0, fmt.Errorf("badger: reader of an object: %w", storage.ErrClosed)
	}
	if len(c.part) == 0 {
		if c.read == c.header.size {
			return 0, io.EOF
		}
		err := c.b.read(c.ctx, func(r *reader) (err error) {
			c.part, err = r.chunk(c.pool, c.header, c.seq)
			return err
		})
		if err != nil {
			return 0, err
		}
		c.seq++
		c.read += int64(len(c.part))
	}
	n := copy(p, c.part)
	c.part = c.part[n:]
	return n, nil
}

func (c *content) Close() error {
	c.closed, c.part = true, nil
	return nil
}

// objectsPage is how many hashes Objects reads at once.
const objectsPage = 1024

// Objects implements storage.Backend.
func (b *backend) Objects(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return b.list(ctx, lo, func(r *reader, next []byte) ([]storage.Hash, []byte, error) {
		return r.hashesAnywhere(pool, next, hi)
	})
}

// list yields what page returns from lo on, and from where page says to go on, until that is nil.
func (b *backend) list(ctx context.Context, lo storage.Hash,
	page func(r *reader, next []byte) ([]storage.Hash, []byte, error)) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		next := lo[:]
		for next != nil {
			var found []storage.Hash
			err := b.read(ctx, func(r *reader) (err error) {
				found, next, err = page(r, next)
				return err
			})
			if err != nil {
				yield(storage.Hash{}, err)
				return
			}
			for _, h := range found {
				if !yield(h, nil) {
					return
				}
			}
		}
	}
}

// hashes returns the first hashes of the pool's objects from lo to hi, and where to go on, or nil at the end.
func (r *reader) hashes(pool storage.ID, lo []byte, hi storage.Hash) (page []storage.Hash, next []byte, err error) {
	defer rescue(&err)
	prefix := appendHead(nil, objectType, pool)
	it := r.badger().NewIterator(engine.IteratorOptions{Prefix: prefix})
	defer it.Close()
	seen := 0
	for it.Seek(append(bytes.Clone(prefix), lo...)); it.Valid(); it.Next() {
		rest := it.Item().Key()[headSize:]
		if bytes.Compare(rest, hi[:]) > 0 {
			break
		}
		if seen == objectsPage {
			return page, bytes.Clone(rest), nil
		}
		seen++
		if len(rest) != len(hi) {
			return nil, nil, corrupt(it.Item().Key(), "key of a wrong length")
		}
		if !r.b.drops.hides(it.Item().Key(), it.Item().Version(), r.snap.ts) {
			page = append(page, storage.Hash(rest))
		}
	}
	return page, nil, nil
}
