package archive_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/storage"
)

// wantSameZip compares the headers of all entries with git's, both those in the directory and those before the
// content, but for the compressed sizes and what follows from them; and the contents.
func wantSameZip(t *testing.T, r *repo, commit storage.Hash, prefix string) {
	t.Helper()
	all := r.objects()
	opts := options(t, all, commit, archive.Zip)
	opts.Prefix = prefix
	got := write(t, all, opts)
	want := r.git(nil, "archive", "--format=zip", "--prefix="+prefix, commit.String())
	if diff := cmp.Diff(zipHeaders(t, want), zipHeaders(t, got)); diff != "" {
		t.Errorf("zip with prefix %q: headers differ (-git +ours):\n%s", prefix, diff)
	}
	if diff := cmp.Diff(zipContents(t, want), zipContents(t, got)); diff != "" {
		t.Errorf("zip with prefix %q: contents differ (-git +ours):\n%.2000s", prefix, diff)
	}
}

// zipHeaders returns all that the headers of a zip say that does not depend on how well it compresses.
func zipHeaders(t *testing.T, b []byte) []string {
	t.Helper()
	le := binary.LittleEndian
	end := bytes.LastIndex(b, []byte("PK\x05\x06"))
	if end < 0 {
		t.Fatal("zip has no end")
	}
	lines := []string{fmt.Sprintf("%d entries, comment %q", le.Uint16(b[end+10:]), b[end+22:])}
	for at := int(le.Uint32(b[end+16:])); bytes.HasPrefix(b[at:], []byte("PK\x01\x02")); {
		h := b[at:]
		name, extra := int(le.Uint16(h[28:])), int(le.Uint16(h[30:]))
		local := b[le.Uint32(h[42:]):]
		size, flags := le.Uint32(h[24:]), le.Uint16(h[8:])
		lines = append(lines,
			fmt.Sprintf("%q made %x needs %d flags %x time %x date %x crc %x size %d text %d mode %x extra %x",
				h[46:46+name], le.Uint16(h[4:]), le.Uint16(h[6:]), flags&^8, le.Uint16(h[12:]), le.Uint16(h[14:]),
				le.Uint32(h[16:]), size, le.Uint16(h[36:]), le.Uint32(h[38:]), h[46+name:46+name+extra]))
		line := fmt.Sprintf("  local needs %d flags %x time %x size %d name %q extra %x", le.Uint16(local[4:]),
			le.Uint16(local[6:])&^8,
			le.Uint32(local[10:]), le.Uint32(local[22:]), local[30:30+name], local[30+name:30+name+int(le.Uint16(local[28:]))])
		if flags&8 == 0 && size <= storage.LargeObject {
			line += fmt.Sprintf(" crc %x", le.Uint32(local[14:]))
		}
		lines = append(lines, line)
		at += 46 + name + extra
	}
	return lines
}

func zipContents(t *testing.T, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%q: %v", f.Name, err)
		}
		contents[f.Name] = fmt.Sprintf("%s %s", f.Mode(), data)
	}
	return contents
}

func zipFiles() []file {
	return []file{
		{path: ".gitattributes", content: "*.t diff\n*.b -diff\n*.d diff=go\ns export-subst\n*.crlf eol=crlf\n"},
		{path: "README", content: "hello, hello, hello, hello\n"}, {path: "empty"}, {path: "one", content: "x"},
		{path: "run", mode: "100755", content: "#!/bin/sh\nexit 0\nexit 0\nexit 0\n"}, {path: "emptyrun", mode: "100755"},
		{path: "link", mode: "120000", content: "README"}, {path: "nullink", mode: "120000", content: "a\x00b"},
		{path: "bin", content: "a\x00b"}, {path: "late", content: strings.Repeat("x", 8000) + "\x00"},
		{path: "early", content: strings.Repeat("x", 7999) + "\x00"},
		{path: "a.t", content: "a\x00b"}, {path: "a.b", content: "text"}, {path: "a.d", content: "a\x00b"},
		{path: "s", content: "$Format:%H$ $Format:%B$"}, {path: "x.crlf", content: "a\nb\n"},
		{path: "sub/module", mode: "160000"}, {path: "deep/er/f", content: strings.Repeat("long ", 1000)},
		{path: "utf-\u00e9\u4e2d", content: "y"}, {path: "latin-\xe9", content: "z"}, {path: "tab\tnl\n\u00e9"},
		{path: "\x01\u00e9"},
		{path: "large", content: strings.Repeat("0123456789abcdef", 80_000)},
		{path: "large.crlf", content: strings.Repeat("line\n", 300_000)},
		{path: "large.bin", content: "\x00" + strings.Repeat("0123456789abcdef", 80_000)},
		{path: "large.b", content: strings.Repeat("01234567", 140_000)},
		{path: "max", content: strings.Repeat("01234567", 1<<17)},
	}
}

