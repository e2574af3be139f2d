package archive

import (
	"fmt"
	"io"
	"strconv"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A compressor takes the bytes of a tar.
type compressor interface {
	io.Writer
	finish() error // writes the end
	close()        // lets go of goroutines
}

// A tarball writes a tar as git's archive-tar.c does: ustar, with pax headers for what that can't say.
type tarball struct {
	out    compressor
	commit storage.Hash
	time   uint64
	offset int64
	copy   []byte
}

const (
	recordSize   = 512
	blockSize    = 20 * recordSize
	maxTarSize   = 0o77777777777 // bytes of a file in a ustar header
	maxTarTime   = 0o77777777777
	tarName      = 100
	tarPrefix    = 155
	typeFile     = '0'
	typeLink     = '2'
	typeDir      = '5'
	typePax      = 'x'
	typePaxAll   = 'g'
	modeOfHeader = 0o666
)

func newTar(out compressor, commit storage.Hash, time uint64) *tarball {
	return &tarball{out: out, commit: commit, time: time}
}

func (t *tarball) close() { t.out.close() }

func (t *tarball) begin() error {
	var records []byte
	if !t.commit.IsZero() {
		records = appendPax(records, "comment", t.commit.String())
	}
	if t.time > maxTarTime {
		records = appendPax(records, "mtime", strconv.FormatUint(t.time, 10))
		t.time = maxTarTime
	}
	if len(records) == 0 {
		return nil
	}
	return t.extended(typePaxAll, "pax_global_header", records)
}

func (t *tarball) prepare(*packer, *item) {}

func (t *tarball) write(files *contents, it *item) error {
	large, err := files.open(it)
	if err != nil {
		return err
	}
	if large != nil {
		defer large.Close()
	}
	if err := t.header(it); err != nil {
		return err
	}
	if !it.isFile() {
		return nil
	}
	if large == nil {
		return t.padded(it.content)
	}
	if t.copy == nil {
		t.copy = make([]byte, copyBuffer)
	}
	if err := copyExactly(files.ctx, t, large, it.size, t.copy); err != nil {
		return err
	}
	return t.pad(recordSize)
}

func (t *tarball) header(it *item) error {
	h := header512{kind: typeFile, mode: 0o664}
	var records []byte
	switch it.mode {
	case git.ModeDir, git.ModeSubmodule:
		h.kind, h.mode = typeDir, 0o775
	case git.ModeSymlink:
		h.kind, h.mode = typeLink, 0o777
	case git.ModeExecutable:
		h.mode = 0o775
	}
	var ok bool
	if h.prefix, h.name, ok = splitName(it.path); !ok {
		h.name = it.hash.String() + ".data"
		records = appendPax(records, "path", it.path)
	}
	if it.mode == git.ModeSymlink {
		if h.link = string(it.content); len(h.link) > tarName {
			h.link = "see " + it.hash.String() + ".paxheader"
			records = appendPax(records, "linkpath", string(it.content))
		}
	}
	if it.isFile() {
		if h.size = it.size; it.size > maxTarSize {
			h.size = 0
			records = appendPax(records, "size", strconv.FormatInt(it.size, 10))
		}
	}
	if len(records) > 0 {
		if err := t.extended(typePax, it.hash.String()+".paxheader", records); err != nil {
			return err
		}
	}
	return t.padded(h.bytes(t.time))
}

// splitName splits a path into the two fields of a ustar header, or reports that it does not fit.
func splitName(path string) (prefix, name string, ok bool) {
	if len(path) <= tarName {
		return "", path, true
	}
	at := len(path)
	if path[at-1] == '/' {
		at--
	}
	for at = min(at, tarPrefix) - 1; at > 0 && path[at] != '/'; at-- {
	}
	if at == 0 || len(path)-at-1 > tarName {
		return "", "", false
	}
	return path[:at], path[at+1:], true
}

// extended writes pax records with the header before them.
func (t *tarball) extended(kind byte, name string, records []byte) error {
	h := header512{kind: kind, mode: modeOfHeader, name: name, size: int64(len(records))}
	if err := t.padded(h.bytes(t.time)); err != nil {
		return err
	}
	return t.padded(records)
}

// appendPax appends "<length of all> <key>=<value>\n".
func appendPax(b []byte, key, value string) []byte {
	rest := len(" =\n") + len(key) + len(value)
	n := rest + 1
	for n != rest+len(strconv.Itoa(n)) {
		n = rest + len(strconv.Itoa(n))
	}
	return fmt.Appendf(b, "%d %s=%s\n", n, key, value)
}

func (t *tarball) Write(p []byte) (int, error) {
	n, err := t.out.Write(p)
	t.offset += int64(n)
	return n, err
}

func (t *tarball) padded(p []byte) error {
	if _, err := t.Write(p); err != nil {
		return err
	}
	return t.pad(recordSize)
}

var zeros [blockSize]byte

// pad writes zeros up to the next multiple of size.
func (t *tarball) pad(size int64) error {
	tail := t.offset % size
	if tail == 0 {
		return nil
	}
	_, err := t.Write(zeros[:size-tail])
	return err
}

// end writes two empty records at least, and fills the block.
func (t *tarball) end() error {
	if _, err := t.Write(zeros[:2*recordSize]); err != nil {
		return err
	}
	if err := t.pad(blockSize); err != nil {
		return err
	}
	return t.out.finish()
}

// A header512 is a ustar header (pax, "ustar Interchange Format").
type header512 struct {
	kind               byte
	mode               int64
	size               int64
	prefix, name, link string
}

func (h *header512) bytes(time uint64) []byte {
	b := make([]byte, recordSize)
	copy(b[:100], h.name)
	octal(b[100:107], uint64(h.mode))
	octal(b[108:115], 0) // user
	octal(b[116:123], 0) // group
	octal(b[124:135], uint64(h.size))
	octal(b[136:147], time)
	b[156] = h.kind
	copy(b[157:257], h.link)
	copy(b[257:], "ustar\x0000root")
	copy(b[297:], "root")
	octal(b[329:336], 0)
	octal(b[337:344], 0)
	copy(b[345:500], h.prefix)

	copy(b[148:156], "        ")
	var sum uint64
	for _, c := range b {
		sum += uint64(c)
	}
	octal(b[148:155], sum)
	b[155] = 0
	return b
}

func octal(b []byte, v uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(v&7)
		v >>= 3
	}
}
