package packfile_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

func TestHeader(t *testing.T) {
	b := packfile.AppendHeader(nil, 7)
	if n, err := packfile.ParseHeader(b); n != 7 || err != nil || len(b) != packfile.HeaderSize {
		t.Errorf("ParseHeader() of %x = %d, %v, want 7", b, n, err)
	}
	for _, bad := range []string{"", "PACK\x00\x00\x00\x02\x00\x00\x00", "KCAP\x00\x00\x00\x02\x00\x00\x00\x00",
		"PACK\x00\x00\x00\x04\x00\x00\x00\x00"} {
		if _, err := packfile.ParseHeader([]byte(bad)); !errors.Is(err, packfile.ErrMalformed) {
			t.Errorf("ParseHeader(%q) = %v, want %v", bad, err, packfile.ErrMalformed)
		}
	}
}

func TestEntry(t *testing.T) {
	for _, e := range []packfile.Entry{
		{Kind: packfile.Kind(storage.Blob)}, {Kind: packfile.Kind(storage.Commit), Size: 15},
		{Kind: packfile.Kind(storage.Tag), Size: 16}, {Kind: packfile.Kind(storage.Tree), Size: 1<<60 - 1},
		{Kind: packfile.OffsetDelta, Size: 300, Back: 1}, {Kind: packfile.OffsetDelta, Back: 127},
		{Kind: packfile.OffsetDelta, Back: 128}, {Kind: packfile.OffsetDelta, Size: 1 << 40, Back: 1 << 50},
		{Kind: packfile.RefDelta, Size: 2047, Base: storage.Hash{1, 2, 3}},
	} {
		b := e.AppendTo([]byte("x"))[1:]
		e.Len = len(b)
		if got, err := packfile.ParseEntry(append(b, "zlib"...)); err != nil || got != e || len(b) > packfile.MaxEntry {
			t.Errorf("ParseEntry(%x) = %+v, %v, want %+v", b, got, err, e)
		}
		for n := range b {
			if got, err := packfile.ParseEntry(b[:n]); !errors.Is(err, packfile.ErrMalformed) || got != (packfile.Entry{}) {
				t.Errorf("ParseEntry(%x), which is cut short, = %+v, %v", b[:n], got, err)
			}
		}
	}
	for _, bad := range []string{"\x00", "\x50", "\x60\x00", strings.Repeat("\xff", 20), "\x60" + strings.Repeat("\xff",
		20)} {
		if _, err := packfile.ParseEntry([]byte(bad)); !errors.Is(err, packfile.ErrMalformed) {
			t.Errorf("ParseEntry(%q) = %v, want %v", bad, err, packfile.ErrMalformed)
		}
	}
}

// FuzzEntry holds that a header reads back as what was written.
func FuzzEntry(f *testing.F) {
	f.Add([]byte("\x95\x0a"))
	f.Add([]byte("\x6f\x81\x00"))
	f.Add(append([]byte("\x7f"), make([]byte, 20)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := packfile.ParseEntry(b)
		if err != nil {
			return
		}
		again, err := packfile.ParseEntry(e.AppendTo(nil))
		if again.Len = e.Len; err != nil || again != e {
			t.Errorf("ParseEntry(%x) = %+v, and written again %+v, %v", b, e, again, err)
		}
	})
}

