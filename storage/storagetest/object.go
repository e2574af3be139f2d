package storagetest

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/reposit/reposit/storage"
)

// NewObject returns a whole object, named by its true hash.
func NewObject(t storage.Type, data []byte) storage.Object {
	if data == nil {
		data = []byte{}
	}
	return storage.Object{Hash: HashOf(t, data), Type: t, Size: int64(len(data)), Data: data}
}

// HashOf returns the hash of an object (gitformat-loose).
func HashOf(t storage.Type, data []byte) storage.Hash {
	h := sha1.New()
	fmt.Fprintf(h, "%s %d\x00", t, len(data))
	h.Write(data)
	return storage.Hash(h.Sum(nil))
}

// NewDelta returns an object that is both whole and a delta from base: what both begin and end with is copied.
func NewDelta(base storage.Object, data []byte) storage.Object {
	o := NewObject(base.Type, data)
	depth := 1
	if base.Delta != nil {
		depth += base.Delta.Depth
	}
	o.Delta = &storage.Delta{Base: base.Hash, Depth: depth, Ops: deltaOps(base.Data, o.Data)}
	return o
}

// maxCopy and maxInsert bound the bytes of one instruction of a delta.
const (
	maxCopy   = 0xffff
	maxInsert = 0x7f
)

func deltaOps(base, data []byte) []byte {
	head := 0
	for head < len(base) && head < len(data) && base[head] == data[head] {
		head++
	}
	tail := 0
	for tail < len(base)-head && tail < len(data)-head && base[len(base)-1-tail] == data[len(data)-1-tail] {
		tail++
	}
	ops := binary.AppendUvarint(nil, uint64(len(base)))
	ops = binary.AppendUvarint(ops, uint64(len(data)))
	ops = appendCopy(ops, 0, head)
	for middle := data[head : len(data)-tail]; len(middle) > 0; {
		n := min(len(middle), maxInsert)
		ops = append(append(ops, byte(n)), middle[:n]...)
		middle = middle[n:]
	}
	return appendCopy(ops, len(base)-tail, tail)
}

// appendCopy appends instructions that copy n bytes of the base from offset on, with all fields written out.
func appendCopy(ops []byte, offset, n int) []byte {
	for n > 0 {
		size := min(n, maxCopy)
		ops = append(ops, 0xbf, byte(offset), byte(offset>>8), byte(offset>>16), byte(offset>>24), byte(size), byte(size>>8))
		offset, n = offset+size, n-size
	}
	return ops
}

var errDelta = errors.New("malformed delta")

// applyDelta builds the content that ops makes of base (gitformat-pack, "deltified representation").
func applyDelta(base, ops []byte) ([]byte, error) {
	baseSize, n := binary.Uvarint(ops)
	if n <= 0 || baseSize != uint64(len(base)) {
		return nil, fmt.Errorf("%w: its base has %d bytes, want %d", errDelta, baseSize, len(base))
	}
	ops = ops[n:]
	size, n := binary.Uvarint(ops)
	if n <= 0 {
		return nil, errDelta
	}
	ops = ops[n:]
	data := []byte{}
	for len(ops) > 0 {
		piece, rest, err := deltaPiece(base, ops)
		if err != nil {
			return nil, err
		}
		data, ops = append(data, piece...), rest
	}
	if uint64(len(data)) != size {
		return nil, fmt.Errorf("%w: makes %d bytes, want %d", errDelta, len(data), size)
	}
	return data, nil
}

// deltaPiece returns what the first instruction of ops stands for, and the instructions behind it.
func deltaPiece(base, ops []byte) (piece, rest []byte, err error) {
	op, ops := ops[0], ops[1:]
	if op&0x80 == 0 {
		if op == 0 || int(op) > len(ops) {
			return nil, nil, errDelta
		}
		return ops[:op], ops[op:], nil
	}
	var field [7]int
	for i := range field {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return nil, nil, errDelta
		}
		field[i], ops = int(ops[0]), ops[1:]
	}
	offset := field[0] | field[1]<<8 | field[2]<<16 | field[3]<<24
	size := field[4] | field[5]<<8 | field[6]<<16
	if size == 0 {
		size = 0x10000
	}
	if offset+size > len(base) {
		return nil, nil, errDelta
	}
	return base[offset : offset+size], ops, nil
}

// ReadObject returns the whole content of an object, however the backend keeps it, and checks on the way that all
// that it says of the object is true.
func ReadObject(ctx context.Context, b storage.Backend, pool storage.ID, h storage.Hash) (storage.Type, []byte, error) {
	t, data, _, err := readObject(ctx, b, pool, h)
	return t, data, err
}

