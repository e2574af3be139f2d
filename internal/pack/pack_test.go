package pack

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

const (
	offsetDelta = int(packfile.OffsetDelta)
	refDelta    = int(packfile.RefDelta)
)

// A builder writes packs, also such as git would not.
type builder struct {
	bytes.Buffer
	count uint32
}

func deflate(data []byte) []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// entry adds an entry whose stream holds data, though its header says size, and returns where it begins.
func (b *builder) entry(kind int, size int, base, stream []byte) int {
	at := headerSize + b.Len()
	c, rest := byte(kind)<<4|byte(size&15), size>>4
	for ; rest > 0; rest >>= 7 {
		b.WriteByte(c | 0x80)
		c = byte(rest & 0x7f)
	}
	b.WriteByte(c)
	b.Write(base)
	b.Write(stream)
	b.count++
	return at
}

func (b *builder) object(t storage.Type, data string) int {
	return b.entry(int(t), len(data), nil, deflate([]byte(data)))
}

func (b *builder) offsetDelta(base int, ops []byte) int {
	back := uint64(headerSize + b.Len() - base)
	enc := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		enc = append([]byte{0x80 | byte(back&0x7f)}, enc...)
	}
	return b.entry(offsetDelta, len(ops), enc, deflate(ops))
}

func (b *builder) refDelta(base git.Hash, ops []byte) int {
	return b.entry(refDelta, len(ops), base[:], deflate(ops))
}

func (b *builder) pack() []byte {
	p := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), b.count)
	return seal(append(p, b.Bytes()...))
}

func seal(p []byte) []byte {
	sum := sha1.Sum(p)
	return append(p, sum[:]...)
}

// insertion returns a delta that makes of a base of so many bytes another text, without taking anything of it.
func insertion(base int, text string) []byte {
	ops := binary.AppendUvarint(nil, uint64(base))
	ops = binary.AppendUvarint(ops, uint64(len(text)))
	for len(text) > 0 {
		n := min(len(text), 127)
		ops = append(append(ops, byte(n)), text[:n]...)
		text = text[n:]
	}
	return ops
}

// appending returns a delta that adds text to its base.
func appending(base int, text string) []byte {
	ops := binary.AppendUvarint(nil, uint64(base))
	ops = binary.AppendUvarint(ops, uint64(base+len(text)))
	for at := 0; at < base; {
		n := min(base-at, 0xffff)
		ops = append(ops, 0x80|0x0f|0x30, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8))
		at += n
	}
	return append(append(ops, byte(len(text))), text...)
}

func sum(t storage.Type, data string) git.Hash {
	h, err := git.Sum(t, []byte(data))
	if err != nil {
		panic(err)
	}
	return h
}

var generous = Options{
	Blob: 1 << 30, Total: 1 << 32, Objects: 1 << 20,
	Base: func(_ context.Context, h git.Hash) (storage.Type, []byte, error) {
		if h == sum(storage.Blob, "outside") {
			return storage.Blob, []byte("outside"), nil
		}
		return 0, nil, storage.ErrNotFound
	},
	Check: func(*Object) error { return nil },
}

// readAll returns the objects of a pack, in the order of Each.
func readAll(t testing.TB, p []byte, opts Options, b budget) ([]string, error) {
	t.Helper()
	checked := map[git.Hash]bool{}
	var mu sync.Mutex
	opts.Check = func(o *Object) error {
		mu.Lock()
		defer mu.Unlock()
		checked[o.Hash] = true
		return nil
	}
	made, err := read(t.Context(), bytes.NewReader(p), int64(len(p)), opts, b)
	if err != nil {
		return nil, err
	}
	var got []string
	err = made.Each(t.Context(), func(o *Object) error {
		r, err := o.Open()
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if h := sum(o.Type, string(data)); h != o.Hash || !checked[h] || o.Size != int64(len(data)) {
			t.Errorf("object %s of %d bytes, checked %v, has hash %s and %d bytes", o.Hash, o.Size, checked[h], h, len(data))
		}
		got = append(got, fmt.Sprintf("%s %s", o.Type, data))
		return nil
	})
	if len(got) != made.Len() {
		t.Errorf("Each() visits %d objects, want %d", len(got), made.Len())
	}
	return got, err
}

