package archive_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// options returns those for a commit that git archive would use.
func options(t testing.TB, all objects, commit storage.Hash, format archive.Format) *archive.Options {
	t.Helper()
	data, err := all.find(commit, storage.Commit)
	if err != nil {
		t.Fatal(err)
	}
	c, err := git.ParseCommit(data)
	if err != nil {
		t.Fatal(err)
	}
	return &archive.Options{Format: format, Tree: c.Tree, Commit: commit, CommitData: data}
}

func write(t testing.TB, src archive.Source, opts *archive.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Write(t.Context(), &b, src, opts); err != nil {
		t.Fatalf("Write(%q, %q) = %v", opts.Prefix, opts.Paths, err)
	}
	return b.Bytes()
}

// wantSameTar compares with git archive, byte for byte.
func wantSameTar(t *testing.T, r *repo, commit storage.Hash, prefix string, paths ...string) {
	t.Helper()
	all := r.objects()
	opts := options(t, all, commit, archive.Tar)
	opts.Prefix, opts.Paths = prefix, paths
	got := write(t, all, opts)
	args := []string{"--literal-pathspecs", "archive", "--format=tar", "--prefix=" + prefix, commit.String()}
	want := r.git(nil, append(args, paths...)...)
	if !bytes.Equal(got, want) {
		t.Errorf("tar with prefix %q, paths %q differs from git's:\n%s", prefix, paths, firstDifference(got, want))
	}
}

func firstDifference(got, want []byte) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	at := i &^ 511
	cut := func(b []byte) []byte {
		return bytes.ReplaceAll(b[min(at, len(b)):min(at+1024, len(b))], []byte{0}, nil)
	}
	return fmt.Sprintf("at byte %d of %d and %d\n got %q\nwant %q", i, len(got), len(want), cut(got), cut(want))
}

func TestTarIsGits(t *testing.T) {
	r := newRepo(t)
	long := strings.Repeat("d", 60) + "/" + strings.Repeat("e", 60)
	files := []file{
		{path: "README", content: "hello\n"},
		{path: "empty"},
		{path: "run", mode: "100755", content: "#!/bin/sh\n"},
		{path: "link", mode: "120000", content: "README"},
		{path: "a/longlink", mode: "120000", content: strings.Repeat("t", 100)},
		{path: "a/longerlink", mode: "120000", content: strings.Repeat("t", 101)},
		{path: "a/longestlink", mode: "120000", content: strings.Repeat("../", 900)},
		{path: "a.b/c"}, {path: "a0/c"}, {path: "a/c"},
		{path: "sub/module", mode: "160000"},
		{path: strings.Repeat("n", 99)}, {path: strings.Repeat("n", 100)}, {path: strings.Repeat("n", 101)},
		{path: long + "/x"}, {path: long + "/" + strings.Repeat("f", 100)}, {path: long + "/" + strings.Repeat("f", 101)},
		{path: long + "/" + strings.Repeat("g", 200), mode: "120000", content: strings.Repeat("u", 150)},
		{path: strings.Repeat("p/", 150) + "q"},
		{path: strings.Repeat("h", 155) + "/x"}, {path: strings.Repeat("h", 156) + "/x"},
		{path: strings.Repeat("i", 154) + "/x"},
		{path: "latin-\xe9-name", content: "x"}, {path: "utf-\u00e9\u4e2d", content: "y"},
		{path: "tab\tnl\nquote\"back\\", content: "z"},
	}
	for _, size := range []int{1, 511, 512, 513, 10239, 10240, 10241, 1 << 20, 1<<20 + 1, 3<<20 + 77} {
		files = append(files, file{path: fmt.Sprintf("size/%d", size),
			content: strings.Repeat("0123456789abcde\n", size/16+1)[:size]})
	}
	commit := r.commit(files...)
	for _, prefix := range []string{"", "p/", "p", "p/q/r/", "p/q-", strings.Repeat("x", 98) + "/",
		strings.Repeat("x", 99) + "/", strings.Repeat("x", 100) + "/", strings.Repeat("y", 200) + "/"} {
		wantSameTar(t, r, commit, prefix)
	}
	for _, paths := range [][]string{{"a"}, {"a/c"}, {"run", "README"}, {"sub"}, {"sub/module"}, {"a.b", "a/c", "a"},
		{"size/512", "size/1"}, {"tab\tnl\nquote\"back\\"}} {
		wantSameTar(t, r, commit, "", paths...)
		wantSameTar(t, r, commit, "pre/", paths...)
	}
}

// TestTarEndIsGits tries all lengths of an archive modulo a block.
func TestTarEndIsGits(t *testing.T) {
	r := newRepo(t)
	for n := range 21 {
		wantSameTar(t, r, r.commit(file{path: "f", content: strings.Repeat("x", 512*n)}), "")
	}
}

