package archive_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/internal/archive"
	"github.com/reposit/reposit/internal/pretty"
	"github.com/reposit/reposit/storage"
)

// substTree returns files that each hold one of the texts, and are subject to export-subst.
func substTree(texts []string) []file {
	files := []file{{path: ".gitattributes", content: "* export-subst\n.gitattributes -export-subst\n"}}
	for i, text := range texts {
		files = append(files, file{path: fmt.Sprintf("%05d", i), content: text})
	}
	return files
}

// wantSameSubst compares what files hold in git's archive and in ours.
func wantSameSubst(t *testing.T, r *repo, commit storage.Hash, texts []string) {
	t.Helper()
	all := r.objects()
	opts := options(t, all, commit, archive.Tar)
	if refs := strings.TrimSpace(string(r.git(nil, "log", "-1", "--format=%D", commit.String()))); refs != "" {
		opts.Subst.Refs = func() []string { return strings.Split(refs, ", ") }
	}
	opts.Subst.Now = time.Now()
	opts.Subst.Describe = func(options []string) string {
		cmd := r.command(append(append([]string{"describe"}, options...), commit.String())...)
		out, _ := cmd.Output()
		return string(out)
	}
	got := contentsOf(t, write(t, all, opts))
	want := contentsOf(t, r.git(nil, "archive", "--format=tar", commit.String()))
	if len(got) != len(want) {
		t.Errorf("archive has %d files, want %d", len(got), len(want))
	}
	failed := 0
	for name, w := range want {
		if g := got[name]; g != w && failed < 10 {
			failed++
			var i int
			fmt.Sscanf(name, "%d", &i)
			t.Errorf("expanded %.300q\n got %.600q\nwant %.600q", texts[i], g, w)
		}
	}
}

func contentsOf(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(data)
	}
}

var placeholders = []string{
	"%H", "%h", "%T", "%t", "%P", "%p", "%an", "%aN", "%ae", "%aE", "%al", "%aL", "%ad", "%aD", "%at", "%ai", "%aI", "%as",
	"%ar", "%ah",
	"%cn", "%cN", "%ce", "%cE", "%cl", "%cL", "%cd", "%cD", "%ct", "%ci", "%cI", "%cs", "%d", "%D", "%s", "%f", "%b", "%B",
	"%e",
	"%n", "%%", "%x00", "%x41", "%xz", "%x4", "%x+1", "%", "%q", "%a", "%aq", "%c", "%g", "%gd", "%gD", "%gs", "%gn",
	"%gE", "%gq", "%G", "%G?",
	"%GG", "%GS", "%GK", "%GF", "%GP", "%GT", "%Gq", "%m", "%N", "%S", "%+s", "%-s", "% s", "%+d", "%-d", "% b", "%+b",
	"%-b", "%+", "%-", "% ",
	"%+w(3)", "%Cred", "%Cgreen", "%Creset", "%Cq", "%C(red)", "%C(auto)", "%C(auto,red)", "%C(always,red)",
	"%C(always,bold 3 blue)",
	"%C(always,reset)", "%C(always,#ff8000 12 ul no-dim)", "%C(always,normal 200)", "%C(always,)",
	"%C(always,brightred default)", "%C(", "%C",
	"%<(20)", "%<(3)", "%<(10,trunc)", "%<(5,ltrunc)", "%<(6,mtrunc)", "%>(12)", "%>>(12)", "%><(15)", "%<|(20)",
	"%>|(30)", "%>>|(25)", "%><|(40)",
	"%<|(-60)", "%<(0)", "%<(-3)", "%<(x)", "%<()", "%<(5,bad)", "%<(5,", "%<", "%>", "%>(16384)", "%>(16385)", "%<( 7)",
	"%<(4x)", "%<(1,trunc)",
	"%w(0)", "%w(20)", "%w(20,4)", "%w(10,2,6)", "%w()", "%w(16385)", "%w(5,16384,1)", "%w(x)", "%w(1,2,3,4)", "%w(-1)",
	"%w(30,1,)", "%w", "%w(",
	"plain", " ", "   ", "\n", "\t", "a b c d e f", "\xff", "\u4e2d\u6587", "e\u0301", "\U0001f600", "(", ")", ",",
	"x\x00y",
}