func TestRead(t *testing.T) {
	var b builder
	late := sum(storage.Blob, "base and more")
	b.refDelta(late, appending(13, " and even more")) // its base is a delta that comes later
	b.object(storage.Commit, "a commit")
	base := b.object(storage.Blob, "base")
	b.offsetDelta(base, appending(4, " and more"))
	b.object(storage.Tree, "")
	b.refDelta(sum(storage.Blob, "outside"), appending(7, "!"))
	b.refDelta(sum(storage.Blob, "outside!"), appending(8, "!")) // based on what a thin delta makes
	b.object(storage.Blob, "base")                               // again
	got, err := readAll(t, b.pack(), generous, usual)
	want := []string{"blob base", "blob base and more", "blob base and more and even more", "blob base",
		"blob outside!", "blob outside!!", "tree ", "commit a commit"}
	if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("Read() = %q, %v, want %q", got, err, want)
	}
	checkArrival(t, b.pack(), generous, len(want), nil)
}

// TestReadForgets resolves a bushy tree of deltas with hardly any memory, so that bases are made again and again.
func TestReadForgets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var b builder
		texts := []string{"root"}
		offsets := []int{b.object(storage.Blob, "root")}
		for i := range 60 {
			base := random.IntN(len(texts))
			text := texts[base] + fmt.Sprintf(" %d", i)
			if random.IntN(2) == 0 {
				offsets = append(offsets, b.offsetDelta(offsets[base], appending(len(texts[base]), fmt.Sprintf(" %d", i))))
			} else {
				offsets = append(offsets, b.refDelta(sum(storage.Blob, texts[base]), insertion(len(texts[base]), text)))
			}
			texts = append(texts, text)
		}
		all, err := readAll(t, b.pack(), generous, usual)
		if err != nil || len(all) != len(texts) {
			t.Fatalf("Read() = %d objects, %v, want %d", len(all), err, len(texts))
		}
		few, err := readAll(t, b.pack(), generous, budget{kept: 10, resident: 40})
		if err != nil || strings.Join(few, "|") != strings.Join(all, "|") {
			t.Errorf("Read() with little memory = %q, %v, want %q", few, err, all)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	one := func(fn func(*builder)) []byte {
		var b builder
		fn(&b)
		return b.pack()
	}
	good := one(func(b *builder) { b.object(storage.Blob, "text") })
	count := func(n uint32) []byte {
		p := bytes.Clone(good[:len(good)-trailerSize])
		binary.BigEndian.PutUint32(p[8:], n)
		return seal(p)
	}
	small := generous
	small.Blob, small.Objects, small.Total = 100, 3, 250
	for _, test := range []struct {
		name string
		pack []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"a header without a trailer", good[:12], ErrMalformed},
		{"another signature", seal([]byte("KCAP\x00\x00\x00\x02\x00\x00\x00\x00")), ErrMalformed},
		{"version 4", seal([]byte("PACK\x00\x00\x00\x04\x00\x00\x00\x00")), ErrMalformed},
		{"2^32-1 objects", count(1<<32 - 1), ErrMalformed},
		{"one object too many", count(2), ErrMalformed},
		{"one object too few", count(0), ErrMalformed},
		{"garbage at the end", seal(append(bytes.Clone(good[:len(good)-trailerSize]), "garbage"...)), ErrMalformed},
		{"a wrong checksum", append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), ErrMalformed},
		{"type 0", one(func(b *builder) { b.entry(0, 0, nil, deflate(nil)) }), ErrMalformed},
		{"type 5", one(func(b *builder) { b.entry(5, 0, nil, deflate(nil)) }), ErrMalformed},
		{"an object that is longer", one(func(b *builder) { b.entry(3, 3, nil, deflate([]byte("text"))) }), ErrMalformed},
		{"an object that is shorter", one(func(b *builder) { b.entry(3, 5, nil, deflate([]byte("text"))) }), ErrMalformed},
		{"no zlib", one(func(b *builder) { b.entry(3, 4, nil, []byte("no zlib stream")) }), ErrMalformed},
		{"a wrong Adler-32", one(func(b *builder) {
			z := deflate([]byte("text"))
			z[len(z)-1] ^= 1
			b.entry(3, 4, nil, z)
		}), ErrMalformed},
		{"a huge size", one(func(b *builder) { b.entry(3, 1<<29, nil, deflate([]byte("text"))) }), ErrMalformed},
		{"an endless size", seal(append([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01"), bytes.Repeat([]byte{0xff}, 20)...)),
			ErrMalformed},
		{"an offset of 0", one(func(b *builder) { b.entry(offsetDelta, 1, []byte{0}, deflate([]byte("x"))) }), ErrMalformed},
		{"an offset before the pack", one(func(b *builder) { b.entry(offsetDelta, 1, []byte{0x7f}, deflate([]byte("x"))) }),
			ErrMalformed},
		{"an offset into an object", one(func(b *builder) {
			at := b.object(storage.Blob, "text")
			b.offsetDelta(at+1, appending(4, "!"))
		}), ErrMalformed},
		{"a missing base", one(func(b *builder) { b.refDelta(sum(storage.Blob, "nowhere"), appending(7, "!")) }),
			ErrMalformed},
		{"a delta of itself", one(func(b *builder) { b.refDelta(sum(storage.Blob, "self"), insertion(4, "self")) }),
			ErrMalformed},
		{"a ring of deltas", one(func(b *builder) {
			b.refDelta(sum(storage.Blob, "a"), insertion(1, "b"))
			b.refDelta(sum(storage.Blob, "b"), insertion(1, "a"))
		}), ErrMalformed},
		{"an empty delta", one(func(b *builder) { b.offsetDelta(b.object(storage.Blob, "text"), nil) }), ErrMalformed},
		{"a delta for another base", one(func(b *builder) {
			b.offsetDelta(b.object(storage.Blob, "text"),
				appending(5, "!"))
		}), ErrMalformed},
		{"a chain of 4096 deltas", one(func(b *builder) {
			at := b.object(storage.Blob, "")
			for i := range maxChain + 1 {
				at = b.offsetDelta(at, appending(i, "x"))
			}
		}), ErrMalformed},
		{"a large blob", one(func(b *builder) { b.object(storage.Blob, strings.Repeat("x", 101)) }), ErrTooLarge},
		{"a delta of a large blob", one(func(b *builder) {
			b.offsetDelta(b.object(storage.Blob, strings.Repeat("x", 90)), appending(90, "123456789012"))
		}), ErrTooLarge},
		{"many objects", one(func(b *builder) {
			for range 4 {
				b.object(storage.Blob, "")
			}
		}), ErrTooLarge},
		{"much in all", one(func(b *builder) {
			at := b.object(storage.Blob, strings.Repeat("x", 90))
			b.offsetDelta(at, appending(90, "1"))
			b.offsetDelta(at, appending(90, "2"))
		}), ErrTooLarge},
	} {
		opts := generous
		if test.want == ErrTooLarge {
			opts = small
		}
		if _, err := readAll(t, test.pack, opts, usual); !errors.Is(err, test.want) {
			t.Errorf("Read() of a pack with %s = %v, want %v", test.name, err, test.want)
		}
		checkArrival(t, test.pack, opts, 0, test.want)
	}
}

// TestReadBounds reads what would be gigabytes if it were believed.
func TestReadBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and reads much")
	}
	double := func(size int64) []byte {
		ops := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(2*size))
		for range 2 {
			for at := int64(0); at < size; at += 0xffffff {
				n := min(size-at, 0xffffff)
				ops = append(ops, 0xff, byte(at), byte(at>>8), byte(at>>16), byte(at>>24), byte(n), byte(n>>8), byte(n>>16))
			}
		}
		return ops
	}
	doubling := func(b *builder, to int64) int {
		at := b.object(storage.Blob, "x")
		for size := int64(1); size < to; size *= 2 {
			at = b.offsetDelta(at, double(size))
		}
		return at
	}
	for _, test := range []struct {
		name string
		fill func(*builder)
	}{
		{"40 deltas that double", func(b *builder) { doubling(b, 1<<40) }},
		{"100 deltas that make 128 MiB each", func(b *builder) {
			at := doubling(b, 1<<26)
			for range 100 {
				b.offsetDelta(at, double(1<<26))
			}
		}},
		{"1,000 deltas of 8 MiB, each with one of its own", func(b *builder) {
			at := doubling(b, 1<<23)
			for i := range 1000 {
				ops := binary.AppendUvarint(binary.AppendUvarint(nil, 1<<23), 5)
				child := b.offsetDelta(at, append(append(ops, 5), fmt.Sprintf("%05d", i)...))
				b.offsetDelta(child, appending(5, "!"))
			}
		}},
		{"1,000 deltas of 128 MiB that are whole, each with one of its own", func(b *builder) {
			at := b.object(storage.Blob, strings.Repeat("x", 128<<20))
			for i := range 1000 {
				ops := binary.AppendUvarint(binary.AppendUvarint(nil, 128<<20), 5)
				child := b.offsetDelta(at, append(append(ops, 5), fmt.Sprintf("%05d", i)...))
				b.offsetDelta(child, appending(5, "!"))
			}
		}},
	} {
		var b builder
		test.fill(&b)
		p := b.pack()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAll(t, p, generous, budget{kept: 1 << 20, resident: 4 << 20})
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("Read() of %s = %v, want %v", test.name, err, ErrTooLarge)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<30 {
			t.Errorf("Read() of %s allocates %d bytes for a pack of %d", test.name, spent, len(p))
		}
	}
}

