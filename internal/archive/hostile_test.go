package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func isNotFound(err error) bool { return errors.Is(err, storage.ErrNotFound) }

var formats = []archive.Format{archive.Tar, archive.TarGz, archive.TarZst, archive.Zip}

// tree stores a tree of lines, each a mode and a name, all of which name the same object.
func (o objects) tree(t testing.TB, h storage.Hash, lines ...string) storage.Hash {
	t.Helper()
	var raw []byte
	for _, line := range lines {
		raw = append(raw, line...)
		raw = append(raw, 0)
		raw = append(raw, h[:]...)
	}
	return o.put(t, storage.Tree, raw)
}

func TestHostileNamesAreRefused(t *testing.T) {
	all := objects{}
	blob := all.put(t, storage.Blob, []byte("x"))
	inner := all.tree(t, blob, "100644 f")
	for _, name := range []string{
		".", "..", ".git", ".GIT", ".Git", "git~1", ".git.", ".git ", ".g\u200cit", "a/b", "/a", "../a", `..\a`, `a\..\..\b`,
		`\..`, `x\.git`,
	} {
		for _, mode := range []string{"100644 ", "120000 ", "160000 "} {
			err := archive.Write(t.Context(), io.Discard, all, &archive.Options{Tree: all.tree(t, blob, mode+name)})
			if !errors.Is(err, names.ErrMalformed) {
				t.Errorf("Write of entry %s%q = %v, want %v", mode, name, err, names.ErrMalformed)
			}
		}
		err := archive.Write(t.Context(), io.Discard, all, &archive.Options{Tree: all.tree(t, inner, "40000 "+name)})
		if !errors.Is(err, names.ErrMalformed) {
			t.Errorf("Write of directory %q = %v, want %v", name, err, names.ErrMalformed)
		}
	}
	for prefix, name := range map[string]string{"x/.gi": "t", "x/.g": "it", `x\.`: `.\y`} {
		err := archive.Write(t.Context(), io.Discard, all,
			&archive.Options{Tree: all.tree(t, blob, "100644 "+name), Prefix: prefix})
		if !errors.Is(err, names.ErrMalformed) {
			t.Errorf("Write of %q behind prefix %q = %v, want %v", name, prefix, err, names.ErrMalformed)
		}
	}
}

func TestDisorderIsRefused(t *testing.T) {
	all := objects{}
	blob := all.put(t, storage.Blob, []byte("x"))
	for _, lines := range [][]string{
		{"100644 b", "100644 a"},
		{"100644 a", "100644 a"},
		{"120000 a", "40000 a"},
		{"120000 a", "100644 a-", "100644 a-b", "100644 a.b", "40000 a"},
		{"100644 a.c", "100644 a.b", "40000 a"},
		{"160000 a", "40000 a"},
	} {
		err := archive.Write(t.Context(), io.Discard, all, &archive.Options{Tree: all.tree(t, blob, lines...)})
		if !errors.Is(err, git.ErrMalformed) {
			t.Errorf("Write of tree %q = %v, want %v", lines, err, git.ErrMalformed)
		}
	}
}

func TestLimits(t *testing.T) {
	all := objects{}
	blob := all.put(t, storage.Blob, []byte("x"))
	leaf := all.tree(t, blob, "100644 f")
	deep := leaf
	for range names.MaxDepth + 1 {
		deep = all.tree(t, deep, "40000 d")
	}
	bomb := leaf
	for range 12 {
		bomb = all.tree(t, bomb, "40000 a", "40000 b", "40000 c", "40000 d", "40000 e", "40000 f", "40000 g", "40000 h",
			"40000 i", "40000 j")
	}
	hollow := all.put(t, storage.Tree, nil)
	for range 12 {
		hollow = all.tree(t, hollow, "40000 a", "40000 b", "40000 c", "40000 d", "40000 e", "40000 f", "40000 g", "40000 h",
			"40000 i", "40000 j")
	}
	long := all.tree(t, all.tree(t, blob, "100644 "+strings.Repeat("x", 2100)), "40000 "+strings.Repeat("y", 2100))
	rules := all.put(t, storage.Blob, bytes.Repeat([]byte("*.c text\n"), 1<<20))
	link := all.put(t, storage.Blob, make([]byte, storage.LargeObject+1))
	for name, tree := range map[string]storage.Hash{
		"deep": deep, "bomb": bomb, "hollow": hollow, "long": long,
		"attributes": all.tree(t, rules, "100644 .gitattributes"), "link": all.tree(t, link, "120000 l"),
	} {
		for _, format := range formats {
			opts := &archive.Options{Format: format, Tree: tree, MaxEntries: 10_000}
			if err := archive.Write(t.Context(), io.Discard, all, opts); !errors.Is(err, archive.ErrTooLarge) {
				t.Errorf("Write of %s in format %d = %v, want %v", name, format, err, archive.ErrTooLarge)
			}
		}
	}
	for limit, want := range map[int64]error{2: archive.ErrTooLarge, 3: nil} {
		opts := &archive.Options{Tree: all.tree(t, blob, "100644 a", "100644 b", "100644 c"), MaxEntries: limit}
		if err := archive.Write(t.Context(), io.Discard, all, opts); !errors.Is(err, want) {
			t.Errorf("Write of 3 entries with MaxEntries %d = %v, want %v", limit, err, want)
		}
	}
}

