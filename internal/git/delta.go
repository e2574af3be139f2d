package git

import "encoding/binary"

// A deltaWriter collects the instructions of a delta (gitformat-pack, "deltified representation").
type deltaWriter struct{ body []byte }

const (
	maxCopy   = 0x10000 // bytes; written as no size at all
	maxInsert = 127
)

// copy adds the bytes of the base from one offset up to another.
func (d *deltaWriter) copy(from, to int) {
	for from < to {
		n := min(to-from, maxCopy)
		op := len(d.body)
		d.body = append(d.body, 0x80)
		for i := range 4 {
			if b := byte(from >> (8 * i)); b != 0 {
				d.body = append(d.body, b)
				d.body[op] |= 1 << i
			}
		}
		for i := range 3 {
			if b := byte(n >> (8 * i)); b != 0 && n != maxCopy {
				d.body = append(d.body, b)
				d.body[op] |= 1 << (4 + i)
			}
		}
		from += n
	}
}

// insert adds new bytes.
func (d *deltaWriter) insert(b []byte) {
	for len(b) > 0 {
		n := min(len(b), maxInsert)
		d.body = append(d.body, byte(n))
		d.body = append(d.body, b[:n]...)
		b = b[n:]
	}
}

// ops returns the delta with its two sizes in front, or nil if it would save less than half of the target.
func (d *deltaWriter) ops(base, target int) []byte {
	if len(d.body) > target/2 {
		return nil
	}
	b := make([]byte, 0, len(d.body)+8)
	b = binary.AppendUvarint(b, uint64(base))
	b = binary.AppendUvarint(b, uint64(target))
	return append(b, d.body...)
}

// Difference returns the instructions that turn base into target, found by what their beginnings and ends have in
// common, or nil if they would save less than half. It costs one comparison of the two.
func Difference(base, target []byte) []byte {
	shorter := min(len(base), len(target))
	head := 0
	for head < shorter && base[head] == target[head] {
		head++
	}
	tail := 0
	for tail < shorter-head && base[len(base)-1-tail] == target[len(target)-1-tail] {
		tail++
	}
	middle := target[head : len(target)-tail]
	if len(middle) > len(target)/2 {
		return nil
	}
	var d deltaWriter
	d.copy(0, head)
	d.insert(middle)
	d.copy(len(base)-tail, len(base))
	return d.ops(len(base), len(target))
}

// ApplyDelta returns what the instructions make of base. It allocates no more than limit bytes and returns an error
// that wraps ErrMalformed if the instructions ask for more or do not fit the base.
func ApplyDelta(base, ops []byte, limit int64) ([]byte, error) {
	baseSize, n := binary.Uvarint(ops)
	if n <= 0 || baseSize != uint64(len(base)) {
		return nil, malformed("delta is for a base of another size")
	}
	ops = ops[n:]
	size, n := binary.Uvarint(ops)
	if n <= 0 || size > uint64(limit) {
		return nil, malformed("delta makes %d bytes, more than %d", size, limit)
	}
	ops = ops[n:]
	out := make([]byte, 0, size)
	for len(ops) > 0 {
		var piece []byte
		var err error
		if piece, ops, err = nextPiece(base, ops); err != nil {
			return nil, err
		}
		if len(out)+len(piece) > int(size) {
			return nil, malformed("delta makes more than it says")
		}
		out = append(out, piece...)
	}
	if len(out) != int(size) {
		return nil, malformed("delta makes less than it says")
	}
	return out, nil
}

// nextPiece returns the bytes that the first instruction adds, and the instructions after it.
func nextPiece(base, ops []byte) (piece, rest []byte, err error) {
	op := ops[0]
	ops = ops[1:]
	if op&0x80 == 0 {
		if op == 0 || int(op) > len(ops) {
			return nil, nil, malformed("delta insertion is cut short")
		}
		return ops[:op], ops[op:], nil
	}
	var field [7]byte // four of the offset, three of the size
	for i := range field {
		if op&(1<<i) == 0 {
			continue
		}
		if len(ops) == 0 {
			return nil, nil, malformed("delta copy is cut short")
		}
		field[i], ops = ops[0], ops[1:]
	}
	from := int64(field[0]) | int64(field[1])<<8 | int64(field[2])<<16 | int64(field[3])<<24
	size := int64(field[4]) | int64(field[5])<<8 | int64(field[6])<<16
	if size == 0 {
		size = maxCopy
	}
	if from+size > int64(len(base)) {
		return nil, nil, malformed("delta copies from beyond its base")
	}
	return base[from : from+size], ops, nil
}