// TestReadFits reads small packs of large objects that are no bombs: one that zlib makes small, and a small change of
// one that is stored.
func TestReadFits(t *testing.T) {
	if testing.Short() {
		t.Skip("makes and reads much")
	}
	const size = 128 << 20
	large := strings.Repeat("x", size)
	var b builder
	b.object(storage.Blob, large)
	if _, err := Read(t.Context(), bytes.NewReader(b.pack()), int64(len(b.pack())), generous); err != nil {
		t.Errorf("Read() of a blob that zlib makes small = %v", err)
	}
	b = builder{}
	b.refDelta(sum(storage.Blob, large), appending(size, "!"))
	opts := generous
	opts.Base = func(context.Context, git.Hash) (storage.Type, []byte, error) { return storage.Blob, []byte(large), nil }
	if _, err := Read(t.Context(), bytes.NewReader(b.pack()), int64(len(b.pack())), opts); err != nil {
		t.Errorf("Read() of a small change = %v", err)
	}
}

func FuzzRead(f *testing.F) {
	var b builder
	base := b.object(storage.Blob, "base")
	b.offsetDelta(base, appending(4, " and more"))
	b.refDelta(sum(storage.Blob, "outside"), appending(7, "!"))
	b.object(storage.Commit, "a commit")
	f.Add(b.pack())
	opts := generous
	opts.Blob, opts.Total, opts.Objects = 1<<16, 1<<20, 1000
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) < trailerSize {
			return
		}
		p = seal(bytes.Clone(p[:len(p)-trailerSize]))
		got, err := readAll(t, p, opts, budget{kept: 100, resident: 100})
		if err == nil {
			checkArrival(t, p, opts, len(got), nil)
		}
	})
}

