package memory

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

// A pool holds the objects of a fork network: in packs, and on their own.
type pool struct {
	objects table[object]
	packs   atomic.Pointer[[]*pack]
}

// An object is what storage.Object says, less its hash, with large content in pieces.
type object struct {
	kind   storage.Type
	size   int64
	data   []byte
	pieces [][]byte
	delta  *storage.Delta
}

const pieceSize = 256 << 10

// newStored prefers the delta: it is what makes a long history of large trees fit into memory.
func newStored(o storage.Object) *object {
	s := &object{kind: o.Type, size: o.Size}
	if o.Delta != nil {
		s.delta = o.Delta
	} else {
		s.data = o.Data
	}
	return s
}

// put stores an object unless there is one. The caller holds b.writer.
func (b *backend) put(id storage.ID, h storage.Hash, o *object) {
	p := b.poolFor(id)
	if p.objects.get(h) != nil {
		return
	}
	for _, k := range p.list() {
		if _, ok := k.find(h); ok {
			return
		}
	}
	p.objects.put(h, o)
}

// poolFor returns a pool, which it makes if there is none. The caller holds b.writer.
func (b *backend) poolFor(id storage.ID) *pool {
	p := b.pools.get(id)
	if p == nil {
		p = &pool{}
		b.pools.put(id, p)
	}
	return p
}

func (b *backend) Object(ctx context.Context, id storage.ID, h storage.Hash) (storage.Object, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return storage.Object{}, err
	}
	defer b.calls.Leave()
	at, o, err := b.locate(id, h)
	if err != nil {
		return storage.Object{}, err
	}
	if at != nil {
		return at.Object()
	}
	out := storage.Object{Hash: h, Type: o.kind, Size: o.size, Data: o.data, Delta: o.delta}
	if o.pieces != nil {
		out.Data = bytes.Join(o.pieces, nil)
	}
	if out.Data == nil && out.Delta == nil {
		out.Data = []byte{}
	}
	return out, nil
}

func (b *backend) StatObject(ctx context.Context, id storage.ID, h storage.Hash) (storage.Type, int64, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return 0, 0, err
	}
	defer b.calls.Leave()
	at, o, err := b.locate(id, h)
	if err != nil {
		return 0, 0, err
	}
	if at != nil {
		return at.Type, at.Size, nil
	}
	return o.kind, o.size, nil
}

func (b *backend) OpenObject(ctx context.Context, id storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return 0, 0, nil, err
	}
	defer b.calls.Leave()
	at, o, err := b.locate(id, h)
	if err != nil {
		return 0, 0, nil, err
	}
	if at != nil {
		r, err := at.Open()
		return at.Type, at.Size, r, err
	}
	if o.delta != nil {
		return 0, 0, nil, storage.ErrDelta
	}
	return o.kind, o.size, io.NopCloser(o.reader()), nil
}

func (o *object) reader() io.Reader {
	if o.pieces == nil {
		return bytes.NewReader(o.data)
	}
	return readPieces(o.pieces)
}

func readPieces(pieces [][]byte) io.Reader {
	readers := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		readers[i] = bytes.NewReader(p)
	}
	return io.MultiReader(readers...)
}

func (b *backend) Objects(ctx context.Context, id storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return b.hashes(ctx, id, lo, hi, true)
}

// hashes yields the objects that are stored on their own, and, if packed, those of packs.
func (b *backend) hashes(ctx context.Context, id storage.ID, lo, hi storage.Hash,
	packed bool) iter.Seq2[storage.Hash, error] {
	return func(yield func(storage.Hash, error) bool) {
		if err := b.calls.Enter(ctx); err != nil {
			yield(storage.Hash{}, err)
			return
		}
		var names [][20]byte
		var known []*pack
		if p := b.pools.get(id); p != nil {
			names = p.objects.names()
			if packed { // after the names: what is in neither was in both
				known = p.list()
			}
		}
		b.calls.Leave()
		names = slices.DeleteFunc(names, func(n [20]byte) bool {
			return bytes.Compare(n[:], lo[:]) < 0 || bytes.Compare(n[:], hi[:]) > 0
		})
		for _, k := range known {
			for i := k.search(lo); i < len(k.entries) && bytes.Compare(k.entries[i].Hash[:], hi[:]) <= 0; i++ {
				names = append(names, k.entries[i].Hash)
			}
		}
		slices.SortFunc(names, func(a, b [20]byte) int { return bytes.Compare(a[:], b[:]) })
		names = slices.Compact(names)
		for _, n := range names {
			if err := ctx.Err(); err != nil {
				yield(storage.Hash{}, err)
				return
			}
			if !yield(n, nil) {
				return
			}
		}
	}
}

// Mend is asked by storage.Mend.
func (b *backend) Mend(ctx context.Context, id storage.ID, o storage.Object) error {
	if err := b.calls.Enter(ctx); err != nil {
		return err
	}
	defer b.calls.Leave()
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	p := b.pools.get(id)
	if p == nil {
		p = &pool{}
		b.pools.put(id, p)
	}
	o.Delta = nil
	p.objects.put(o.Hash, newStored(o))
	return nil
}
