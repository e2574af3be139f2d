package archive_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// golden are hashes of archives of someTree. They change with the version of the compression library, and then on
// purpose.
var golden = map[archive.Format]string{
	archive.Tar:    "e7b033b09371aa9b4a1399d5dfe3af419c4118ab1ed41d2819059b110165ea1b",
	archive.TarGz:  "e4c6cf023fcfa75fe07676f118c2fb74d346bc2b66124bd0e4390145f7681949",
	archive.TarZst: "4f0b1758b46f3bbe2a0bb623f18ad84bb988e171d1c0e85198479db435e89885",
	archive.Zip:    "2af99a6f921ee91f383f28704898e66f55ff183474658a3ca8b7313899808b86",
}

func TestGolden(t *testing.T) {
	all := objects{}
	tree := someTree(t, all)
	commit := fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\nm\n", tree, someone, other)
	opts := archive.Options{Tree: tree, Commit: all.put(t, storage.Commit, commit), CommitData: commit, Prefix: "p-1/"}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2, 3, 8} {
		runtime.GOMAXPROCS(procs)
		for _, format := range formats {
			opts.Format = format
			if got := fmt.Sprintf("%x", sha256.Sum256(write(t, all, &opts))); got != golden[format] {
				t.Errorf("with %d processors, format %d has hash %s, want %s", procs, format, got, golden[format])
			}
		}
	}
}

// TestCompressedTarsHoldTheTar reads what was compressed in blocks with decoders that know nothing of them.
func TestCompressedTarsHoldTheTar(t *testing.T) {
	all := objects{}
	tree := someTree(t, all)
	want := write(t, all, &archive.Options{Tree: tree})
	for level := range 10 {
		z, err := gzip.NewReader(bytes.NewReader(write(t, all,
			&archive.Options{Format: archive.TarGz, Tree: tree, Level: level})))
		if err != nil {
			t.Fatal(err)
		}
		z.Multistream(false)
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
			t.Errorf("tar.gz of level %d: %d bytes, %v, want the tar's %d", level, len(got), err, len(want))
		}
	}
	for _, level := range []int{0, 1, 3, 7, 11, 22} {
		z, err := zstd.NewReader(bytes.NewReader(write(t, all,
			&archive.Options{Format: archive.TarZst, Tree: tree, Level: level})))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want) {
			t.Errorf("tar.zst of level %d: %d bytes, %v, want the tar's %d", level, len(got), err, len(want))
		}
		z.Close()
	}
}

func TestProgress(t *testing.T) {
	r := newRepo(t)
	commit := r.commit(file{path: ".gitattributes", content: "x export-ignore"}, file{path: "a/b"}, file{path: "a/x"},
		file{path: "c/d/e"}, file{path: "l", mode: "120000", content: "a"}, file{path: "s", mode: "160000"})
	all := r.objects()
	opts := options(t, all, commit, archive.Tar)
	opts.Prefix = "p/"
	var got []string
	opts.Progress = func(done, total int64) { got = append(got, fmt.Sprintf("%d/%d", done, total)) }
	write(t, all, opts)
	if want := "[1/5 2/5 3/5 4/5 5/5]"; fmt.Sprint(got) != want {
		t.Errorf("Progress was told %v, want %s", got, want)
	}
}

// A vast source has any blob that it is asked for, with a size and content made up from its hash, and keeps none.
type vast struct {
	tree *git.Tree
}

func (v vast) Tree(context.Context, storage.Hash) (*git.Tree, error) { return v.tree, nil }

func (v vast) size(h storage.Hash) int64 {
	return []int64{0, 100, 4 << 10, 4 << 10, 30 << 10, 300 << 10, 1 << 20, 5 << 20}[h[0]%8]
}

func (v vast) Blob(_ context.Context, h storage.Hash, limit int64) (int64, []byte, error) {
	n := v.size(h)
	if n > limit {
		return n, nil, nil
	}
	data := make([]byte, n)
	io.ReadFull(&wordReader{rand.New(rand.NewPCG(uint64(h[0]), uint64(h[1])))}, data)
	return n, data, nil
}

func (v vast) OpenBlob(_ context.Context, h storage.Hash) (int64, io.ReadCloser, error) {
	n := v.size(h)
	return n, io.NopCloser(io.LimitReader(&wordReader{rand.New(rand.NewPCG(uint64(h[0]), uint64(h[1])))}, n)), nil
}

type wordReader struct{ *rand.Rand }

func (r *wordReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], []string{"func ", "return ", "err\n", "the ", "archive", "\t", "of "}[r.IntN(7)])
	}
	return n, nil
}

// heapWriter notes how large the heap is while it is written to.
type heapWriter struct {
	written, next int
	most          uint64
}

func (w *heapWriter) Write(p []byte) (int, error) {
	if w.written += len(p); w.written >= w.next {
		w.next = w.written + 256<<10
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(p), nil
}

func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("long: what it looks at must be far larger than the bound")
	}
	var raw []byte
	for i := range 96 {
		raw = fmt.Appendf(raw, "100644 f%03d\x00%s", i, append([]byte{byte(i), byte(i / 8)}, make([]byte, 18)...))
	}
	tree, err := git.ParseTree(raw)
	if err != nil {
		t.Fatal(err)
	}
	// How much garbage there is beside what is in use depends on the cores and what else they do, so there is to be
	// little.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	const limit = 32 << 20
	for _, format := range formats {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		var w heapWriter
		start := time.Now()
		if err := archive.Write(t.Context(), &w, vast{tree}, &archive.Options{Format: format}); err != nil {
			t.Fatal(err)
		}
		grown := int64(w.most) - int64(before.HeapAlloc)
		t.Logf("format %d: %d bytes written, heap grew by %d in %v", format, w.written, grown, time.Since(start))
		if grown > limit {
			t.Errorf("in format %d, the heap grew by %d bytes, want at most %d", format, grown, limit)
		}
	}
}