func TestSpool(t *testing.T) {
	want := make([]byte, spoolMemory+3*segmentSize+12345)
	rand.NewChaCha8([32]byte{1}).Read(want)
	var made []*segmentWriter
	s := NewSpool(int64(len(want)), Store{Create: func() (storage.Writer, error) {
		made = append(made, &segmentWriter{})
		return made[len(made)-1], nil
	}})
	for at := 0; at < len(want); {
		n := min(len(want)-at, 700_001)
		if w, err := s.Write(want[at : at+n]); w != n || err != nil {
			t.Fatalf("Write() = %d, %v, want %d", w, err, n)
		}
		at += n
	}
	if _, err := s.Write([]byte{1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Write() beyond the limit = %v, want %v", err, ErrTooLarge)
	}
	if len(made) != 4 || s.Size() != int64(len(want)) {
		t.Errorf("%d segments and %d bytes, want 4 and %d", len(made), s.Size(), len(want))
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		at := random.IntN(len(want))
		b := make([]byte, random.IntN(3*segmentSize/2))
		n, err := s.ReadAt(b, int64(at))
		expect := want[at:min(len(want), at+len(b))]
		if !bytes.Equal(b[:n], expect) || (err == io.EOF) != (n < len(b)) {
			t.Fatalf("ReadAt(%d bytes, %d) = %d, %v, want %d bytes", len(b), at, n, err, len(expect))
		}
	}
	if err := s.Discard(); err != nil {
		t.Error(err)
	}
	for _, w := range made {
		if !w.discarded {
			t.Error("a segment is left after Discard()")
		}
	}
}

type segmentWriter struct {
	bytes.Buffer
	discarded bool
}

func (w *segmentWriter) Content() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(w.Bytes())), nil
}
func (w *segmentWriter) Commit(context.Context, git.Hash, storage.Type) error { return nil }
func (w *segmentWriter) Discard() error                                       { w.discarded = true; return nil }