func readObject(ctx context.Context, b storage.Backend, pool storage.ID,
	h storage.Hash) (storage.Type, []byte, int, error) {
	o, err := b.Object(ctx, pool, h)
	if err != nil {
		return 0, nil, 0, err
	}
	if o.Hash != h {
		return 0, nil, 0, fmt.Errorf("Object(%v) has the hash %v", h, o.Hash)
	}
	data, depth := o.Data, 0
	switch {
	case o.Data == nil && o.Delta == nil:
		return 0, nil, 0, fmt.Errorf("Object(%v) has neither data nor delta", h)
	case o.Data == nil:
		t, base, baseDepth, err := readObject(ctx, b, pool, o.Delta.Base)
		if err != nil {
			return 0, nil, 0, fmt.Errorf("base of %v: %w", h, err)
		}
		if data, err = applyDelta(base, o.Delta.Ops); err != nil {
			return 0, nil, 0, fmt.Errorf("Object(%v): %w", h, err)
		}
		if depth = baseDepth + 1; o.Delta.Depth < depth && !hasPacks(ctx, b, pool) {
			return 0, nil, 0, fmt.Errorf("Object(%v) is a delta of depth %d, but %d must be applied", h, o.Delta.Depth, depth)
		}
		if t != o.Type {
			return 0, nil, 0, fmt.Errorf("Object(%v) is a %v, its base a %v", h, o.Type, t)
		}
	case o.Delta != nil:
		return 0, nil, 0, fmt.Errorf("Object(%v) has both data and delta", h)
	}
	if o.Size != int64(len(data)) {
		return 0, nil, 0, fmt.Errorf("Object(%v).Size = %d, but its content has %d bytes", h, o.Size, len(data))
	}
	return o.Type, data, depth, nil
}

// hasPacks reports whether a pool has packs, in which the bases of recent objects may have longer chains than before.
func hasPacks(ctx context.Context, b storage.Backend, pool storage.ID) bool {
	p, ok := storage.PackerOf(b)
	if !ok {
		return false
	}
	packs, err := p.Packs(ctx, pool)
	return err != nil || len(packs) > 0
}

// CheckObject returns an error unless the pool has want, and every way of reading it agrees.
func CheckObject(ctx context.Context, b storage.Backend, pool storage.ID, want storage.Object) error {
	t, data, err := ReadObject(ctx, b, pool, want.Hash)
	if err != nil {
		return fmt.Errorf("Object(%v): %w", want.Hash, err)
	}
	if t != want.Type || !bytes.Equal(data, want.Data) {
		return fmt.Errorf("Object(%v) is a %v of %d bytes, want the %v of %d bytes that was put", want.Hash, t, len(data),
			want.Type, len(want.Data))
	}
	t, size, err := b.StatObject(ctx, pool, want.Hash)
	if err != nil || t != want.Type || size != int64(len(want.Data)) {
		return fmt.Errorf("StatObject(%v) = %v, %d, %w, want %v, %d, nil", want.Hash, t, size, err, want.Type, len(want.Data))
	}
	if err := checkOpenObject(ctx, b, pool, want); !errors.Is(err, storage.ErrDelta) {
		return err
	}
	return nil
}

// checkOpenObject compares what OpenObject gives with want. It returns ErrDelta if that is what OpenObject returns.
func checkOpenObject(ctx context.Context, b storage.Backend, pool storage.ID, want storage.Object) error {
	t, size, r, err := b.OpenObject(ctx, pool, want.Hash)
	if err != nil {
		return fmt.Errorf("OpenObject(%v): %w", want.Hash, err)
	}
	data, err := io.ReadAll(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("reading OpenObject(%v): %w", want.Hash, err)
	}
	if t != want.Type || size != int64(len(want.Data)) || !bytes.Equal(data, want.Data) {
		return fmt.Errorf("OpenObject(%v) is a %v of %d bytes and gives %d, want the %v of %d bytes that was put",
			want.Hash, t, size, len(data), want.Type, len(want.Data))
	}
	return nil
}

// randomBytes returns n bytes that do not compress, always the same ones for a seed.
func randomBytes(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	data := make([]byte, n)
	rand.NewChaCha8(key).Read(data)
	return data
}

// blobs returns n different small blobs.
func blobs(n int) []storage.Object {
	all := make([]storage.Object, n)
	for i := range all {
		all[i] = NewObject(storage.Blob, fmt.Appendf(nil, "blob %d\n", i))
	}
	return all
}
