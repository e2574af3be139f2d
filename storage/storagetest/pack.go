package storagetest

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/reposit/reposit/storage"
)

// NewPack returns the bytes of a pack (gitformat-pack) of objects, and its entries in the order of their hashes. An
// object that has a Delta is stored as one if its base comes before it: by its offset, or, every second time, by its
// name.
func NewPack(all ...storage.Object) ([]byte, []storage.PackEntry) {
	b := append([]byte("PACK"), 0, 0, 0, 2)
	b = binary.BigEndian.AppendUint32(b, uint32(len(all)))
	at := map[storage.Hash]storage.PackEntry{}
	base := map[storage.Hash]storage.Hash{}
	entries := make([]storage.PackEntry, 0, len(all))
	z, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	for i, o := range all {
		e := storage.PackEntry{Hash: o.Hash, Type: o.Type, Size: o.Size, Offset: int64(len(b)), Base: storage.NoBase}
		kind, content, link := byte(o.Type), o.Data, []byte(nil)
		if o.Delta != nil {
			if from, ok := at[o.Delta.Base]; ok {
				base[o.Hash], e.Depth, content = from.Hash, from.Depth+1, o.Delta.Ops
				if kind, link = 7, from.Hash[:]; i%2 == 0 {
					kind, link = 6, appendBack(nil, e.Offset-from.Offset)
				}
			}
		}
		b = append(appendKind(b, kind, len(content)), link...)
		b = appendDeflated(b, z, content)
		e.CRC = crc32.ChecksumIEEE(b[e.Offset:])
		at[o.Hash] = e
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b storage.PackEntry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	for i := range entries {
		if from, ok := base[entries[i].Hash]; ok {
			entries[i].Base = int32(slices.IndexFunc(entries, func(e storage.PackEntry) bool { return e.Hash == from }))
		}
	}
	sum := sha1.Sum(b)
	return append(b, sum[:]...), entries
}

// appendKind appends the type and size that an entry begins with.
func appendKind(b []byte, kind byte, size int) []byte {
	c := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		b = append(b, c|0x80)
		c = byte(size & 0x7f)
	}
	return append(b, c)
}

// appendBack appends how far back the base of a delta is.
func appendBack(b []byte, n int64) []byte {
	digits := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		digits = append(digits, byte(n&0x7f)|0x80)
	}
	slices.Reverse(digits)
	return append(b, digits...)
}

// appendDeflated appends a zlib stream. A writer is costly to make.
func appendDeflated(b []byte, z *zlib.Writer, data []byte) []byte {
	out := bytes.NewBuffer(b)
	z.Reset(out)
	_, _ = z.Write(data) // to memory
	_ = z.Close()
	return out.Bytes()
}

// StorePack stores a pack.
func StorePack(ctx context.Context, b storage.Packer, pool storage.ID, pack []byte, entries []storage.PackEntry) error {
	w, err := b.Pack(ctx, pool)
	if err != nil {
		return err
	}
	if _, err := w.Write(pack); err != nil {
		_ = w.Discard() // the first error counts
		return err
	}
	if err := w.Commit(ctx, entries); err != nil {
		_ = w.Discard() // likewise
		return err
	}
	return nil
}