func TestTarOfOddTreesIsGits(t *testing.T) {
	r := newRepo(t)
	wantSameTar(t, r, r.commit(), "")
	wantSameTar(t, r, r.commit(), "p/")

	blob := r.rev(strings.TrimSpace(string(r.git([]byte("x"), "hash-object", "-w", "--stdin"))))
	empty := strings.TrimSpace(string(r.git(nil, "mktree")))
	tree := strings.TrimSpace(string(r.git(fmt.Appendf(nil,
		"100664 blob %s\tgroup\n100600 blob %s\tprivate\n104755 blob %s\tsetuid\n100777 blob %s\topen\n040000 tree %s\tempty\n",
		blob, blob, blob, blob, empty), "mktree")))
	for _, committer := range []string{
		other, "C <c> 0 +0000", "C <c> 315532799 +0000", "C <c> 2147483648 +0000", "C <c> 8589934591 +0000",
		"C <c> 8589934592 +0000", "C <c> 4294967296 +0100", "C <c> 99999999999999 +0000", "C <c>", "C <c> x", "C c 7 +0000",
		"C <c> 12345",
	} {
		raw := fmt.Appendf(nil, "tree %s\nauthor %s\ncommitter %s\n\nm\n", tree, someone, committer)
		commit := r.rev(strings.TrimSpace(string(r.git(raw, "hash-object", "-t", "commit", "-w", "--stdin", "--literally"))))
		wantSameTar(t, r, commit, "p/")
	}
}

