package badger

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/packs"
)

// packChunk is how much of a pack is under one key: what is read at least, to read an object.
const packChunk = 16 << 10

// packTrailer is the length of the checksum that a pack ends in.
const packTrailer = 20

// packsOf returns the packs of a pool. It costs nothing more than a look at a flag while the store has none.
func (r *reader) packsOf(pool storage.ID) ([]packHead, error) {
	if !r.b.packed.Load() {
		return nil, nil
	}
	r.key = appendPacksKey(r.key[:0], pool)
	payload, err := r.get(r.key)
	if err == storage.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := decodePacks(payload)
	if err != nil {
		return nil, corrupt(r.key, err.Error())
	}
	return all, nil
}

// inPacks looks for an object in the packs of a pool. It returns nil if none has it.
func (r *reader) inPacks(pool storage.ID, h storage.Hash) (*packedObject, error) {
	all, err := r.packsOf(pool)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if e, found, err := r.findIn(&all[i], h); err != nil || found {
			return &packedObject{&all[i], e}, err
		}
	}
	return nil, nil
}

// A packedObject is an object in a pack.
type packedObject struct {
	pack *packHead
	storage.PackEntry
}

// place returns where the object is, to be read by r.
func (o *packedObject) place(r *reader) (*packs.Place, error) {
	at := &packs.Place{PackEntry: o.PackEntry, Src: &packBytes{r, o.pack}, End: o.pack.size - packTrailer}
	var err error
	if o.Base != storage.NoBase {
		at.BaseHash, err = r.hashAt(o.pack, o.Base)
	}
	return at, err
}

// object returns the object as r reads it.
func (o *packedObject) object(r *reader) (storage.Object, error) {
	at, err := o.place(r)
	if err != nil {
		return storage.Object{}, err
	}
	return at.Object()
}

// packBytes are the bytes of a pack.
type packBytes struct {
	r    *reader
	pack *packHead
}

// ReadAt implements io.ReaderAt.
func (p *packBytes) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) && at < p.pack.size {
		chunk, err := p.r.packChunk(p.pack.key, uint32(at/packChunk))
		if err != nil {
			return n, err
		}
		if want := min(packChunk, p.pack.size-at/packChunk*packChunk); int64(len(chunk)) != want {
			return n, corrupt(p.r.key, errMalformed.Error())
		}
		k := copy(b[n:], chunk[at%packChunk:])
		n, at = n+k, at+int64(k)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (r *reader) packChunk(pack storage.ID, seq uint32) ([]byte, error) {
	r.key = appendDataKey(r.key[:0], pack, seq)
	payload, err := r.get(r.key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, corrupt(r.key, "missing")
	}
	return payload, err
}

// A packedContent reads an object of a pack in pieces. It holds the snapshot in which it was found: its pack may be
// dropped meanwhile.
type packedContent struct {
	io.ReadCloser
	b *backend
	r *reader
}

// openPacked returns a reader of an object that is no delta.
func (b *backend) openPacked(snap *snapshot, o *packedObject) (io.ReadCloser, error) {
	if o.Base != storage.NoBase {
		return nil, storage.ErrDelta
	}
	snap.readers.Add(1) // the caller holds it, so it is not zero
	c := &packedContent{b: b, r: &reader{b: b, snap: snap}}
	at, err := o.place(c.r)
	if err == nil {
		c.ReadCloser, err = at.Open()
	}
	c.r.endTxn()
	if err != nil {
		snap.release()
		return nil, err
	}
	return c, nil
}

func (c *packedContent) Read(p []byte) (int, error) {
	if c.r == nil {
		return 0, storage.ErrClosed
	}
	if err := c.b.enter(); err != nil {
		return 0, err
	}
	defer c.b.leave()
	defer c.r.endTxn()
	n, err := c.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = c.b.confirm(err)
	}
	return n, err
}

func (c *packedContent) Close() error {
	if c.r == nil {
		return nil
	}
	c.r.end()
	c.r = nil
	return c.ReadCloser.Close()
}

// Packs implements storage.Packer.
func (b *backend) Packs(ctx context.Context, pool storage.ID) (all []storage.Pack, err error) {
	err = b.read(ctx, func(r *reader) error {
		heads, err := r.packsOf(pool)
		for _, p := range heads {
			all = append(all, storage.Pack{ID: storage.PackID(p.key), Objects: p.objects, Size: p.size})
		}
		return err
	})
	return all, err
}

