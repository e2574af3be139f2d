package packfile

import "encoding/binary"

// A DeltaWriter collects the instructions of a delta (gitformat-pack, "deltified representation"). Its zero value has
// none.
type DeltaWriter struct{ body []byte }

const (
	maxCopy   = 0x10000 // bytes; written as no size at all
	maxInsert = 127
)

// Copy adds the bytes of the base from one offset up to another.
func (d *DeltaWriter) Copy(from, to int) {
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

// Insert adds new bytes.
func (d *DeltaWriter) Insert(b []byte) {
	for len(b) > 0 {
		n := min(len(b), maxInsert)
		d.body = append(d.body, byte(n))
		d.body = append(d.body, b[:n]...)
		b = b[n:]
	}
}

// Len returns how many bytes the instructions take, without the sizes in front of them.
func (d *DeltaWriter) Len() int { return len(d.body) }

// Delta returns the delta of a base of a size, for a target of another.
func (d *DeltaWriter) Delta(base, target int) []byte {
	b := make([]byte, 0, len(d.body)+2*binary.MaxVarintLen32)
	b = binary.AppendUvarint(b, uint64(base))
	b = binary.AppendUvarint(b, uint64(target))
	return append(b, d.body...)
}

// maxSize bounds the sizes that deltas say, so that sums of them fit.
const maxSize = 1 << 62

// DeltaSizes takes the two sizes off a delta: that of its base, and of what it makes.
func DeltaSizes(delta []byte) (base, result int64, ops []byte, ok bool) {
	b, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, nil, false
	}
	r, m := binary.Uvarint(delta[n:])
	if m <= 0 || b > maxSize || r > maxSize {
		return 0, 0, nil, false
	}
	return int64(b), int64(r), delta[n+m:], true
}

// believed is how many bytes are allocated since a delta says that it makes so many. Before there are more, its
// instructions are counted.
const believed = 16 << 20

// ApplyDelta returns what a delta makes of base, of at most limit bytes. It returns an error that wraps ErrMalformed if
// the delta asks for more, or does not fit the base.
func ApplyDelta(base, delta []byte, limit int64) ([]byte, error) {
	from, size, ops, ok := DeltaSizes(delta)
	switch {
	case !ok || from != int64(len(base)):
		return nil, malformed("delta is for a base of another size")
	case size > limit:
		return nil, malformed("delta makes %d bytes, more than %d", size, limit)
	case size > believed:
		if made, err := countDelta(base, ops); err != nil || made != size {
			return nil, malformed("delta makes %d bytes, not %d: %v", made, size, err)
		}
	}
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

// countDelta returns how many bytes the instructions make.
func countDelta(base, ops []byte) (n int64, err error) {
	for len(ops) > 0 {
		var piece []byte
		if piece, ops, err = nextPiece(base, ops); err != nil {
			return n, err
		}
		n += int64(len(piece))
	}
	return n, nil
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