func TestTarOfTreeIsGits(t *testing.T) {
	r := newRepo(t)
	commit := r.commit(file{path: "d/f", content: "$Format:%H$"},
		file{path: ".gitattributes", content: "d/f export-ignore"}, file{path: "d/.gitattributes", content: "f export-subst"})
	all := r.objects()
	tree := r.rev(commit.String() + ":d")
	want := r.git(nil, "archive", "--format=tar", tree.String())
	got := write(t, all, &archive.Options{Tree: tree})
	// git takes the time of day: compare the rest.
	for _, b := range [][]byte{got, want} {
		for at := 0; at+512 < len(b); at += 512 {
			if string(b[at+257:at+262]) == "ustar" {
				copy(b[at+136:], "           ")
				copy(b[at+148:], "       ")
			}
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("tar of a tree differs from git's:\n%s", firstDifference(got, want))
	}
}

func TestAttributesAreGits(t *testing.T) {
	r := newRepo(t)
	lines := "one\ntwo\r\nthree\n"
	id := "$Id$ $Id: x $ $Id: a b c $\n$Id: open\n$Id:$ $Idx$ $$Id$\n$Id"
	wantSameTar(t, r, r.commit(
		file{path: ".gitattributes", content: strings.Join([]string{
			"*.bat eol=crlf", "*.auto text=auto eol=crlf", "*.bin -text eol=crlf", "*.old crlf=auto eol=crlf",
			"*.oldbin -crlf eol=crlf",
			"*.in text=input eol=crlf", "*.odd text=odd eol=crlf", "*.lf eol=lf", "*.id ident",
			"*.all ident eol=crlf export-subst",
			"*.u16 working-tree-encoding=UTF-16", "*.u16le working-tree-encoding=utf-16le",
			"*.u16be working-tree-encoding=UTF-16BE",
			"*.bom working-tree-encoding=UTF-16LE-BOM", "*.u32 working-tree-encoding=UTF-32",
			"*.l1 working-tree-encoding=ISO-8859-1",
			"*.u8 working-tree-encoding=UTF-8",
			"/gone export-ignore", "dir/ export-ignore", "deep/** export-ignore", "nofile/ export-ignore",
			"back/* export-ignore",
			"*.x export-ignore", "keep.x !export-ignore", "maybe export-ignore=yes", "sub export-ignore",
		}, "\n")},
		file{path: "a.bat", content: lines}, file{path: "a.auto", content: lines},
		file{path: "b.auto", content: "one\ntwo\n"},
		file{path: "c.auto", content: "one\n\x00\n"}, file{path: "d.auto", content: "one\rtwo\n"},
		file{path: "e.auto", content: "\x01\n"},
		file{path: "f.auto", content: strings.Repeat("x", 200) + "\x01\n"}, file{path: "g.auto", content: "eof\n\x1a"},
		file{path: "a.bin", content: lines}, file{path: "a.old", content: "one\n"}, file{path: "a.oldbin", content: "one\n"},
		file{path: "a.in", content: "one\n"}, file{path: "a.odd", content: "one\n"}, file{path: "a.lf", content: lines},
		file{path: "a.id", content: id}, file{path: "a.all", content: id + "\n$Format:%H$\n"},
		file{path: "link.id", mode: "120000", content: "$Id$"},
		file{path: "a.u16", content: "h\u00e9\u4e2d\U0001f600\n"}, file{path: "a.u16le", content: "h\u00e9\U0001f600"},
		file{path: "a.u16be", content: "h\u00e9\U0001f600"},
		file{path: "b.u16", content: "\ufeffx"}, file{path: "a.bom", content: "h\u00e9"},
		file{path: "a.u32", content: "h\U0001f600"},
		file{path: "a.l1", content: "h\u00e9"}, file{path: "b.l1", content: "h\u4e2d"}, file{path: "c.l1", content: "\xe9"},
		file{path: "a.u8", content: "h\u00e9"},
		file{path: "gone"}, file{path: "kept/gone"}, file{path: "dir/a"}, file{path: "deep/a/b"}, file{path: "deep/c"},
		file{path: "nofile"},
		file{path: "back/f"}, file{path: "back/g/h"}, file{path: "p.x"}, file{path: "keep.x"}, file{path: "q/keep.x"},
		file{path: "maybe"},
		file{path: "q/.gitattributes", content: "f export-ignore\n/g export-ignore\nr/h export-ignore\n*.bat -text\n"},
		file{path: "q/f"}, file{path: "q/g"}, file{path: "q/r/f"}, file{path: "q/r/g"}, file{path: "q/r/h"},
		file{path: "q/h"}, file{path: "q/a.bat", content: lines},
		file{path: "sub", mode: "160000"},
	), "v1/")
	wantSameTar(t, r, r.commit(
		file{path: ".gitattributes", mode: "120000", content: "f export-ignore"}, file{path: "f"}, file{path: "g"},
	), "")
	wantSameTar(t, r, r.commit(file{path: ".gitattributes/f"}, file{path: "g"}), "")
	wantSameTar(t, r, r.commit(file{path: ".gitattributes", content: "\xef\xbb\xbff export-ignore\ng export-ignore\n"},
		file{path: "f"}, file{path: "g"}), "")
	wantSameTar(t, r, r.commit(file{path: "d/.gitattributes", content: "* export-ignore"}, file{path: "d/f"},
		file{path: "g"}), "")
}

// TestLargeFilesAreTreatedAsGits has files that are treated piece by piece.
func TestLargeFilesAreTreatedAsGits(t *testing.T) {
	r := newRepo(t)
	text := strings.Repeat("a line of text\n", 100_000)
	mixed := strings.Repeat("a\nb\r\n\r$Id$ $Id: x $ $Id: a b $ $I $", 50_000)
	wantSameTar(t, r, r.commit(
		file{path: ".gitattributes",
			content: "*.crlf eol=crlf\n*.auto text=auto eol=crlf\n*.id ident\n*.all ident eol=crlf export-subst\n*.subst export-subst\n"},
		file{path: "a.crlf", content: text}, file{path: "a.auto", content: text}, file{path: "b.auto", content: text + "\r"},
		file{path: "a.id", content: mixed}, file{path: "a.all", content: mixed + "$Format:%H$" + mixed + "$Format:"},
		file{path: "a.subst", content: strings.Repeat("$Format:%H$ $Format:%n%%$ $For $$Format:", 40_000)},
	), "")
}

func TestMissingPath(t *testing.T) {
	r := newRepo(t)
	commit := r.commit(file{path: "a/b"}, file{path: "c"}, file{path: "s", mode: "160000"})
	all := r.objects()
	for _, path := range []string{"x", "a/x", "a/b/c", "c/d", "a/", "/a", "", ".", "a/../c", "s/x", "A"} {
		opts := options(t, all, commit, archive.Tar)
		opts.Paths = []string{"c", path}
		var b bytes.Buffer
		err := archive.Write(t.Context(), &b, all, opts)
		if !isNotFound(err) || !strings.Contains(err.Error(), fmt.Sprintf("%q", path)) {
			t.Errorf("Write of path %q = %v, want %v naming it", path, err, storage.ErrNotFound)
		}
		if b.Len() > 0 {
			t.Errorf("Write of path %q wrote %d bytes", path, b.Len())
		}
	}
}

// TestRealTreeIsGits archives some of Go's own source.
func TestRealTreeIsGits(t *testing.T) {
	if testing.Short() {
		t.Skip("imports some hundred files")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("needs Go's source")
	}
	r := newRepo(t)
	commit := r.importDir(filepath.Join(strings.TrimSpace(string(root)), "src", "net"))
	wantSameTar(t, r, commit, "")
	wantSameTar(t, r, commit, "net-1.0/", "http", "url")
	wantSameZip(t, r, commit, "net-1.0/")
}