func TestZipIsGits(t *testing.T) {
	r := newRepo(t)
	for _, when := range []string{"1700003600 -0800", "0 +0000", "315532800 +0000", "315532799 +0000", "2147483648 +0000",
		"4294967296 +0000", "4354819200 +0000"} {
		commit := r.commitAs(someone, "C <c> "+when, "m", zipFiles()[:12]...)
		wantSameZip(t, r, commit, "p-1.0/")
	}
	wantSameZip(t, r, r.commit(zipFiles()...), "")
	wantSameZip(t, r, r.commit(), "")
}

// TestZipOfManyFiles has more entries than the short form of a directory's end can count.
func TestZipOfManyFiles(t *testing.T) {
	var raw []byte
	for i := range 66_000 {
		raw = fmt.Appendf(raw, "100644 %08d\x00%s", i, make([]byte, 20))
	}
	all := objects{storage.Hash{}: {storage.Blob, nil}}
	b := write(t, all, &archive.Options{Format: archive.Zip, Tree: all.put(t, storage.Tree, raw)})
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 66_000 {
		t.Fatalf("zip has %d files, %v, want 66000", len(z.File), err)
	}
	for i, f := range z.File {
		if want := fmt.Sprintf("%08d", i); f.Name != want {
			t.Fatalf("file %d is %q, want %q", i, f.Name, want)
		}
	}
}

// TestUnpack lets other programs read what we write.
func TestUnpack(t *testing.T) {
	r := newRepo(t)
	var files []file
	for _, f := range zipFiles() {
		if f.path != "nullink" && !strings.Contains(f.path, "\n") {
			files = append(files, f)
		}
	}
	commit := r.commit(files...)
	all := r.objects()
	for _, tt := range []struct {
		format archive.Format
		name   string
		tool   []string
	}{
		{archive.Tar, "a.tar", []string{"tar", "-xf"}},
		{archive.TarGz, "a.tar.gz", []string{"tar", "-xzf"}},
		{archive.TarZst, "a.tar.zst", []string{"tar", "--zstd", "-xf"}},
		{archive.Tar, "b.tar", []string{"bsdtar", "-xf"}},
		{archive.Zip, "a.zip", []string{"unzip", "-q"}},
		{archive.Zip, "b.zip", []string{"bsdtar", "-xf"}},
		{archive.Zip, "c.zip", []string{"python3", "-c",
			"import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall()"}},
		{archive.TarGz, "c.tar.gz", []string{"python3", "-c", "import sys,tarfile; tarfile.open(sys.argv[1]).extractall()"}},
	} {
		if _, err := exec.LookPath(tt.tool[0]); err != nil {
			t.Logf("no %s to try", tt.tool[0])
			continue
		}
		dir := t.TempDir()
		path := filepath.Join(dir, tt.name)
		opts := options(t, all, commit, tt.format)
		opts.Prefix = "p/"
		if err := os.WriteFile(path, write(t, all, opts), 0o666); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", append([]string{"-c", `umask 022; exec "$@"`, "sh"}, append(tt.tool, path)...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8") // by which unzip writes names
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", tt.tool[0], err, out)
			continue
		}
		for name, want := range map[string]string{
			"README": "hello, hello, hello, hello\n", "utf-\u00e9\u4e2d": "y", "empty": "",
			"deep/er/f": strings.Repeat("long ", 1000),
			"large":     strings.Repeat("0123456789abcdef", 80_000), "s": commit.String() + " subject\n\nbody\n",
		} {
			if got, err := os.ReadFile(filepath.Join(dir, "p", name)); err != nil || string(got) != want {
				t.Errorf("%s of %s: %q = %.60q, %v, want %.60q", tt.tool[0], tt.name, name, got, err, want)
			}
		}
		if tt.tool[0] != "python3" { // whose zipfile knows no modes and links
			if info, err := os.Stat(filepath.Join(dir, "p/run")); err != nil || info.Mode()&0o111 != 0o111 {
				t.Errorf("%s of %s: run has mode %v, %v", tt.tool[0], tt.name, info, err)
			}
			if got, err := os.Readlink(filepath.Join(dir, "p/link")); err != nil || got != "README" {
				t.Errorf("%s of %s: link = %q, %v", tt.tool[0], tt.name, got, err)
			}
		}
	}
}
