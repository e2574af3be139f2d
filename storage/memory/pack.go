package memory

import (
	"bytes"
	"context"
	"io"
	"iter"
	"slices"
	"sort"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/packs"
)

// A pack is the bytes of a pack with an index. It never changes.
type pack struct {
	storage.Pack
	bytes   pieces
	entries []storage.PackEntry // in the order of the hashes
	fan     [257]int32          // where the hashes begin that have a first byte
}

// trailer is the length of the checksum that a pack ends in.
const trailer = 20

func newPack(id storage.PackID, b pieces, entries []storage.PackEntry) *pack {
	p := &pack{
		Pack: storage.Pack{ID: id, Objects: len(entries), Size: b.size}, bytes: b, entries: slices.Clone(entries),
	}
	for _, e := range p.entries {
		p.fan[int(e.Hash[0])+1]++
	}
	for i := range 256 {
		p.fan[i+1] += p.fan[i]
	}
	return p
}

// search returns the place of the first hash that is not less than h.
func (p *pack) search(h storage.Hash) int {
	lo, hi := int(p.fan[h[0]]), int(p.fan[int(h[0])+1])
	return lo + sort.Search(hi-lo, func(i int) bool { return bytes.Compare(p.entries[lo+i].Hash[:], h[:]) >= 0 })
}

func (p *pack) find(h storage.Hash) (int, bool) {
	i := p.search(h)
	return i, i < len(p.entries) && p.entries[i].Hash == h
}

func (p *pack) place(i int) *packs.Place {
	at := &packs.Place{PackEntry: p.entries[i], Src: &p.bytes, End: p.Size - trailer}
	if at.Base != storage.NoBase {
		at.BaseHash = p.entries[at.Base].Hash
	}
	return at
}

// list returns the packs, the oldest first.
func (p *pool) list() []*pack {
	if l := p.packs.Load(); l != nil {
		return *l
	}
	return nil
}

// locate finds an object in a pack or, else, on its own. It looks again if there are other packs by then, since Repack
// drops an object only after its pack is there.
func (b *backend) locate(id storage.ID, h storage.Hash) (*packs.Place, *object, error) {
	p := b.pools.get(id)
	for p != nil {
		was := p.packs.Load()
		for _, k := range p.list() {
			if i, ok := k.find(h); ok {
				return k.place(i), nil, nil
			}
		}
		if o := p.objects.get(h); o != nil {
			return nil, o, nil
		}
		if p.packs.Load() == was {
			break
		}
	}
	return nil, nil, storage.ErrNotFound
}

// Packs implements storage.Packer.
func (b *backend) Packs(ctx context.Context, id storage.ID) ([]storage.Pack, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer b.calls.Leave()
	var all []storage.Pack
	if p := b.pools.get(id); p != nil {
		for _, k := range p.list() {
			all = append(all, k.Pack)
		}
	}
	return all, nil
}

// PackEntries implements storage.Packer.
func (b *backend) PackEntries(ctx context.Context, id storage.ID,
	pack storage.PackID) iter.Seq2[storage.PackEntry, error] {
	return func(yield func(storage.PackEntry, error) bool) {
		entries, err := b.entries(ctx, id, pack)
		if err != nil {
			yield(storage.PackEntry{}, err)
			return
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				yield(storage.PackEntry{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (b *backend) entries(ctx context.Context, id storage.ID, pack storage.PackID) ([]storage.PackEntry, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer b.calls.Leave()
	if p := b.pools.get(id); p != nil {
		for _, k := range p.list() {
			if k.ID == pack {
				return k.entries, nil
			}
		}
	}
	return nil, storage.ErrNotFound
}

// Packed implements storage.Packer.
func (b *backend) Packed(ctx context.Context, id storage.ID, h storage.Hash) (storage.Packed, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return storage.Packed{}, err
	}
	defer b.calls.Leave()
	at, _, err := b.locate(id, h)
	if err != nil {
		return storage.Packed{}, err
	}
	if at == nil {
		return storage.Packed{}, storage.ErrNotFound
	}
	return at.Packed()
}

// Recent implements storage.Packer.
func (b *backend) Recent(ctx context.Context, id storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return b.hashes(ctx, id, lo, hi, false)
}

// Repack implements storage.Packer.
func (b *backend) Repack(ctx context.Context, id storage.ID, drop []storage.PackID) error {
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
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(p.list()), func(k *pack) bool { return slices.Contains(drop, k.ID) })
	p.packs.Store(&left)
	for _, k := range left {
		if p.objects.live == 0 {
			break
		}
		for _, e := range k.entries {
			p.objects.put(e.Hash, nil)
		}
	}
	return nil
}

// Pack implements storage.Packer.
func (b *backend) Pack(ctx context.Context, id storage.ID) (storage.PackWriter, error) {
	if err := b.calls.Enter(ctx); err != nil {
		return nil, err
	}
	defer b.calls.Leave()
	return &packWriter{b: b, pool: id}, nil
}

type packWriter struct {
	b    *backend
	pool storage.ID
	pieces
	done bool
}

func (w *packWriter) Write(p []byte) (int, error) {
	if w.done || w.b.calls.Closed() {
		return 0, storage.ErrClosed
	}
	return w.pieces.Write(p)
}

func (w *packWriter) ReadAt(p []byte, at int64) (int, error) {
	if w.done || w.b.calls.Closed() {
		return 0, storage.ErrClosed
	}
	return w.pieces.ReadAt(p, at)
}

func (w *packWriter) Commit(ctx context.Context, entries []storage.PackEntry) error {
	if w.done {
		return storage.ErrClosed
	}
	b := w.b
	if err := b.calls.Enter(ctx); err != nil {
		return err
	}
	defer b.calls.Leave()
	var id storage.PackID
	if w.size < trailer {
		return io.ErrUnexpectedEOF
	}
	if _, err := w.pieces.ReadAt(id[:], w.size-trailer); err != nil {
		return err
	}
	added := newPack(id, w.pieces, entries)
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	w.done = true
	p := b.poolFor(w.pool)
	old := p.list()
	if slices.ContainsFunc(old, func(k *pack) bool { return k.ID == id }) {
		return nil
	}
	all := append(slices.Clip(old), added)
	p.packs.Store(&all)
	return nil
}

func (w *packWriter) Discard() error {
	w.done = true
	w.pieces = pieces{}
	return nil
}

// pieces are bytes in pieces, each of which but the last is full.
type pieces struct {
	all  [][]byte
	size int64
}

func (s *pieces) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		last := len(s.all) - 1
		if last < 0 || len(s.all[last]) == pieceSize {
			s.all = append(s.all, make([]byte, 0, pieceSize))
			last++
		}
		take := min(pieceSize-len(s.all[last]), len(p))
		s.all[last] = append(s.all[last], p[:take]...)
		p = p[take:]
	}
	s.size += int64(n)
	return n, nil
}

func (s *pieces) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) && at < s.size {
		k := copy(p[n:], s.all[at/pieceSize][at%pieceSize:])
		n, at = n+k, at+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

var _ storage.Packer = (*backend)(nil)