func randomFormats(seed uint64, n int) []string {
	random := rand.New(rand.NewPCG(seed, 3))
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for range 1 + random.IntN(3) {
			b.WriteString([]string{"", "head\n", "   ", "\n\n", "$", "$Format", "a$b$c", "x\x1b[31m  "}[random.IntN(8)])
			b.WriteString("$Format:")
			for range random.IntN(6) {
				b.WriteString(placeholders[random.IntN(len(placeholders))])
			}
			b.WriteString([]string{"$", "$", "$", "$tail", "$\n", ""}[random.IntN(6)])
		}
		texts[i] = b.String()
	}
	return texts
}

func TestSubstIsGits(t *testing.T) {
	texts := randomFormats(1, 1500)
	for _, p := range placeholders {
		texts = append(texts, "[$Format:"+p+"$]", "[$Format:%<(30)"+p+"$]", "[$Format:%>(9,trunc)"+p+"$]",
			"$Format:%w(12,1,2)"+p+"$")
	}
	r := newRepo(t)
	message := "A subject: of..two (2) words --\nthat goes on \t\nand on\n\n\nThe b\u00f6dy, which has a few longish lines that must be wrapped somewhere.\n\n- one\n- two\n\ttab\n\n\u4e2d\u6587\u4e2d\u6587 \u4e2d\u6587\n"
	r.commitAs("\u00c4 \u00dcthor  <a@b@c>  1234567890 -1130", "<> 0 +0000", "first\n")
	r.git(nil, "tag", "v0.1")
	r.commitAs(someone, other, message, substTree(texts)...)
	r.git(nil, "branch", "side")
	wantSameSubst(t, r, r.commitAs("\u00c4 \u00dcthor  <a@b@c>  1234567890 -1130", "C <> 4102444800 +1245", message,
		substTree(texts)...), texts)
	wantSameSubst(t, r, r.rev("main~1"), texts)
}

// TestSubstOfOddCommitsIsGits has commits that git would not write.
func TestSubstOfOddCommitsIsGits(t *testing.T) {
	var texts []string
	for _, p := range placeholders[:60] {
		texts = append(texts, "["+"$Format:"+p+"$]")
	}
	r := newRepo(t)
	first := r.commit(substTree(texts)...).String()
	tree := r.rev(first + "^{tree}")
	for _, rest := range []string{
		"author a\ncommitter c\n\nm\n",
		"author A <a@b\ncommitter <c> 1 +0000\n\nm\n",
		"author A<a@b>1 +0100\ncommitter  C  < c > > 200 -0001\n\n\n \n m \n \nb",
		"author A <a> 123\ncommitter C <c> 99999999999999999999 +0000\n\nm",
		"author A <a> 1 +99999\ncommitter C <c> 67768036191676800 +0000\n\nm",
		"author A <a> x +0100\ncommitter C <c> 1 +\n\nm",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\n\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding ISO-8859-1\n\ncaf\xe9\n\nb\xf6dy\n",
		"author A\x83\x5c <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding Shift_JIS\n\n\x93\xfa\x96\x7b\n\n\x8c\xea\n",
		"author \xcf <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding windows-1251\n\n\xcf\xf0\xe8\n\n\xe2\xe5\xf2\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding iso88591\n\ncaf\xe9\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding l1\n\ncaf\xe9\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding EUC-KR\n\n\xff\xff\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding nonsense\n\ncaf\xe9\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nencoding utf8\n\ncaf\u00e9\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\n\nnul\x00after\n",
		"author A <a> 1 +0100\ncommitter C <c> 1 +0000\nother x\nauthor B <b> 2 +0200\n\nm\n",
		"parent " + first + "\nparent " + first + "\nauthor A <a> 1 +0100\ncommitter C <c> 1 +0000\n\nm\n",
	} {
		raw := fmt.Appendf(nil, "tree %s\n%s", tree, rest)
		commit := r.rev(strings.TrimSpace(string(r.git(raw, "hash-object", "-t", "commit", "-w", "--stdin", "--literally"))))
		wantSameSubst(t, r, commit, texts)
	}
}

