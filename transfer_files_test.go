package reposit_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// TestImportArchive takes back what Archive writes in each format: the same tree.
func TestImportArchive(t *testing.T) {
	t.Parallel()
	eachBackend(t, func(t *testing.T, open opener) {
		ctx := t.Context()
		s := open(nil)
		r, _ := travelled(t, s)
		// A submodule is an empty directory in an archive.
		commit(t, r, &reposit.CommitOptions{Message: "m"}, reposit.Delete("sub"))
		want := must(r.Resolve(ctx, "main^{tree}"))(t)
		for _, format := range []reposit.ArchiveFormat{reposit.Tar, reposit.TarGz, reposit.TarZst, reposit.Zip} {
			var b bytes.Buffer
			err := r.Archive(ctx, &b, &reposit.ArchiveOptions{Format: format, Prefix: "a/b/"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.ImportArchive(ctx, "from "+format.String(), &b, &reposit.ImportOptions{
				Strip: 2, Message: "first\n", Author: &reposit.Signature{Name: "Ann", Email: "ann@example.org"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if tree := must(got.Resolve(ctx, "main^{tree}"))(t); tree != want {
				t.Errorf("%s: tree %s, want %s", format, tree, want)
			}
			b0 := must(got.Branches().Branch(ctx, "main"))(t)
			if c := b0.Commit; c.Message != "first\n" || c.Author.Name != "Ann" || len(c.Parents) != 0 {
				t.Errorf("%s: first commit %+v", format, c)
			}
		}
	})
}

// TestImportFS takes files from a filesystem.
func TestImportFS(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	large := bytes.Repeat([]byte("large\n"), storage.LargeObject/3)
	err := errors.Join(os.MkdirAll(dir+"/a/b", 0o777), os.MkdirAll(dir+"/empty", 0o777),
		os.WriteFile(dir+"/a/b/file", []byte("content\n"), 0o666), os.WriteFile(dir+"/a/run", []byte("#!\n"), 0o777),
		os.WriteFile(dir+"/a.b", nil, 0o666), os.Symlink("a/run", dir+"/link"), os.WriteFile(dir+"/large", large, 0o666))
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, nil, "init", "-q")
	git(t, dir, nil, "add", "-A")
	want := git(t, dir, nil, "write-tree")
	eachBackend(t, func(t *testing.T, open opener) {
		s := open(nil)
		r := must(s.ImportFS(t.Context(), "files", os.DirFS(dir), nil))(t)
		if tree := must(r.Resolve(t.Context(), "main^{tree}"))(t); tree.String() != want {
			t.Errorf("tree %s, want %s", tree, want)
		}
		if got := must(r.Read(t.Context(), "", "large"))(t); !bytes.Equal(got, large) {
			t.Errorf("large has %d bytes, want %d", len(got), len(large))
		}
		before := s.digest(t)
		for what, fsys := range map[string]fs.FS{
			"device": fstest.MapFS{"x": {Mode: fs.ModeDevice}}, "git inside": fstest.MapFS{"a/.git/config": {}},
			"long symlink":    fstest.MapFS{"x": {Mode: fs.ModeSymlink, Data: bytes.Repeat([]byte("x"), 5000)}},
			"symlink for git": fstest.MapFS{".gitmodules": {Mode: fs.ModeSymlink, Data: []byte("x")}},
		} {
			if _, err := s.ImportFS(t.Context(), "bad", fsys, nil); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("ImportFS() with %s = %v, want %v", what, err, reposit.ErrInvalid)
			}
		}
		if s.digest(t) != before {
			t.Error("imports that were refused left something")
		}
	})
}

// tarOf returns a tar with entries of a type, name and link name each.
func tarOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := []byte("content of " + h.Name)
		if h.Mode = 0o644; h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarFile(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }

// TestImportTars looks at what tars may have, and what they may not.
func TestImportTars(t *testing.T) {
	ctx := t.Context()
	s := openMemory(t, nil)
	good := tarOf(t, tar.Header{Typeflag: tar.TypeDir, Name: "./"}, tarFile("./top/a"), tarFile("top/dir/b"),
		tarFile("above"),
		tar.Header{Typeflag: tar.TypeLink, Name: "top/hard", Linkname: "top/dir/b"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "top/soft", Linkname: "../../etc/passwd"}, tarFile("top/a"))
	r := must(s.ImportArchive(ctx, "good", bytes.NewReader(good), &reposit.ImportOptions{Strip: 1}))(t)
	got := map[string]string{}
	for e, err := range r.Walk(ctx, "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if e.Mode == reposit.ModeRegular {
			got[e.Path] = string(must(r.Read(ctx, "", e.Path))(t))
		}
	}
	want := map[string]string{"a": "content of top/a", "dir/b": "content of top/dir/b", "hard": "content of top/dir/b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	before := s.digest(t)
	whole := tarOf(t, tarFile("a"))
	for what, data := range map[string][]byte{
		"nothing": nil, "text": []byte(strings.Repeat("text\n", 500)), "upwards": tarOf(t, tarFile("../x")),
		"upwards inside": tarOf(t, tarFile("a/../../x")), "absolute": tarOf(t, tarFile("/etc/passwd")),
		"git": tarOf(t, tarFile(".git/config")), "git in other words": tarOf(t, tarFile("a/.GIT/config")),
		"git of Windows": tarOf(t, tarFile("git~1/config")), "backslash": tarOf(t, tarFile(`a\..\..\x`)),
		"device":                tarOf(t, tar.Header{Typeflag: tar.TypeBlock, Name: "x"}),
		"pipe":                  tarOf(t, tar.Header{Typeflag: tar.TypeFifo, Name: "x"}),
		"link":                  tarOf(t, tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "/etc/passwd"}),
		"symlinked modules":     tarOf(t, tar.Header{Typeflag: tar.TypeSymlink, Name: ".gitmodules", Linkname: "x"}),
		"a file as a directory": tarOf(t, tarFile("a"), tarFile("a/b")),
		"a directory as a file": tarOf(t, tarFile("a/b"), tarFile("a")),
		"through a symlink":     tarOf(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/tmp"}, tarFile("a/b")),
		"a cut":                 whole[:600], "a cut gzip": gzipped(t, whole)[:40],
		"a damaged gzip": flipped(gzipped(t, whole), 30),
		"a cut zip":      zipOf(t, "a")[:50], "no zip": []byte("PK\x03\x04 and nothing else that a zip would have"),
		"zip upwards": zipOf(t, "../a"), "zip with git": zipOf(t, ".git/config"),
	} {
		if _, err := s.ImportArchive(ctx, "bad", bytes.NewReader(data), nil); !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("ImportArchive() of %s = %v, want %v", what, err, reposit.ErrInvalid)
		}
	}
	if s.digest(t) != before {
		t.Error("imports that were refused left something")
	}
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipOf(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, "content of "+name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestImportBombs has little inflate to much, in each format.
func TestImportBombs(t *testing.T) {
	s := openMemory(t, &reposit.Options{Limits: reposit.Limits{BlobSize: 4 << 20, CommitSize: 8 << 20}})
	before := s.digest(t)
	zeros := make([]byte, 5<<20)
	var inTar, inZip, zst, many bytes.Buffer
	w := tar.NewWriter(&inTar)
	z := zip.NewWriter(&inZip)
	f := must(z.Create("bomb"))(t)
	_, err := f.Write(zeros)
	_, _ = w.Write(nil)
	err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "bomb", Size: int64(len(zeros)), Mode: 0o644}))
	_, werr := w.Write(zeros)
	err = errors.Join(err, werr, w.Close(), z.Close())
	lots := tar.NewWriter(&many)
	for i := range 100 {
		name := strings.Repeat("d/", i) + "f"
		err = errors.Join(err, lots.WriteHeader(&tar.Header{Name: name, Size: 100 << 10, Mode: 0o644}))
		_, werr := lots.Write(bytes.Repeat([]byte{byte(i)}, 100<<10))
		err = errors.Join(err, werr)
	}
	e := must(zstd.NewWriter(&zst))(t)
	_, werr = e.Write(inTar.Bytes())
	if err = errors.Join(err, werr, lots.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	claims := zipOf(t, "a")
	end := len(claims) - 22
	copy(claims[end+12:], "\xfe\xff\xff\xff") // bytes of the directory
	for what, data := range map[string][]byte{
		"tar": inTar.Bytes(), "tar.gz": gzipped(t, inTar.Bytes()), "tar.zst": zst.Bytes(), "zip": inZip.Bytes(),
		"many files": gzipped(t, many.Bytes()), "zip that claims a large directory": claims,
	} {
		if _, err := s.ImportArchive(t.Context(), "bad", bytes.NewReader(data), nil); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("ImportArchive() of a bomb in a %s = %v, want %v", what, err, reposit.ErrTooLarge)
		}
	}
	if s.digest(t) != before {
		t.Error("imports that were refused left something")
	}
}
