package archive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A zipper writes a zip as git's archive-zip.c does (APPNOTE.TXT is the format's specification).
type zipper struct {
	w         *bufio.Writer
	commit    storage.Hash
	time      uint64
	date, tod uint16 // DOS date and time of day
	level     int
	pack      packer
	large     *blockWriter // for what is too large for a packer
	offset    int64
	entries   int64
	creator   uint16 // the greatest "version made by"
	directory directory
	copy      []byte
}

const (
	methodStore   = 0
	methodDeflate = 8
	flagStream    = 1 << 3
	flagUTF8      = 1 << 11
	madeByUnix    = 0x0317
	max32         = 0xffffffff
	timeExtra     = 9 // bytes of the extra field with the time
	binaryLook    = 8000
	lastZipTime   = 253402300799 // the end of the year 9999
)

func newZip(w io.Writer, commit storage.Hash, seconds uint64, level int) *zipper {
	if level == 0 {
		level = defaultLevel
	}
	t := time.Unix(int64(min(seconds, lastZipTime)), 0).UTC()
	return &zipper{
		w: bufio.NewWriterSize(w, copyBuffer), commit: commit, time: seconds, level: level,
		// A date before 1980 wraps around, as in git; the extra field has the right one.
		date: uint16(t.Day() + int(t.Month())*32 + (t.Year()-1980)*512),
		tod:  uint16(t.Second()/2 + t.Minute()*32 + t.Hour()*2048),
	}
}

func (z *zipper) close() {
	if z.large != nil {
		z.large.close()
	}
}

func (z *zipper) begin() error { return nil }

// A packer compresses small files whole.
type packer struct {
	ctx   context.Context
	codec *flateCodec
}

// prepare compresses a small file and takes its checksum.
func (z *zipper) prepare(p *packer, it *item) {
	if it.content == nil || it.treat.subst && bytes.Contains(it.content, substStart) {
		return
	}
	z.compress(p, it)
}

func (z *zipper) compress(p *packer, it *item) {
	it.ready, it.crc = true, crc32.ChecksumIEEE(it.content)
	if !it.isFile() || len(it.content) == 0 {
		return
	}
	if p.codec == nil {
		p.codec = newFlateCodec(z.level)
	}
	packed, err := p.codec.compress(p.ctx, make([]byte, 0, len(it.content)/2+64), nil, it.content, true)
	if err == nil && len(packed) < len(it.content) {
		it.packed = packed
	}
}

// A zipEntry is what the headers of an entry say.
type zipEntry struct {
	path         string
	made, needed uint16
	flags        uint16
	method       uint16
	crc          uint32
	packed, size int64
	text         bool
	mode         uint32
	offset       int64
}

func (z *zipper) write(files *contents, it *item) error {
	large, err := files.open(it)
	if err != nil {
		return err
	}
	if large != nil {
		defer large.Close()
	}
	e := zipEntry{path: it.path, needed: 10, size: it.size, offset: z.offset}
	if !isASCII(it.path) && isUTF8(it.path) {
		e.flags |= flagUTF8
	}
	switch it.mode {
	case git.ModeDir, git.ModeSubmodule:
		e.mode, e.size = 16, 0
	case git.ModeSymlink:
		e.mode, e.made = 0o120777<<16, madeByUnix
	case git.ModeExecutable:
		e.mode, e.made = 0o100755<<16, madeByUnix
	}
	z.creator = max(z.creator, e.made)
	switch {
	case large != nil:
		err = z.stream(files, &e, large, it.treat.diff)
	case it.mode == git.ModeDir || it.mode == git.ModeSubmodule:
		err = z.local(&e)
	default:
		if !it.ready {
			z.pack.ctx = files.ctx
			z.compress(&z.pack, it)
		}
		err = z.whole(&e, it)
	}
	if err != nil {
		return err
	}
	z.entries++
	z.directory.add(z.central(&e))
	return nil
}

// whole writes an entry whose content is in memory.
func (z *zipper) whole(e *zipEntry, it *item) error {
	e.crc, e.packed, e.text = it.crc, it.size, isText(it.content, it.treat.diff)
	data := it.content
	if it.packed != nil {
		e.method, data = methodDeflate, it.packed
		e.packed = int64(len(data))
	}
	if err := z.local(e); err != nil {
		return err
	}
	return z.put(data)
}

// stream writes an entry whose sizes and checksum follow its content.
func (z *zipper) stream(files *contents, e *zipEntry, r io.Reader, diff diffRule) error {
	e.flags |= flagStream
	e.method = methodDeflate
	if e.size > math.MaxInt32 {
		e.needed = 45
	}
	if err := z.local(e); err != nil {
		return err
	}
	if z.large == nil {
		z.large = newFlateWriter(files.ctx, z.w, z.level)
		z.copy = make([]byte, copyBuffer)
	}
	before := z.large.written
	var head []byte
	sum := writerFunc(func(p []byte) (int, error) {
		if n := binaryLook - len(head); n > 0 {
			head = append(head, p[:min(n, len(p))]...)
		}
		e.crc = crc32.Update(e.crc, crc32.IEEETable, p)
		return z.large.Write(p)
	})
	if err := copyExactly(files.ctx, sum, r, e.size, z.copy); err != nil {
		return err
	}
	if err := z.large.flush(); err != nil {
		return err
	}
	e.packed = z.large.written - before
	e.text = isText(head, diff)
	z.offset += e.packed
	return z.put(descriptor(e))
}