func TestApplyDelta(t *testing.T) {
	base := []byte(strings.Repeat("0123456789", 20_000)) // beyond the size of one copy
	var d packfile.DeltaWriter
	d.Copy(5, len(base))
	d.Insert([]byte(strings.Repeat("new", 100)))
	d.Copy(0, 256)
	want := string(base[5:]) + strings.Repeat("new", 100) + string(base[:256])
	delta := d.Delta(len(base), len(want))
	if got, err := packfile.ApplyDelta(base, delta, int64(len(want))); err != nil || string(got) != want {
		t.Errorf("ApplyDelta() makes %d bytes, %v, want %d", len(got), err, len(want))
	}
	if from, size, _, ok := packfile.DeltaSizes(delta); !ok || from != int64(len(base)) || size != int64(len(want)) {
		t.Errorf("DeltaSizes() = %d, %d, %v, want %d, %d", from, size, ok, len(base), len(want))
	}
	bad := map[string][]byte{
		"nothing": nil, "one size": {4}, "another base": {5, 1, 1, 'x'}, "no instruction": {4, 1},
		"the reserved one":               {4, 1, 0},
		"an insertion that is cut short": {4, 3, 3, 'a', 'b'}, "a copy that is cut short": {4, 1, 0x91, 0},
		"a copy from beyond": {4, 4, 0x91, 1, 4}, "more than it says": {4, 1, 2, 'a', 'b'},
		"less than it says":    {4, 3, 2, 'a', 'b'},
		"more than the limit":  {4, 11, 11, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k'},
		"a size that is a lie": append([]byte{4}, 0xff, 0xff, 0xff, 0xff, 0x07, 1, 'x'),
	}
	for what, delta := range bad {
		limit := int64(10)
		if strings.HasSuffix(what, "lie") {
			limit = math.MaxInt64
		}
		got, err := packfile.ApplyDelta([]byte("base"), delta, limit)
		if !errors.Is(err, packfile.ErrMalformed) || got != nil {
			t.Errorf("ApplyDelta() of %s = %q, %v, want %v", what, got, err, packfile.ErrMalformed)
		}
	}
}

// FuzzDelta applies deltas: they fail, or make as many bytes as they say.
func FuzzDelta(f *testing.F) {
	f.Add([]byte("base"), []byte("\x04\x05\x90\x04\x01x"))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := packfile.ApplyDelta(base, delta, 1<<20)
		if err != nil {
			return
		}
		if _, size, _, _ := packfile.DeltaSizes(delta); int64(len(out)) != size || size > 1<<20 {
			t.Errorf("ApplyDelta() has %d bytes, want %d", len(out), size)
		}
	})
}

