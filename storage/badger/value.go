package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/reposit/reposit/storage"
)

// valueVersion is the first byte of every value.
const valueVersion = 1

// sealSize is the largest number of bytes that sealing adds to a payload.
const sealSize = 1 + crc32.Size + binary.MaxVarintLen32

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal returns the value that keeps the concatenated parts under key.
func seal(key []byte, parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	v := make([]byte, 1+crc32.Size, sealSize+n)
	v[0] = valueVersion
	v = binary.AppendUvarint(v, uint64(n))
	for _, p := range parts {
		v = append(v, p...)
	}
	binary.BigEndian.PutUint32(v[1:], checksum(key, v))
	return v
}

func checksum(key, v []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, v[:1])
	return crc32.Update(sum, castagnoli, v[1+crc32.Size:])
}

// unseal returns the payload of a value that was stored under key. It aliases v.
func unseal(key, v []byte) ([]byte, error) {
	if len(v) <= 1+crc32.Size || binary.BigEndian.Uint32(v[1:]) != checksum(key, v) {
		return nil, corrupt(key, "checksum mismatch")
	}
	if v[0] != valueVersion {
		return nil, fmt.Errorf("badger: value of version %d under %s: %w", v[0], describe(key), storage.ErrFormat)
	}
	n, w := binary.Uvarint(v[1+crc32.Size:])
	payload := v[1+crc32.Size+max(w, 0):]
	if w <= 0 || n != uint64(len(payload)) {
		return nil, corrupt(key, "length mismatch")
	}
	return payload, nil
}

// payloadOf returns the payload of a value that this process has sealed.
func payloadOf(v []byte) []byte {
	_, w := binary.Uvarint(v[1+crc32.Size:])
	return v[1+crc32.Size+w:]
}

func corrupt(key []byte, what string) error {
	return fmt.Errorf("badger: %s: %s: %w", describe(key), what, storage.ErrCorrupt)
}

// describe names a key in an error. It leaves out the keys of records, which belong to the host.
func describe(key []byte) string {
	if len(key) < headSize {
		return "record"
	}
	switch id, rest := key[1:headSize], key[headSize:]; key[0] {
	case refType:
		return fmt.Sprintf("ref %q of %q", rest, id)
	case logType:
		return fmt.Sprintf("log of %q", id)
	case stackType:
		return fmt.Sprintf("layers of %q", id)
	case usersType:
		return fmt.Sprintf("users of %q", id)
	case objectType:
		return fmt.Sprintf("object %x of %q", rest, id)
	case chunkType:
		return fmt.Sprintf("chunk of %q", id)
	case packsType:
		return fmt.Sprintf("packs of %q", id)
	case indexType:
		return fmt.Sprintf("index of pack %x, node %x", id, rest)
	case dataType:
		return fmt.Sprintf("pack %x, chunk %x", id, rest)
	}
	return "record"
}

// A reading takes a payload apart. After the first failure it returns zeros.
type reading struct {
	b   []byte
	bad bool
}

func (r *reading) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reading) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reading) uvarint() uint64 {
	n, w := binary.Uvarint(r.b)
	if r.bad || w <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reading) varint() int64 {
	n, w := binary.Varint(r.b)
	if r.bad || w <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[w:]
	return n
}

func (r *reading) hash() (h storage.Hash) {
	copy(h[:], r.take(len(h)))
	return h
}

func (r *reading) text() string { return string(r.take(r.length())) }

// length reads the length of something that follows, and so is at most what is left.
func (r *reading) length() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

var errMalformed = errors.New("malformed payload")

// Forms of a ref.
const (
	refDeleted  = 0
	refHash     = 1
	refSymbolic = 2
)

// A storedRef is a ref and the sequence number of the last entry of its log, 0 if there is none. The number stays when
// the ref is deleted, so that the log goes on when it comes back.
type storedRef struct {
	form   byte
	seq    uint64
	hash   storage.Hash
	target string
}

func (r storedRef) encode(b []byte) []byte {
	b = binary.AppendUvarint(append(b, r.form), r.seq)
	switch r.form {
	case refHash:
		b = append(b, r.hash[:]...)
	case refSymbolic:
		b = append(b, r.target...)
	}
	return b
}

func decodeRef(payload []byte) (storedRef, error) {
	r := reading{b: payload}
	ref := storedRef{form: r.byte(), seq: r.uvarint()}
	switch ref.form {
	case refDeleted:
	case refHash:
		ref.hash = r.hash()
	case refSymbolic:
		ref.target = string(r.take(len(r.b)))
	default:
		r.bad = true
	}
	if r.bad || len(r.b) > 0 {
		return storedRef{}, errMalformed
	}
	return ref, nil
}

func (r storedRef) named(name string) storage.Ref {
	return storage.Ref{Name: name, Hash: r.hash, Target: r.target}
}

func encodeLog(b []byte, e *storage.LogEntry) []byte {
	b = append(append(b, e.Old[:]...), e.New[:]...)
	_, offset := e.When.Zone()
	b = binary.AppendVarint(b, e.When.Unix())
	b = binary.AppendVarint(b, int64(offset))
	for _, s := range [...]string{e.Name, e.Email, e.Message} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func decodeLog(payload []byte) (storage.LogEntry, error) {
	r := reading{b: payload}
	e := storage.LogEntry{Old: r.hash(), New: r.hash()}
	seconds, offset := r.varint(), r.varint()
	e.Name, e.Email, e.Message = r.text(), r.text(), r.text()
	if r.bad || len(r.b) > 0 {
		return storage.LogEntry{}, errMalformed
	}
	zone := time.UTC
	if offset != 0 {
		zone = time.FixedZone("", int(offset))
	}
	e.When = time.Unix(seconds, 0).In(zone)
	return e, nil
}

// Forms of a record.
const (
	recordWhole = 0
	recordSplit = 1 // the rest of the value is under the tail key
)

// maxHead is how much of a record's value stands under its own key.
const maxHead = 512 << 10