// PackEntries implements storage.Packer.
func (b *backend) PackEntries(ctx context.Context, pool storage.ID,
	id storage.PackID) iter.Seq2[storage.PackEntry, error] {
	return func(yield func(storage.PackEntry, error) bool) {
		for next, more := (storage.Hash{}), true; more; {
			var page []storage.PackEntry
			err := b.read(ctx, func(r *reader) error {
				all, err := r.packsOf(pool)
				i := slices.IndexFunc(all, func(p packHead) bool { return storage.PackID(p.key) == id })
				if err != nil || i < 0 {
					return errors.Join(err, storage.ErrNotFound)
				}
				page, err = r.entriesFrom(&all[i], next, objectsPage)
				return err
			})
			if err != nil {
				yield(storage.PackEntry{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if more = len(page) >= objectsPage; more {
				next, more = after(page[len(page)-1].Hash)
			}
		}
	}
}

// after returns the hash behind h, or false if it is the last.
func after(h storage.Hash) (storage.Hash, bool) {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i]++; h[i] != 0 {
			return h, true
		}
	}
	return h, false
}

// Packed implements storage.Packer.
func (b *backend) Packed(ctx context.Context, pool storage.ID, h storage.Hash) (found storage.Packed, err error) {
	err = b.read(ctx, func(r *reader) error {
		o, err := r.inPacks(pool, h)
		if err != nil {
			return err
		}
		if o == nil {
			return storage.ErrNotFound
		}
		at, err := o.place(r)
		if err == nil {
			found, err = at.Packed()
		}
		return err
	})
	return found, err
}

// Recent implements storage.Packer.
func (b *backend) Recent(ctx context.Context, pool storage.ID, lo, hi storage.Hash) iter.Seq2[storage.Hash, error] {
	return b.list(ctx, lo, func(r *reader, next []byte) ([]storage.Hash, []byte, error) {
		return r.hashes(pool, next, hi)
	})
}

// hashesAnywhere is hashes of the objects that are stored on their own and of those in packs.
func (r *reader) hashesAnywhere(pool storage.ID, lo []byte, hi storage.Hash) (page []storage.Hash, next []byte,
	err error) {
	if page, next, err = r.hashes(pool, lo, hi); err != nil {
		return nil, nil, err
	}
	all, err := r.packsOf(pool)
	if err != nil || len(all) == 0 {
		return page, next, err
	}
	for i := range all {
		entries, err := r.entriesFrom(&all[i], storage.Hash(lo), objectsPage)
		if err != nil {
			return nil, nil, err
		}
		if len(entries) >= objectsPage {
			if to := entries[len(entries)-1].Hash; next == nil || bytes.Compare(to[:], next) < 0 {
				next = bytes.Clone(to[:]) // it is listed again
			}
		}
		for _, e := range entries {
			page = append(page, e.Hash)
		}
	}
	page = slices.DeleteFunc(page, func(h storage.Hash) bool {
		return bytes.Compare(h[:], hi[:]) > 0 || next != nil && bytes.Compare(h[:], next) >= 0
	})
	slices.SortFunc(page, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
	if next != nil && bytes.Compare(next, hi[:]) > 0 {
		next = nil
	}
	return slices.Compact(page), next, nil
}

// Repack implements storage.Packer.
func (b *backend) Repack(ctx context.Context, pool storage.ID, drop []storage.PackID) error {
	if err := b.enterWrite(); err != nil {
		return err
	}
	defer b.leave()
	some := false
	err := b.work(ctx, func(t *tx) error {
		all, err := t.packsOf(pool)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(all), func(p packHead) bool {
			return slices.Contains(drop, storage.PackID(p.key))
		})
		if some = len(left) > 0; len(left) == len(all) {
			return nil
		}
		for _, p := range all {
			if !slices.Contains(left, p) {
				if err := t.dropScope(packScope(p.key)); err != nil {
					return err
				}
			}
		}
		t.putPacks(pool, left)
		return t.check()
	})
	if err != nil || !some {
		return err
	}
	return b.pruneRecent(ctx, pool)
}

// putPacks writes the list of a pool's packs.
func (t *tx) putPacks(pool storage.ID, all []packHead) {
	key := appendPacksKey(nil, pool)
	if len(all) == 0 {
		t.own.set(string(key), nil)
		return
	}
	t.own.set(string(key), seal(key, encodePacks(nil, all)))
}

// pruneBatch is how many objects one Update looks at, to see whether a pack has them.
const pruneBatch = 500

// pruneRecent deletes the objects that a pack has, too.
func (b *backend) pruneRecent(ctx context.Context, pool storage.ID) error {
	prefix := appendHead(nil, objectType, pool)
	for next := prefix; next != nil; {
		from := next
		var n int64
		err := b.update(ctx, func(t *tx) (err error) {
			next, n, err = t.prune(pool, prefix, from)
			return err
		})
		if err != nil {
			return err
		}
		b.garbage.Add(n)
	}
	_ = b.reclaim() // What it does not give back, later compactions do.
	return nil
}

// prune deletes some of the objects from a key on that a pack has. It returns where to go on, or nil at the end.
func (t *tx) prune(pool storage.ID, prefix, lo []byte) (next []byte, size int64, err error) {
	keys, next, err := t.objectKeys(prefix, lo)
	if err != nil {
		return nil, 0, err
	}
	for _, key := range keys {
		o, err := t.inPacks(pool, storage.Hash(key.key[headSize:]))
		if err != nil {
			return nil, 0, err
		}
		if o == nil {
			continue
		}
		payload, err := t.get(key.key)
		if err == storage.ErrNotFound {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		header, _, err := decodeObject(payload)
		if err != nil {
			return nil, 0, corrupt(key.key, err.Error())
		}
		if header.form == chunked {
			for seq := int64(0); seq*header.chunkSize < header.size; seq++ {
				t.own.set(string(appendChunkKey(nil, pool, header.chunks, uint32(seq))), nil)
			}
			size += header.size / 2
		}
		t.own.set(string(key.key), nil)
		size += key.size
	}
	return next, size, nil
}

// A sizedKey is a key, and about how many bytes it takes with its value.
type sizedKey struct {
	key  []byte
	size int64
}

// objectKeys returns some of the published keys from lo on that begin with prefix, and where to go on.
func (t *tx) objectKeys(prefix, lo []byte) (keys []sizedKey, next []byte, err error) {
	defer rescue(&err)
	it := t.badger().NewIterator(engine.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(lo); it.Valid(); it.Next() {
		key := it.Item().KeyCopy(nil)
		if len(keys) == pruneBatch {
			return keys, key, nil
		}
		if len(key) != headSize+hashSize {
			return nil, nil, corrupt(key, "key of a wrong length")
		}
		keys = append(keys, sizedKey{key, it.Item().EstimatedSize()})
	}
	return keys, nil, nil
}

var _ storage.Packer = (*backend)(nil)
