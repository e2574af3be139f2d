package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A poolWriter writes the objects of a pool that the chain lacks. An object that is stored as a delta comes after its
// base.
type poolWriter struct {
	*writer
	pool    storage.ID
	hashes  []storage.Hash // of all objects that were listed, sorted
	written []bool         // by their place
	more    map[storage.Hash]bool
	names   []uint64
}

func (w *writer) pool(pool storage.ID) error {
	if err := w.put(itemPool, pool[:]); err != nil {
		return err
	}
	p := &poolWriter{writer: w, pool: pool, more: map[storage.Hash]bool{}}
	for h, err := range w.Backend.Objects(w.ctx, pool, storage.Hash{}, git.LastHash()) {
		if err != nil {
			return err
		}
		if !w.mark.has(pool, h) {
			p.hashes = append(p.hashes, h)
		}
	}
	p.written = make([]bool, len(p.hashes))
	for i, h := range p.hashes {
		if p.written[i] {
			continue
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := p.write(h); err != nil {
			return fmt.Errorf("object %s: %w", h, err)
		}
	}
	w.mark.add(pool, p.names)
	return nil
}

// has reports whether the stream, or the chain before it, has an object.
func (p *poolWriter) has(h storage.Hash) bool {
	i, ok := p.find(h)
	return ok && p.written[i] || p.more[h] || p.mark.has(p.pool, h)
}

func (p *poolWriter) find(h storage.Hash) (int, bool) {
	return slices.BinarySearchFunc(p.hashes, h, func(a, b storage.Hash) int { return bytes.Compare(a[:], b[:]) })
}

// note notes that an object was written.
func (p *poolWriter) note(h storage.Hash, size int64) {
	if i, ok := p.find(h); ok {
		p.written[i] = true
	} else {
		p.more[h] = true // it came after the others were listed
	}
	p.names = append(p.names, p.mark.short(h))
	if p.objects++; p.Tell != nil {
		p.Tell(p.objects, p.out.written)
	}
}

// maxChain bounds how many deltas lie between an object and one that is whole.
const maxChain = 4096

// write writes an object, after the bases that it needs.
func (p *poolWriter) write(h storage.Hash) error {
	var chain []storage.Object
	for next := h; ; {
		_, size, err := p.Backend.StatObject(p.ctx, p.pool, next)
		if err != nil {
			return err
		}
		if size >= storage.LargeObject {
			large, err := p.large(next)
			if err != nil {
				return err
			}
			if large {
				break
			}
		}
		o, err := p.Backend.Object(p.ctx, p.pool, next)
		if err != nil {
			return err
		}
		if chain = append(chain, o); len(chain) > maxChain {
			return damaged("more than %d deltas", maxChain)
		}
		if o.Delta == nil || p.has(o.Delta.Base) {
			break
		}
		next = o.Delta.Base
	}
	for _, o := range slices.Backward(chain) {
		if err := p.putObject(&o); err != nil {
			return err
		}
		p.note(o.Hash, o.Size)
	}
	return nil
}

func (p *poolWriter) putObject(o *storage.Object) error {
	b := make([]byte, 0, 64)
	b = append(append(b, byte(o.Type)), o.Hash[:]...)
	b = binary.AppendUvarint(b, uint64(o.Size))
	if o.Delta == nil {
		if int64(len(o.Data)) != o.Size {
			return damaged("it has %d bytes, not %d", len(o.Data), o.Size)
		}
		return p.put(itemWhole, b, o.Data)
	}
	b = append(b, o.Delta.Base[:]...)
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(o.Delta.Depth)), uint64(len(o.Delta.Ops)))
	return p.put(itemDelta, b, o.Delta.Ops)
}

// large writes an object without holding it in memory, unless it is stored as a delta.
func (p *poolWriter) large(h storage.Hash) (bool, error) {
	t, size, r, err := p.Backend.OpenObject(p.ctx, p.pool, h)
	if errors.Is(err, storage.ErrDelta) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b := append([]byte{byte(t)}, h[:]...)
	err = p.put(itemWhole, binary.AppendUvarint(b, uint64(size)))
	if err == nil {
		var n int64
		if n, err = io.Copy(p.out, r); err == nil && n != size {
			err = damaged("it has %d bytes, not %d", n, size)
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return false, err
	}
	p.note(h, size)
	return true, nil
}
