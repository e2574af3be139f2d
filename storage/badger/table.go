package badger

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/table"
)

// verifyLimit is how many bytes of tables are verified as a whole. Of those beyond, which are the oldest, only the
// parts are that Badger reads when it opens them.
const verifyLimit = 1 << 30

// verifyTables checks the tables that manifest names. Badger decodes a table's footer, index and last block when it
// opens it, all blocks when it compacts, and does not survive damage there.
func verifyTables(dir string, manifest engine.Manifest, keys *engine.KeyRegistry) error {
	type job struct {
		path  string
		key   []byte
		whole bool
		level uint8
		size  int64
	}
	var jobs []job
	for id, t := range manifest.Tables {
		path := table.NewFilename(id, dir)
		info, err := os.Stat(path)
		if err != nil {
			return damaged(path, err)
		}
		if t.Compression != 0 {
			return damaged(path, errors.New("compressed"))
		}
		data, err := keys.DataKey(t.KeyID)
		if err != nil {
			return damaged(path, err)
		}
		jobs = append(jobs, job{path: path, key: data.GetData(), level: t.Level, size: info.Size()})
	}
	slices.SortFunc(jobs, func(a, b job) int { return cmp.Compare(a.level, b.level) })
	var sum int64
	for i := range jobs {
		sum += jobs[i].size
		jobs[i].whole = sum <= verifyLimit
	}
	var wg sync.WaitGroup
	errs := make([]error, len(jobs))
	slots := make(chan struct{}, min(runtime.GOMAXPROCS(0), 4))
	for i, j := range jobs {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := contain(func() error { return verifyTable(j.path, j.key, j.whole) }); err != nil {
				errs[i] = damaged(j.path, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A tableFile reads a table: blocks, index, length of the index(4), checksum, length of the checksum(4).
type tableFile struct {
	f      *os.File
	stream cipher.Block // nil if not encrypted
	buf    []byte       // what was read last, from off
	off    int64
	plain  []byte
}

var (
	errChecksum = errors.New("checksum mismatch")
	errLayout   = errors.New("malformed table")
)

// contain turns a panic of fn into errEngine: that something went wrong does not tell that a byte is damaged.
func contain(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: verifying: %v", errEngine, p)
		}
	}()
	return fn()
}

func verifyTable(path string, key []byte, whole bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := &tableFile{f: f}
	if len(key) > 0 {
		if t.stream, err = aes.NewCipher(key); err != nil {
			return err
		}
	}
	index, end, err := t.index()
	if err != nil {
		return err
	}
	extents, err := blockExtents(index, whole)
	if err != nil {
		return err
	}
	for i, s := range extents {
		block, err := t.bytes(s.off, s.n, end)
		if err == nil {
			block, err = t.decrypt(block)
		}
		if err == nil {
			err = verifyBlock(block)
		}
		if err != nil {
			return fmt.Errorf("block %d of %d: %w", i, len(extents), err)
		}
	}
	return nil
}

// An extent is where a block is in a table.
type extent struct{ off, n int64 }

// blockExtents returns where the blocks are that an index lists, or only the last of them. The decoder of the index
// panics where an offset in it leads outside, and so tells that it is malformed.
func blockExtents(index []byte, whole bool) (extents []extent, err error) {
	defer func() {
		if p := recover(); p != nil {
			extents, err = nil, fmt.Errorf("%w: index: %v", errLayout, p)
		}
	}()
	root := fb.GetRootAsTableIndex(index, 0)
	n := root.OffsetsLength()
	first := n - 1
	if whole {
		first = 0
	}
	var at fb.BlockOffset
	for i := max(first, 0); i < n; i++ {
		if !root.Offsets(&at, i) {
			return nil, errLayout
		}
		extents = append(extents, extent{int64(at.Offset()), int64(at.Len())})
	}
	if len(extents) == 0 {
		return nil, errLayout
	}
	return extents, nil
}

// index returns the table's index and where it begins.
func (t *tableFile) index() ([]byte, int64, error) {
	info, err := t.f.Stat()
	if err != nil {
		return nil, 0, err
	}
	end := info.Size()
	last := func(n int64) ([]byte, error) {
		if n < 0 || n > end {
			return nil, errLayout
		}
		end -= n
		b := make([]byte, n)
		_, err := t.f.ReadAt(b, end)
		return b, err
	}
	number := func() (int64, error) {
		b, err := last(4)
		if err != nil {
			return 0, err
		}
		return int64(binary.BigEndian.Uint32(b)), nil
	}
	n, err := number()
	if err != nil {
		return nil, 0, err
	}
	sum, err := last(n)
	if err != nil {
		return nil, 0, err
	}
	if n, err = number(); err != nil {
		return nil, 0, err
	}
	data, err := last(n)
	if err != nil {
		return nil, 0, err
	}
	if err := verifySum(data, sum); err != nil {
		return nil, 0, fmt.Errorf("index: %w", err)
	}
	if data, err = t.decrypt(data); err != nil {
		return nil, 0, fmt.Errorf("index: %w", err)
	}
	return data, end, nil
}

// window is how much of a table is read at once.
const window = mib

// bytes returns n bytes from off, all of which are before end. They are valid until the next call.
func (t *tableFile) bytes(off, n, end int64) ([]byte, error) {
	if off < 0 || n < 0 || off+n > end {
		return nil, errLayout
	}
	if off < t.off || off+n > t.off+int64(len(t.buf)) {
		size := min(max(n, window), end-off)
		t.buf, t.off = slices.Grow(t.buf[:0], int(size))[:size], off
		if _, err := t.f.ReadAt(t.buf, off); err != nil && err != io.EOF {
			return nil, err
		}
	}
	return t.buf[off-t.off:][:n], nil
}

// decrypt returns what b, which ends in its initialization vector, was before it was encrypted. It is valid until the
// next call.
func (t *tableFile) decrypt(b []byte) ([]byte, error) {
	if t.stream == nil {
		return b, nil
	}
	n := len(b) - aes.BlockSize
	if n < 0 {
		return nil, errLayout
	}
	t.plain = slices.Grow(t.plain[:0], n)[:n]
	cipher.NewCTR(t.stream, b[n:]).XORKeyStream(t.plain, b[:n])
	return t.plain, nil
}

// verifyBlock checks a block: entries, their offsets(4 each), their number(4), checksum, length of the checksum(4).
func verifyBlock(b []byte) error {
	n := len(b) - 4
	if n < 0 {
		return errLayout
	}
	size := int64(binary.BigEndian.Uint32(b[n:]))
	if size > int64(n) {
		return errLayout
	}
	return verifySum(b[:int64(n)-size], b[int64(n)-size:n])
}

// verifySum checks data against a checksum message, which has the algorithm, 0 for CRC-32C, as field 1 and the sum as
// field 2 (badgerpb4.proto).
func verifySum(data, message []byte) error {
	r := reading{b: message}
	var fields [3]uint64
	for len(r.b) > 0 && !r.bad {
		tag := r.uvarint()
		if tag&7 != 0 || tag>>3 >= uint64(len(fields)) {
			return errLayout
		}
		fields[tag>>3] = r.uvarint()
	}
	if r.bad || fields[1] != 0 {
		return errLayout
	}
	if fields[2] != uint64(crc32.Checksum(data, castagnoli)) {
		return errChecksum
	}
	return nil
}

// A tableEntry is one version of a key in a table. It is the caller's.
type tableEntry struct {
	key, value []byte
	version    uint64
	deleted    bool
}

// tableEntries calls fn with all entries of the table at path, which verifyTable has found sound.
func tableEntries(path string, key []byte, fn func(tableEntry) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := &tableFile{f: f}
	if len(key) > 0 {
		if t.stream, err = aes.NewCipher(key); err != nil {
			return err
		}
	}
	index, end, err := t.index()
	if err != nil {
		return err
	}
	extents, err := blockExtents(index, true)
	if err != nil {
		return err
	}
	for _, s := range extents {
		block, err := t.bytes(s.off, s.n, end)
		if err == nil {
			block, err = t.decrypt(block)
		}
		if err == nil {
			err = blockEntries(block, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// blockEntries calls fn with the entries of a block. An entry is: how many bytes of the first key its key begins
// with(2), how many follow(2), these, what it is(1), what users say of it(1), when it expires(varint), value; numbers of
// the entry and offsets have the byte order of the machine. A key ends in the version, as 2^64-1 less it(8).
func blockEntries(b []byte, fn func(tableEntry) error) error {
	const head, deletion = 4, 1
	number := func(end int) int { return int(binary.BigEndian.Uint32(b[end-4 : end])) }
	end := len(b) - 4 - number(len(b))
	n := number(end)
	offsets := end - 4 - 4*n
	offset := func(i int) int {
		if i == n {
			return offsets
		}
		return int(binary.NativeEndian.Uint32(b[offsets+4*i:]))
	}
	var base []byte
	for i := range n {
		e := b[offset(i):offset(i+1)]
		overlap, diff := int(binary.NativeEndian.Uint16(e)), int(binary.NativeEndian.Uint16(e[2:]))
		key := slices.Concat(base[:overlap], e[head:head+diff])
		if i == 0 {
			base = key
		}
		r := reading{b: e[head+diff:]}
		meta := r.byte()
		r.byte()
		r.uvarint()
		if r.bad || len(key) < 8 {
			return errLayout
		}
		k := key[: len(key)-8 : len(key)-8]
		err := fn(tableEntry{
			key:     k,
			value:   slices.Clone(r.b),
			version: ^binary.BigEndian.Uint64(key[len(k):]),
			deleted: meta&deletion != 0,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
