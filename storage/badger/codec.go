package badger

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/reposit/reposit/storage"
)

// chunkSize is how much of a large object's content is in one chunk. It is far below Badger's limits for a value
// and a transaction, what a reader of the object holds in memory, and less than blockSize.
const chunkSize = 60 << 10

// maxInline is the size up to which an object is kept as a whole under its own key. Larger ones are in chunks, since
// listing a pool, or looking whether it has an object, costs as much as what is under the objects' keys.
const maxInline = 8 << 10

// minCompress is the size below which compression is not tried.
const minCompress = 512

// Forms of an object. The form of a chunk is whole or wholeS2.
const (
	whole   = 0
	wholeS2 = 1
	delta   = 2
	deltaS2 = 3
	chunked = 4
)

// A chunkID is what the keys of one large object's chunks have in common. It is random, because the hash is not known
// when the first chunk is written.
type chunkID [20]byte

// An objectHeader is what an object's payload begins with: form(1) type(1) size; for a delta then depth and
// base(20), for a large object the chunkID and the length of its chunks.
type objectHeader struct {
	form      byte
	typ       storage.Type
	size      int64
	depth     int
	base      storage.Hash
	chunks    chunkID
	chunkSize int64
}

func (h objectHeader) encode(b []byte) []byte {
	b = binary.AppendUvarint(append(b, h.form, byte(h.typ)), uint64(h.size))
	switch h.form {
	case delta, deltaS2:
		b = append(binary.AppendUvarint(b, uint64(h.depth)), h.base[:]...)
	case chunked:
		b = binary.AppendUvarint(append(b, h.chunks[:]...), uint64(h.chunkSize))
	}
	return b
}

// decodeObject returns the header of an object's payload and what follows it.
func decodeObject(payload []byte) (h objectHeader, body []byte, err error) {
	r := reading{b: payload}
	h.form, h.typ, h.size = r.byte(), storage.Type(r.byte()), int64(r.uvarint())
	switch h.form {
	case whole, wholeS2:
	case delta, deltaS2:
		h.depth, h.base = int(r.uvarint()), r.hash()
	case chunked:
		copy(h.chunks[:], r.take(len(h.chunks)))
		h.chunkSize = int64(r.uvarint())
		r.bad = r.bad || h.chunkSize <= 0
	default:
		r.bad = true
	}
	if r.bad || h.size < 0 {
		return objectHeader{}, nil, errMalformed
	}
	return h, r.b, nil
}

// inline returns the object whose payload has header h, which is not chunked, and the given body.
func (h objectHeader) inline(hash storage.Hash, body []byte) (storage.Object, error) {
	o := storage.Object{Hash: hash, Type: h.typ, Size: h.size}
	if h.form == wholeS2 || h.form == deltaS2 {
		var err error
		if body, err = s2.Decode(nil, body); err != nil {
			return storage.Object{}, err
		}
	}
	if h.form == delta || h.form == deltaS2 {
		o.Delta = &storage.Delta{Base: h.base, Depth: h.depth, Ops: body}
		return o, nil
	}
	if int64(len(body)) != h.size {
		return storage.Object{}, errMalformed
	}
	if body == nil {
		body = []byte{}
	}
	o.Data = body
	return o, nil
}

var scratch = sync.Pool{New: func() any { return new([]byte) }}

// compress calls fn with the shorter form of data, and whether it is compressed. fn must not keep it.
func compress(data []byte, fn func(body []byte, compressed bool)) {
	if len(data) < minCompress {
		fn(data, false)
		return
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	if n := s2.MaxEncodedLen(len(data)); cap(*buf) < n {
		*buf = make([]byte, n)
	}
	out := s2.Encode((*buf)[:cap(*buf)], data)
	if len(out) < len(data)-len(data)/10 {
		fn(out, true)
		return
	}
	fn(data, false)
}

// A put is a key with its sealed value, ready to be written.
type put struct {
	key   string
	value []byte
}

// An encodedObject is an object with its chunks, in the order in which they are to be written.
type encodedObject struct {
	puts   []put // the object itself is the last
	chunks int   // that were written before, or are in puts
	id     chunkID
	pool   storage.ID
}

func (e *encodedObject) object() put { return e.puts[len(e.puts)-1] }

// encodeObject makes o ready to be written: as a delta if it has one that pays, else whole, and in chunks if it is
// large.
func encodeObject(pool storage.ID, o storage.Object) (encodedObject, error) {
	e := encodedObject{pool: pool}
	key := appendObjectKey(make([]byte, 0, headSize+len(o.Hash)), pool, o.Hash)
	h := objectHeader{form: whole, typ: o.Type, size: o.Size}
	body := o.Data
	if pays(o) {
		h.form, h.depth, h.base = delta, o.Delta.Depth, o.Delta.Base
		body = o.Delta.Ops
	} else if int64(len(o.Data)) != o.Size {
		return e, fmt.Errorf("badger: object %s has %d bytes and says %d", o.Hash, len(o.Data), o.Size)
	}
	if len(body) > maxInline && h.form == whole {
		e.id = newChunkID()
		for len(body) > 0 {
			n := min(len(body), chunkSize)
			e.puts = append(e.puts, sealChunk(pool, e.id, uint32(e.chunks), body[:n]))
			e.chunks++
			body = body[n:]
		}
		e.puts = append(e.puts, sealChunked(key, o.Type, o.Size, e.id))
		return e, nil
	}
	if len(body) > maxDelta {
		return e, fmt.Errorf("badger: delta of object %s has %d bytes: %w", o.Hash, len(body), storage.ErrTooLarge)
	}
	compress(body, func(body []byte, compressed bool) {
		if compressed {
			h.form++
		}
		var b [64]byte
		e.puts = []put{{string(key), seal(key, h.encode(b[:0]), body)}}
	})
	return e, nil
}

// maxDelta bounds the instructions of a delta, which are always in one value.
const maxDelta = 512 << 10

// pays reports whether o is better kept as its delta than whole.
func pays(o storage.Object) bool {
	if o.Delta == nil || o.Data == nil {
		return o.Delta != nil
	}
	n := len(o.Delta.Ops)
	return n <= maxDelta && n+len(o.Delta.Base) < len(o.Data)
}

func sealChunked(key []byte, t storage.Type, size int64, id chunkID) put {
	var b [64]byte
	h := objectHeader{form: chunked, typ: t, size: size, chunks: id, chunkSize: chunkSize}
	return put{string(key), seal(key, h.encode(b[:0]))}
}

func sealChunk(pool storage.ID, id chunkID, seq uint32, data []byte) (p put) {
	key := appendChunkKey(make([]byte, 0, headSize+len(id)+4), pool, id, seq)
	compress(data, func(body []byte, compressed bool) {
		form := []byte{whole}
		if compressed {
			form[0] = wholeS2
		}
		p = put{string(key), seal(key, form, body)}
	})
	return p
}

// decodeChunk returns the content of a chunk, which is n bytes long.
func decodeChunk(payload []byte, n int64) ([]byte, error) {
	if len(payload) == 0 {
		return nil, errMalformed
	}
	h := objectHeader{form: payload[0], size: n}
	if h.form != whole && h.form != wholeS2 {
		return nil, errMalformed
	}
	o, err := h.inline(storage.Hash{}, payload[1:])
	return o.Data, err
}