func TestDescribe(t *testing.T) {
	for _, text := range []string{
		"$Format:%(describe)$", "$Format:%(describe) %(describe)$", "$Format:%(describe:tags)$",
		"$Format:%(describe:tags=no,abbrev=12)$",
		"$Format:%(describe:match=v*,exclude=v2)$", "$Format:%(describe:bad)$", "$Format:%(describe:abbrev=x)$ %(describe)$",
		"$Format:%(describe$ $Format:%(describe)$", "$Format:%<(20)%(describe)|$",
	} {
		r := newRepo(t)
		r.commit(file{path: "x"})
		r.git(nil, "-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "t", "v1.0", "main")
		r.git(nil, "tag", "light", "main")
		wantSameSubst(t, r, r.commit(substTree([]string{text, text})...), []string{text, text})
	}
}

// TestSubstIsBounded has a commit with a large message and files that ask for it again and again.
func TestSubstIsBounded(t *testing.T) {
	r := newRepo(t)
	big := strings.Repeat("m", 300<<10)
	texts := []string{
		strings.Repeat("$Format:%B$\n", 100),
		"$Format:" + strings.Repeat("%B", 100) + "$",
		"$Format:" + strings.Repeat("%>(16384)%H", 5000) + "$",
		"$Format:" + strings.Repeat("%w(1,16384,16384)%s%n", 5000) + "$",
		strings.Repeat("x", 900_000) + "$Format:" + strings.Repeat("%<|(5)%h", 5000) + "$",
		strings.Repeat("\n ", 1000) + "$Format:%-N%-d%>>(1)%h%>>(1)" + strings.Repeat("%B", 100) + "$",
		strings.Repeat("$Format:%B$"+strings.Repeat(" ", 64), 20_000),
	}
	commit := r.commitAs(someone, other, big, substTree(texts)...)
	all := r.objects()
	opts := options(t, all, commit, archive.Tar)
	for name, got := range contentsOf(t, write(t, all, opts)) {
		var i int
		if fmt.Sscanf(name, "%d", &i); name == ".gitattributes" || name == "pax_global_header" {
			continue
		}
		if limit := 10*len(texts[i]) + 1<<20; len(got) > limit {
			t.Errorf("%.40q... expanded to %d bytes, want at most %d", texts[i], len(got), limit)
		}
		if i == 1 || i == 5 {
			if got != texts[i] {
				t.Errorf("%.40q... = %.60q, want it unchanged", texts[i], got)
			}
		}
	}
	twice := strings.Count(contentsOf(t, write(t, all, opts))["00000"], big)
	if twice != 3 {
		t.Errorf("message was expanded %d times, want 3", twice)
	}
}

func TestSubstHooks(t *testing.T) {
	r := newRepo(t)
	commit := r.commit(file{path: ".gitattributes", content: "f export-subst"},
		file{path: "f", content: "$Format:%h %aN %aE %an %D %cr %(describe)$"})
	all := r.objects()
	opts := options(t, all, commit, archive.Tar)
	opts.Subst = pretty.Repository{
		Abbrev:   func(h storage.Hash) string { return h.String()[:9] },
		Mailmap:  func(name, mail string) (string, string) { return "Mapped", "m@example.com" },
		Refs:     func() []string { return []string{"HEAD -> main", "tag: v1"} },
		Describe: func([]string) string { return "v1-2\n" },
	}
	want := commit.String()[:9] + " Mapped m@example.com A U Thor HEAD -> main, tag: v1 0 seconds ago v1-2"
	if got := contentsOf(t, write(t, all, opts))["f"]; got != want {
		t.Errorf("expanded to %q, want %q", got, want)
	}
}
