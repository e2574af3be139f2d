package billyfs

import (
	"encoding/binary"

	"github.com/reposit/reposit/storage"
)

// deltaSizes takes the two sizes off a delta: of the base, and of the result (gitformat-pack).
func deltaSizes(delta []byte) (base, result int64, ops []byte, ok bool) {
	b, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, nil, false
	}
	r, m := binary.Uvarint(delta[n:])
	if m <= 0 || b > 1<<62 || r > 1<<62 {
		return 0, 0, nil, false
	}
	return int64(b), int64(r), delta[n+m:], true
}

// applyDelta builds an object from its base.
func applyDelta(base, delta []byte) ([]byte, error) {
	from, size, ops, ok := deltaSizes(delta)
	if !ok || from != int64(len(base)) {
		return nil, storage.ErrCorrupt
	}
	out := make([]byte, 0, min(size, maxAlloc))
	for len(ops) > 0 {
		op := ops[0]
		ops = ops[1:]
		var part []byte
		switch {
		case op&0x80 != 0:
			var offset, n int64
			if offset, n, ops, ok = copyOp(op, ops); !ok || offset+n > int64(len(base)) {
				return nil, storage.ErrCorrupt
			}
			part = base[offset : offset+n]
		case op == 0 || int(op) > len(ops):
			return nil, storage.ErrCorrupt
		default:
			part, ops = ops[:op], ops[op:]
		}
		if int64(len(out)+len(part)) > size {
			return nil, storage.ErrCorrupt
		}
		out = append(out, part...)
	}
	if int64(len(out)) != size {
		return nil, storage.ErrCorrupt
	}
	return out, nil
}

// copyOp reads the operands of a copy: of offset and length only the bytes that are not zero are there.
func copyOp(op byte, ops []byte) (offset, n int64, rest []byte, ok bool) {
	for i := range 7 {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return 0, 0, nil, false
		}
		if i < 4 {
			offset |= int64(ops[0]) << (8 * i)
		} else {
			n |= int64(ops[0]) << (8 * (i - 4))
		}
		ops = ops[1:]
	}
	if n == 0 {
		n = 0x10000
	}
	return offset, n, ops, true
}