func TestIndex(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var entries []packfile.IndexEntry
	for range 1000 {
		e := packfile.IndexEntry{Offset: random.Int64N(1 << 40), CRC: random.Uint32()}
		for i := range e.Hash {
			e.Hash[i] = byte(random.Uint32())
		}
		if random.IntN(2) == 0 {
			e.Offset >>= 12
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b packfile.IndexEntry) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	data := packfile.AppendIndex([]byte("before"), entries, [20]byte{9})[len("before"):]
	x, err := packfile.ParseIndex(data)
	if err != nil || x.Len() != len(entries) {
		t.Fatalf("ParseIndex() = %d objects, %v, want %d", x.Len(), err, len(entries))
	}
	for i, e := range entries {
		if off, ok := x.Offset(e.Hash); !ok || off != e.Offset || x.Hash(i) != e.Hash || x.Search(e.Hash) != i {
			t.Fatalf("Offset(%s) = %d, %v, want %d", e.Hash, off, ok, e.Offset)
		}
	}
	if off, ok := x.Offset(storage.Hash{}); ok {
		t.Errorf("Offset() of what is not there = %d", off)
	}
	for _, at := range []int{0, 9, 500, 2000, len(data) - 1} {
		damaged := bytes.Clone(data)
		damaged[at] ^= 4
		if _, err := packfile.ParseIndex(damaged); !errors.Is(err, packfile.ErrMalformed) {
			t.Errorf("ParseIndex() with byte %d damaged = %v, want %v", at, err, packfile.ErrMalformed)
		}
	}
	for _, n := range []int{0, 1, 1072, len(data) - 21} {
		if _, err := packfile.ParseIndex(data[:n]); !errors.Is(err, packfile.ErrMalformed) {
			t.Errorf("ParseIndex() of %d bytes = %v, want %v", n, err, packfile.ErrMalformed)
		}
	}
}

func TestObjectHeader(t *testing.T) {
	b := packfile.AppendObjectHeader(nil, storage.Blob, 12)
	if string(b) != "blob 12\x00" {
		t.Errorf("AppendObjectHeader() = %q", b)
	}
	if typ, size, err := packfile.ParseObjectHeader("tree 7"); typ != storage.Tree || size != 7 || err != nil {
		t.Errorf("ParseObjectHeader() = %v, %d, %v, want a tree of 7 bytes", typ, size, err)
	}
	for _, bad := range []string{"", "blob", "blob ", "blob -1", "blob x", "blub 1", " 1", "blob 99999999999999999999"} {
		if _, _, err := packfile.ParseObjectHeader(bad); !errors.Is(err, packfile.ErrMalformed) {
			t.Errorf("ParseObjectHeader(%q) = %v, want %v", bad, err, packfile.ErrMalformed)
		}
	}
}

func TestHasher(t *testing.T) {
	content := []byte(strings.Repeat("content\n", 1000))
	want, ok := packfile.Sum(storage.Blob, content)
	if !ok || want.IsZero() {
		t.Fatalf("Sum() = %s, %v", want, ok)
	}
	if !packfile.Is(storage.Blob, content, want) || packfile.Is(storage.Tree, content, want) ||
		packfile.Is(storage.Blob, content[1:], want) {
		t.Error("Is() takes content for another one")
	}
	h := packfile.NewHasher(storage.Blob, int64(len(content)))
	h.Write(content[:100])
	mark := h.Mark()
	h.Write([]byte("something else"))
	if !h.Resume(mark) {
		t.Fatal("Resume() = false")
	}
	h.Write(content[100:])
	if got, ok := h.Sum(); got != want || !ok {
		t.Errorf("Sum() after Resume = %s, %v, want %s", got, ok, want)
	}
	if h.Resume(nil) || h.Resume(packfile.Mark("nonsense")) {
		t.Error("Resume() of what is no mark = true, want false")
	}
}

// TestAgainstGit has git pack objects, and reads the pack; and writes a pack and an index, and has git check them.
func TestAgainstGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	git := func(stdin string, args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("", "init", "-q", "--bare")
	var hashes []string
	for i := range 50 {
		content := strings.Repeat("a line that stays\n", 100) + strings.Repeat("x", i)
		hashes = append(hashes, git(content, "hash-object", "-w", "--stdin"))
		h, ok := packfile.Sum(storage.Blob, []byte(content))
		if !ok || h.String() != hashes[i] {
			t.Fatalf("Sum() = %s, want %s", h, hashes[i])
		}
	}
	for version, flag := range map[string]string{"1": "--index-version=1", "2": "--index-version=2"} {
		name := filepath.Join(dir, "v"+version)
		sum := git(strings.Join(hashes, "\n")+"\n", "pack-objects", "-q", "--delta-base-offset", flag, name)
		data := read(t, name+"-"+sum+".pack")
		if n, err := packfile.ParseHeader(data); err != nil || int(n) != len(hashes) {
			t.Errorf("ParseHeader() = %d, %v, want %d", n, err, len(hashes))
		}
		x, err := packfile.ParseIndex(read(t, name+"-"+sum+".idx"))
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[packfile.Kind]int{}
		var got []string
		for i := range x.Len() {
			got = append(got, x.Hash(i).String())
			off, _ := x.Offset(x.Hash(i))
			e, err := packfile.ParseEntry(data[off:])
			if err != nil {
				t.Fatalf("ParseEntry() of %s: %v", x.Hash(i), err)
			}
			kinds[e.Kind]++
		}
		slices.Sort(hashes)
		if diff := cmp.Diff(hashes, got); diff != "" || kinds[packfile.OffsetDelta] == 0 {
			t.Errorf("index of version %s, with entries of %v (-git +ours):\n%s", version, kinds, diff)
		}
		if version == "1" {
			continue
		}
		entries := make([]packfile.IndexEntry, x.Len())
		for i, line := range strings.Split(git(string(read(t, name+"-"+sum+".idx")), "show-index"), "\n") {
			var crc uint32
			fields := strings.Fields(strings.Trim(line, "()"))
			for _, c := range []byte(strings.Trim(fields[2], "()")) {
				crc = crc<<4 | uint32(strings.IndexByte("0123456789abcdef", c))
			}
			off, _ := x.Offset(x.Hash(i))
			entries[i] = packfile.IndexEntry{Hash: x.Hash(i), Offset: off, CRC: crc}
		}
		made := packfile.AppendIndex(nil, entries, [20]byte(data[len(data)-20:]))
		if !bytes.Equal(made, read(t, name+"-"+sum+".idx")) {
			t.Error("AppendIndex() does not make git's index")
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
