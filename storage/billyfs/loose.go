package billyfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// maxAlloc bounds what is allocated for a size that nothing has proven yet.
const maxAlloc = 16 << 20

// A codec compresses and inflates, with what it needs for that kept for the next time.
type codec struct{ readers, writers sync.Pool }

func loosePath(objects string, h storage.Hash) string {
	s := h.String()
	return path.Join(objects, s[:2], s[2:])
}

// deflate writes parts, one after the other, as one zlib stream. Speed counts: what stays is packed one day.
func (c *codec) deflate(dst io.Writer, parts ...[]byte) error {
	w, ok := c.writers.Get().(*zlib.Writer)
	if ok {
		w.Reset(dst)
	} else {
		w, _ = zlib.NewWriterLevel(dst, zlib.BestSpeed)
	}
	defer c.writers.Put(w)
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return w.Close()
}

// copyObject writes an object of the given size, whose content is src, as a loose one.
func (c *codec) copyObject(ctx context.Context, dst io.Writer, t storage.Type, size int64, src io.Reader) error {
	out := bufio.NewWriterSize(dst, 64<<10)
	w, err := zlib.NewWriterLevel(out, zlib.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(packfile.AppendObjectHeader(nil, t, size)); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for left := size; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(src, buf[:min(left, int64(len(buf)))])
		if err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		left -= int64(n)
	}
	return errors.Join(w.Close(), out.Flush())
}

// inflater returns a reader of the zlib stream that src begins with.
func (c *codec) inflater(src io.Reader) (io.ReadCloser, error) {
	if r, ok := c.readers.Get().(io.ReadCloser); ok {
		if err := r.(zlib.Resetter).Reset(src, nil); err != nil {
			c.readers.Put(r)
			return nil, corrupt(err)
		}
		return r, nil
	}
	r, err := zlib.NewReader(src)
	if err != nil {
		return nil, corrupt(err)
	}
	return r, nil
}

func (c *codec) done(r io.ReadCloser) { c.readers.Put(r) }

// corrupt names an error in what was read, unless it is one of reading.
func corrupt(err error) error {
	if err == nil || errors.Is(err, storage.ErrCorrupt) {
		return err
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF || errors.Is(err, zlib.ErrChecksum) || errors.Is(err, zlib.ErrHeader) ||
		errors.Is(err, zlib.ErrDictionary) || errors.Is(err, packfile.ErrMalformed) ||
		strings.HasPrefix(err.Error(), "flate: ") {
		return fmt.Errorf("%w: %v", storage.ErrCorrupt, err)
	}
	return err
}

// inflate reads size bytes of a zlib stream, and makes sure that they are all of it.
func (c *codec) inflate(src io.Reader, size int64) ([]byte, error) {
	r, err := c.inflater(src)
	if err != nil {
		return nil, err
	}
	defer c.done(r)
	return readExactly(r, size)
}

func readExactly(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return nil, storage.ErrCorrupt
	}
	var data []byte
	if size <= maxAlloc {
		data = make([]byte, size)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, corrupt(err)
		}
	} else {
		var b bytes.Buffer
		if n, err := io.Copy(&b, io.LimitReader(r, size)); err != nil || n < size {
			return nil, corrupt(errors.Join(err, storage.ErrCorrupt))
		}
		data = b.Bytes()
	}
	var more [1]byte
	if n, err := r.Read(more[:]); n > 0 || err != io.EOF {
		if err == nil || n > 0 {
			err = storage.ErrCorrupt
		}
		return nil, corrupt(err)
	}
	return data, nil
}

// parseHeader reads the header of a loose object (gitformat-loose).
func parseHeader(r *bufio.Reader) (storage.Type, int64, error) {
	word, err := r.ReadSlice(0)
	if err != nil || len(word) > 32 {
		return 0, 0, corrupt(errors.Join(err, storage.ErrCorrupt))
	}
	t, size, err := packfile.ParseObjectHeader(string(word[:len(word)-1]))
	return t, size, corrupt(err)
}

// A looseFiles is the objects that have a file of their own.
type looseFiles struct {
	m     *disk.Medium
	codec *codec
}

// parse reads the file of an object that is called h.
func (s *looseFiles) parse(file []byte, h storage.Hash) (storage.Object, error) {
	r, err := s.codec.inflater(bytes.NewReader(file))
	if err != nil {
		return storage.Object{}, err
	}
	defer s.codec.done(r)
	content := bufio.NewReaderSize(r, 512)
	t, size, err := parseHeader(content)
	if err != nil {
		return storage.Object{}, err
	}
	data, err := readExactly(content, size)
	if err != nil {
		return storage.Object{}, err
	}
	if sum, ok := packfile.Sum(t, data); !ok || sum != h {
		return storage.Object{}, storage.ErrCorrupt
	}
	return storage.Object{Hash: h, Type: t, Size: size, Data: data}, nil
}

// read reads an object from its file.
func (s *looseFiles) read(file string, h storage.Hash) (storage.Object, error) {
	data, err := s.m.ReadFile(file)
	if err != nil {
		return storage.Object{}, err
	}
	return s.parse(data, h)
}

// stat reads the header of an object.
func (s *looseFiles) stat(file string) (storage.Type, int64, error) {
	f, err := s.m.OpenFile(file, 0, 0)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	r, err := s.codec.inflater(bufio.NewReaderSize(f, 512))
	if err != nil {
		return 0, 0, err
	}
	defer s.codec.done(r)
	return parseHeader(bufio.NewReaderSize(r, 64))
}

// open returns a reader of an object's content, which ends with an error if the content has another name.
func (s *looseFiles) open(file string, h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	f, err := s.m.OpenFile(file, 0, 0)
	if err != nil {
		return 0, 0, nil, err
	}
	r, err := s.codec.inflater(bufio.NewReaderSize(f, 32<<10))
	if err != nil {
		return 0, 0, nil, errors.Join(err, f.Close())
	}
	content := bufio.NewReaderSize(r, 4<<10)
	t, size, err := parseHeader(content)
	if err != nil {
		return 0, 0, nil, errors.Join(err, f.Close())
	}
	return t, size, newVerifier(content, t, size, h, f), nil
}

// A verifier passes on the content of an object, and hashes it on the way.
type verifier struct {
	src  io.Reader
	left int64
	hash *packfile.Hasher
	want storage.Hash
	err  error
	io.Closer
}

func newVerifier(src io.Reader, t storage.Type, size int64, h storage.Hash, c io.Closer) *verifier {
	return &verifier{src: src, left: size, hash: packfile.NewHasher(t, size), want: h, Closer: c}
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.src.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	switch {
	case v.left < 0:
		v.err = storage.ErrCorrupt
	case err == io.EOF:
		v.err = io.EOF
		if sum, ok := v.hash.Sum(); v.left != 0 || !ok || sum != v.want {
			v.err = storage.ErrCorrupt
		}
	case err != nil:
		v.err = corrupt(err)
	default:
		return n, nil
	}
	return n, v.err
}