func TestMissingObjects(t *testing.T) {
	all := objects{}
	gone := storage.Hash{1}
	for name, tree := range map[string]storage.Hash{
		"root": gone, "blob": all.tree(t, gone, "100644 f"), "tree": all.tree(t, gone, "40000 d"),
		"link": all.tree(t, gone, "120000 l"), "attributes": all.tree(t, gone, "100644 .gitattributes"),
	} {
		for _, format := range formats {
			err := archive.Write(t.Context(), io.Discard, all, &archive.Options{Format: format, Tree: tree})
			if !isNotFound(err) {
				t.Errorf("Write without %s = %v, want %v", name, err, storage.ErrNotFound)
			}
		}
	}
}

func TestInvalidOptions(t *testing.T) {
	all := objects{}
	tree := all.put(t, storage.Tree, nil)
	for _, opts := range []archive.Options{
		{Format: -1}, {Format: 4}, {Level: -1}, {Level: 10}, {Format: archive.TarZst, Level: 23},
		{Prefix: "/"}, {Prefix: "/a/"}, {Prefix: "../"}, {Prefix: "a/../b"}, {Prefix: "a//"}, {Prefix: "a/./b/"},
		{Prefix: ".git/"},
		{Prefix: "a\x00b"}, {Prefix: `a\..\b`}, {Prefix: ".."}, {Prefix: "."}, {Prefix: strings.Repeat("a/", 3000)},
	} {
		opts.Tree = tree
		if err := archive.Write(t.Context(), io.Discard, all, &opts); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("Write with format %d, level %d, prefix %.20q = %v, want %v", opts.Format, opts.Level, opts.Prefix, err,
				archive.ErrInvalid)
		}
	}
}

// A liar says that large blobs have another size than they have.
type liar struct {
	objects
	off int64
}

func (l liar) OpenBlob(ctx context.Context, h storage.Hash) (int64, io.ReadCloser, error) {
	n, r, err := l.objects.OpenBlob(ctx, h)
	return n + l.off, r, err
}

func TestWrongSize(t *testing.T) {
	all := objects{}
	tree := all.tree(t, all.put(t, storage.Blob, make([]byte, storage.LargeObject+1)), "100644 f")
	for _, off := range []int64{-1, 1, 100_000} {
		for _, format := range formats {
			err := archive.Write(t.Context(), io.Discard, liar{all, off}, &archive.Options{Format: format, Tree: tree})
			if !errors.Is(err, storage.ErrCorrupt) {
				t.Errorf("Write in format %d of a blob that is %d shorter = %v, want %v", format, off, err, storage.ErrCorrupt)
			}
		}
	}
}

// someTree has small and large files in some directories.
func someTree(t testing.TB, all objects) storage.Hash {
	small := all.put(t, storage.Blob, bytes.Repeat([]byte("some text\n"), 400))
	large := all.put(t, storage.Blob, bytes.Repeat([]byte("more text\n"), 200_000))
	var lines []string
	for i := range 200 {
		lines = append(lines, fmt.Sprintf("100644 f%03d", i))
	}
	dir := all.tree(t, small, lines...)
	big := all.tree(t, large, "100644 a", "100644 b")
	raw := append([]byte("40000 a\x00"), dir[:]...)
	raw = append(append(raw, "40000 b\x00"...), big[:]...)
	raw = append(append(raw, "40000 c\x00"...), dir[:]...)
	return all.put(t, storage.Tree, raw)
}

// A brittle writer fails after some bytes.
type brittle struct {
	t      *testing.T
	left   int
	failed bool
}

var errBrittle = errors.New("no more")

func (w *brittle) Write(p []byte) (int, error) {
	if w.failed {
		w.t.Error("Write was called again after it failed")
	}
	if w.left -= len(p); w.left < 0 {
		w.failed = true
		return 0, errBrittle
	}
	return len(p), nil
}

func TestFailingWriter(t *testing.T) {
	all := objects{}
	tree := someTree(t, all)
	for _, format := range formats {
		var size countingWriter
		if err := archive.Write(t.Context(), &size, all, &archive.Options{Format: format, Tree: tree}); err != nil {
			t.Fatal(err)
		}
		tries := 12
		if testing.Short() {
			tries = 3
		}
		for i := range tries {
			w := &brittle{t: t, left: int(size) * i / tries}
			if err := archive.Write(t.Context(), w, all, &archive.Options{Format: format, Tree: tree}); !errors.Is(err,
				errBrittle) {
				t.Errorf("Write in format %d that fails after %d bytes = %v, want %v", format, w.left, err, errBrittle)
			}
		}
	}
}

// A stuck source stops at some blob until the context is done.
type stuck struct {
	objects
	reached chan struct{}
}

func (s stuck) Blob(ctx context.Context, h storage.Hash, limit int64) (int64, []byte, error) {
	select {
	case s.reached <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return 0, nil, ctx.Err()
}

func TestCancel(t *testing.T) {
	all := objects{}
	tree := someTree(t, all)
	for _, format := range formats {
		ctx, cancel := context.WithCancel(t.Context())
		src := stuck{all, make(chan struct{}, 1)}
		go func() {
			<-src.reached
			cancel()
		}()
		if err := archive.Write(ctx, io.Discard, src, &archive.Options{Format: format, Tree: tree}); !errors.Is(err,
			context.Canceled) {
			t.Errorf("Write in format %d = %v, want %v", format, err, context.Canceled)
		}
		for _, after := range []int64{0, 1, 150, 300} {
			ctx, cancel := context.WithCancel(t.Context())
			if after == 0 {
				cancel()
			}
			opts := &archive.Options{Format: format, Tree: tree, Progress: func(done, _ int64) {
				if done == after {
					cancel()
				}
			}}
			if err := archive.Write(ctx, io.Discard, all, opts); !errors.Is(err, context.Canceled) {
				t.Errorf("Write in format %d, cancelled after %d files, = %v, want %v", format, after, err, context.Canceled)
			}
			cancel()
		}
	}
}