// descriptor returns what stands behind an entry that was streamed.
func descriptor(e *zipEntry) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0x08074b50)
	b = le.AppendUint32(b, e.crc)
	if e.size >= max32 || e.packed >= max32 {
		b = le.AppendUint64(b, uint64(e.packed))
		return le.AppendUint64(b, uint64(e.size))
	}
	b = le.AppendUint32(b, uint32(e.packed))
	return le.AppendUint32(b, uint32(e.size))
}

// local writes the header before an entry's content.
func (z *zipper) local(e *zipEntry) error {
	le := binary.LittleEndian
	zip64 := e.needed == 45
	b := le.AppendUint32(make([]byte, 0, 64+len(e.path)), 0x04034b50)
	b = z.common(b, e)
	extra := timeExtra
	packed, size := uint32(e.packed), uint32(e.size)
	if zip64 {
		extra += 20
		packed, size = max32, max32
	}
	b = le.AppendUint32(b, packed)
	b = le.AppendUint32(b, size)
	b = le.AppendUint16(b, uint16(len(e.path)))
	b = le.AppendUint16(b, uint16(extra))
	b = append(b, e.path...)
	b = z.appendTime(b)
	if zip64 {
		b = le.AppendUint32(b, 0x0010_0001)
		b = le.AppendUint64(b, uint64(e.size))
		b = le.AppendUint64(b, uint64(e.packed))
	}
	return z.put(b)
}

// common appends what both headers of an entry have.
func (z *zipper) common(b []byte, e *zipEntry) []byte {
	le := binary.LittleEndian
	for _, v := range []uint16{e.needed, e.flags, e.method, z.tod, z.date} {
		b = le.AppendUint16(b, v)
	}
	return le.AppendUint32(b, e.crc)
}

// appendTime appends the extra field with the time of change in seconds since 1970.
func (z *zipper) appendTime(b []byte) []byte {
	b = append(b, 'U', 'T', 5, 0, 1)
	return binary.LittleEndian.AppendUint32(b, uint32(z.time))
}

// central returns the entry's header in the directory.
func (z *zipper) central(e *zipEntry) []byte {
	le := binary.LittleEndian
	var zip64 []byte
	if e.size > max32 || e.packed > max32 || e.offset > max32 {
		for _, v := range []int64{e.size, e.packed, e.offset} {
			if v >= max32 {
				zip64 = le.AppendUint64(zip64, uint64(v))
			}
		}
	}
	extra := timeExtra
	if zip64 != nil {
		extra += 4 + len(zip64)
	}
	b := le.AppendUint32(make([]byte, 0, 96+len(e.path)), 0x02014b50)
	b = le.AppendUint16(b, e.made)
	b = z.common(b, e)
	b = le.AppendUint32(b, uint32(min(e.packed, max32)))
	b = le.AppendUint32(b, uint32(min(e.size, max32)))
	b = le.AppendUint16(b, uint16(len(e.path)))
	b = le.AppendUint16(b, uint16(extra))
	b = le.AppendUint32(b, 0) // comment, disk
	text := uint16(0)
	if e.text {
		text = 1
	}
	b = le.AppendUint16(b, text)
	b = le.AppendUint32(b, e.mode)
	b = le.AppendUint32(b, uint32(min(e.offset, max32)))
	b = append(b, e.path...)
	b = z.appendTime(b)
	if zip64 != nil {
		b = le.AppendUint16(b, 1)
		b = le.AppendUint16(b, uint16(len(zip64)))
		b = append(b, zip64...)
	}
	return b
}

func (z *zipper) put(b []byte) error {
	n, err := z.w.Write(b)
	z.offset += int64(n)
	return err
}

// end writes the directory, and the commit as the archive's comment.
func (z *zipper) end() error {
	start := z.offset
	for chunk, err := range z.directory.chunks() {
		if err != nil {
			return err
		}
		if err := z.put(chunk); err != nil {
			return err
		}
	}
	size := z.offset - start
	le := binary.LittleEndian
	var b []byte
	if z.entries > math.MaxUint16 || start > max32 {
		b = z.appendZip64(b, start, size)
	}
	comment := ""
	if !z.commit.IsZero() {
		comment = z.commit.String()
	}
	b = le.AppendUint32(b, 0x06054b50)
	b = le.AppendUint32(b, 0) // disks
	entries := uint16(min(z.entries, math.MaxUint16))
	b = le.AppendUint16(b, entries)
	b = le.AppendUint16(b, entries)
	b = le.AppendUint32(b, uint32(min(size, max32)))
	b = le.AppendUint32(b, uint32(min(start, max32)))
	b = le.AppendUint16(b, uint16(len(comment)))
	if err := z.put(append(b, comment...)); err != nil {
		return err
	}
	return z.w.Flush()
}

// appendZip64 appends the larger form of the directory's end, and where that is.
func (z *zipper) appendZip64(b []byte, start, size int64) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, 0x06064b50)
	b = le.AppendUint64(b, 44)
	b = le.AppendUint16(b, z.creator)
	b = le.AppendUint16(b, 45)
	b = le.AppendUint64(b, 0) // disks
	for _, v := range []int64{z.entries, z.entries, size, start} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(b, 0x07064b50)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(start+size))
	return le.AppendUint32(b, 1)
}

// isText tells text from binary as git diff does.
func isText(data []byte, rule diffRule) bool {
	switch rule {
	case diffText:
		return true
	case diffBinary:
		return false
	}
	return bytes.IndexByte(data[:min(len(data), binaryLook)], 0) < 0
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// isUTF8 reports whether git takes s for UTF-8, which excludes U+FFFE and U+FFFF.
func isUTF8(s string) bool { return utf8.ValidString(s) && !strings.ContainsAny(s, "\ufffe\uffff") }
