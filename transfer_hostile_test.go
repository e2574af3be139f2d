package reposit_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zlib"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// A packBuilder writes packs that git would not.
type packBuilder struct {
	bytes.Buffer
	last int64 // where the last entry begins
}

func newPackBuilder(claims uint32) *packBuilder {
	b := &packBuilder{}
	b.Write(packfile.AppendHeader(nil, claims))
	return b
}

// add adds an entry, whose size is what the content has, unless the entry says another.
func (b *packBuilder) add(t testing.TB, e packfile.Entry, content []byte) {
	t.Helper()
	at := int64(b.Len())
	if e.Kind == packfile.OffsetDelta {
		e.Back = at - b.last
	}
	if e.Size == 0 {
		e.Size = int64(len(content))
	}
	b.last = at
	b.Write(e.AppendTo(nil))
	z := zlib.NewWriter(b)
	_, err := z.Write(content)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
}

func (b *packBuilder) seal() []byte {
	sum := sha1.Sum(b.Bytes())
	return append(bytes.Clone(b.Bytes()), sum[:]...)
}

// growth returns a delta that makes of a base of so many bytes what has it several times.
func growth(base, times int) []byte {
	var d packfile.DeltaWriter
	for range times {
		d.Copy(0, base)
	}
	return d.Delta(base, base*times)
}

// TestImportHostile gives imports and fetches what no git makes. Each is an error within the limits; imports leave
// nothing.
func TestImportHostile(t *testing.T) {
	blob := packfile.Entry{Kind: packfile.Kind(storage.Blob)}
	delta := packfile.Entry{Kind: packfile.OffsetDelta}
	packs := map[string]struct {
		want error
		make func(b *packBuilder)
		n    uint32
	}{
		"more objects than there are": {reposit.ErrInvalid, func(b *packBuilder) { b.add(t, blob, []byte("x")) }, 2},
		"a count beyond all bounds":   {reposit.ErrInvalid, func(*packBuilder) {}, 1 << 31},
		"fewer objects than there are": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, blob, []byte("x"))
			b.add(t, blob, []byte("y"))
		}, 1},
		"a blob that inflates beyond the limit": {reposit.ErrTooLarge, func(b *packBuilder) {
			b.add(t, blob, make([]byte, 3<<20))
		}, 1},
		"a blob that is longer than it says": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, packfile.Entry{Kind: blob.Kind, Size: 10}, make([]byte, 1<<20))
		}, 1},
		"many blobs": {reposit.ErrTooLarge, func(b *packBuilder) {
			for i := range 40 {
				b.add(t, blob, bytes.Repeat([]byte{byte(i)}, 1<<20-1))
			}
		}, 40},
		"deltas that make much of little": {reposit.ErrTooLarge, func(b *packBuilder) {
			size := 1 << 10
			b.add(t, blob, make([]byte, size))
			for range 5 {
				b.add(t, delta, growth(size, 16))
				size *= 16
			}
		}, 6},
		"a chain of too many deltas": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, blob, []byte("x"))
			for range packfile.MaxChain + 1 {
				b.add(t, delta, growth(1, 1))
			}
		}, packfile.MaxChain + 2},
		"a base that is nowhere": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, packfile.Entry{Kind: packfile.RefDelta, Base: storage.Hash{1}}, growth(1, 1))
		}, 1},
		"a delta for another base": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, blob, []byte("x"))
			b.add(t, delta, growth(7, 1))
		}, 2},
		"a tree with git's own folder": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, blob, []byte("x"))
			h, _ := packfile.Sum(storage.Blob, []byte("x"))
			b.add(t, packfile.Entry{Kind: packfile.Kind(storage.Tree)}, append([]byte("100644 .git\x00"), h[:]...))
		}, 2},
		"a tree that is not whole": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, packfile.Entry{Kind: packfile.Kind(storage.Tree)}, []byte("100644 x\x00"+strings.Repeat("x", 20)))
		}, 1},
		"a commit of a blob": {reposit.ErrInvalid, func(b *packBuilder) {
			b.add(t, blob, []byte("x"))
			h, _ := packfile.Sum(storage.Blob, []byte("x"))
			b.add(t, packfile.Entry{Kind: packfile.Kind(storage.Commit)},
				fmt.Appendf(nil, "tree %s\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nm\n", h))
		}, 2},
		"a submodule that runs commands": {reposit.ErrInvalid, func(b *packBuilder) {
			content := []byte("[submodule \"x\"]\n\tpath = x\n\turl = -u./payload\n")
			b.add(t, blob, content)
			h, _ := packfile.Sum(storage.Blob, content)
			b.add(t, packfile.Entry{Kind: packfile.Kind(storage.Tree)}, append([]byte("100644 .gitmodules\x00"), h[:]...))
		}, 2},
	}
	limits := &reposit.Options{Limits: reposit.Limits{BlobSize: 2 << 20, CommitSize: 8 << 20}}
	eachKind(t, func(t *testing.T, open opener) {
		s := open(limits)
		r := create(t, s, "r", nil)
		write(t, r, "f", "1")
		before, refs := s.digest(t), refsOf(t, r)
		for what, p := range packs {
			b := newPackBuilder(p.n)
			p.make(b)
			data := b.seal()
			_, err := s.ImportBundle(t.Context(), "bad", bytes.NewReader(append([]byte("# v2 git bundle\n\n"), data...)), nil)
			if !errors.Is(err, p.want) {
				t.Errorf("ImportBundle() of %s = %v, want %v", what, err, p.want)
			}
			if s.digest(t) != before {
				t.Fatalf("ImportBundle() of %s left something", what)
			}
			_, err = r.Fetch(t.Context(), bytes.NewReader(append([]byte("# v2 git bundle\n\n"), data...)), nil)
			if !errors.Is(err, p.want) || refsOf(t, r) != refs {
				t.Errorf("Fetch() of %s = %v, want %v", what, err, p.want)
			}
			before := s.digest(t)
			to := fmt.Sprintf("%s %s refs/heads/x", reposit.Hash{}, must(r.Resolve(t.Context(), "main"))(t))
			told, err := receive(t.Context(), r, pushes(data, "", to), nil)
			if !errors.Is(err, p.want) || !strings.Contains(told, "ng refs/heads/x unpacker error") || s.digest(t) != before {
				t.Errorf("ReceivePack() of %s = %v, want %v; the client is told %q", what, err, p.want, told)
			}
		}
	})
}

// TestBundleCounts has a bundle's header say much of what it does not have.
func TestBundleCounts(t *testing.T) {
	s := openMemory(t, nil)
	line := strings.Repeat("1", 40) + " refs/heads/x\n"
	endless := "# v2 git bundle\n" + strings.Repeat(line, 1<<16)
	pack := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 0)
	sum := sha1.Sum(pack)
	for what, text := range map[string]string{
		"lines without an end":    endless,
		"refs to what is missing": "# v2 git bundle\n" + line + "\n" + string(pack) + string(sum[:]),
		"prerequisites":           "# v2 git bundle\n-" + strings.Repeat("1", 40) + "\n\n" + string(pack) + string(sum[:]),
	} {
		_, err := s.ImportBundle(t.Context(), "bad", strings.NewReader(text), nil)
		if !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("ImportBundle() with %s = %v, want %v", what, err, reposit.ErrInvalid)
		}
	}
}
