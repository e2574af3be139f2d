package patch

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

var seed = flag.Uint64("seed", 1, "of generated trees and texts")

// modified returns the patch of a file that was changed.
func modified(t *testing.T, a, b []byte, opts *Options) []byte {
	t.Helper()
	f := treediff.File{Path: "f", Mode: git.ModeRegular, Hash: git.Hash{1}}
	c := &treediff.Change{Status: treediff.Modified, Old: f, New: f}
	c.New.Hash[0]++
	r, err := Make(t.Context(), c, Content{Data: a}, Content{Data: b}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return r.Text
}

// checkRoundTrip holds that a patch makes of the old content the new one.
func checkRoundTrip(t *testing.T, a, b []byte) {
	t.Helper()
	for _, context := range []int{1, 3} {
		text := modified(t, a, b, &Options{Context: context})
		if bytes.Equal(a, b) {
			if len(text) > 0 {
				t.Errorf("the patch of no change is %q", text)
			}
			continue
		}
		files, err := Parse(text)
		if err != nil || len(files) != 1 || files[0].Old != "f" || files[0].New != "f" {
			t.Fatalf("Parse(%q) = %+v, %v", text, files, err)
		}
		got, err := files[0].Apply(t.Context(), a)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("Apply(%q) to %q = %q, %v, want %q", text, a, got, err, b)
		}
	}
}

// FuzzRoundTrip holds that what is written of two texts is read again, and makes the one of the other.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("a\nc\nd"))
	f.Add([]byte(""), []byte("\n"))
	f.Add([]byte("-- a\n++ b"), []byte("@@ -1 +1 @@\n\\ No newline"))
	f.Fuzz(func(t *testing.T, a, b []byte) { checkRoundTrip(t, a, b) })
}

// FuzzParse holds that what is read of a patch is what its lines say: a text made of what its hunks begin with becomes
// what they end with.
func FuzzParse(f *testing.F) {
	f.Add([]byte("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@ x\n a\n-b\n+c\n@@ -9 +9,0 @@\n-x\n"))
	f.Add([]byte("diff --git a/f b/g\nsimilarity index 90%\nrename from f\nrename to g\nindex 12..34 100644\n"))
	f.Add([]byte("From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: =?UTF-8?q?=C3=BC?= <u@x>\n" +
		"Date: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: [PATCH] s\n\nbody\n---\n f | 1 +\n\n" +
		"diff --git \"a/\\303\\274\" \"b/\\303\\274\"\nnew file mode 100644\nindex 0000000..e69de29\n-- \n2.39\n"))
	f.Add([]byte("diff --git a/b b/b\nindex 12..34\nGIT binary patch\nliteral 1\nIcmZQzU|?ckU|;|M00RI3\n\ndelta 3\nKcmZ\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, rest, err := ParseMail(data)
		if err != nil {
			return
		}
		files, err := Parse(rest)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("Parse() = %v, want %v", err, fault.Invalid)
			}
			return
		}
		for _, file := range files {
			if file.Binary != nil {
				if file.Binary.Size < 1<<20 {
					file.Apply(t.Context(), data)
				}
				continue
			}
			for _, h := range file.Hunks {
				old, now := bytes.Join(h.Old, nil), bytes.Join(h.New, nil)
				h.OldStart, h.NewStart = 1, 1
				alone := FilePatch{Hunks: []Hunk{h}}
				got, err := alone.Apply(t.Context(), old)
				if err == nil && !bytes.Equal(got, now) {
					t.Fatalf("Apply(%q) = %q, want %q", old, got, now)
				}
			}
		}
	})
}

func TestRoundTrip(t *testing.T) {
	g := newGarden(rand.New(rand.NewPCG(*seed, 5)))
	n := 5000
	if testing.Short() {
		n = 100
	}
	for range n {
		f := plant{"100644", g.text()}
		checkRoundTrip(t, f.data, g.edit(g.edit(f)).data)
	}
}

// TestApplyAgainstGit applies patches to files in which lines were added, dropped and doubled, as git apply does.
func TestApplyAgainstGit(t *testing.T) {
	needGit(t)
	g := newGarden(rand.New(rand.NewPCG(*seed, 6)))
	n := 300
	if testing.Short() {
		n = 40
	}
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", ".")
	fits := 0
	for range n {
		f := plant{"100644", g.text()}
		other := g.edit(f).data
		text := modified(t, f.data, g.edit(g.edit(f)).data, &Options{Context: g.IntN(3) + 1})
		if len(text) == 0 {
			continue
		}
		files, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := files[0].Apply(t.Context(), other)
		if err != nil && !errors.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, other, 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := gitCommand(t.Context(), dir, "apply", "--whitespace=nowarn", "-")
		cmd.Stdin = bytes.NewReader(text)
		out, gitErr := cmd.CombinedOutput()
		var exit *exec.ExitError
		if gitErr != nil && !errors.As(gitErr, &exit) {
			t.Fatal(gitErr)
		}
		want, readErr := os.ReadFile(path)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if (err == nil) != (gitErr == nil) || err == nil && !bytes.Equal(got, want) {
			t.Errorf("Apply(%s) to %q = %q, %v; git: %q, %v %s", text, other, got, err, want, gitErr, out)
		}
		if err == nil {
			fits++
		}
	}
	if fits < n/5 {
		t.Errorf("only %d of %d patches fit", fits, n)
	}
}

func TestBadPatch(t *testing.T) {
	const head = "diff --git a/f b/f\n--- a/f\n+++ b/f\n"
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", `there is no "diff --git"`},
		{"no patch", "some text\n", `there is no "diff --git"`},
		{"other names", "diff --git a/f b/g\n", "line 1: the names can't be told apart"},
		{"no hunk", head, "line 4: a hunk is missing"},
		{"cut off", head + "@@ -1,2 +1,2 @@\n a\n", "line 6: a hunk ends too early"},
		{"cut off in a line", head + "@@ -1,2 +1,2 @@\n a\n-b\n+c", "line 7: a line of a hunk is cut off"},
		{"too many", head + "@@ -1,2 +1,1 @@\n-a\n+b\n+c\n-d\n", "line 9: a hunk has more lines than its head says"},
		{"no change", head + "@@ -1 +1 @@\n a\n", "line 6: a hunk changes nothing"},
		{"other mark", head + "@@ -1 +1 @@\n*a\n", "line 5: malformed line of a hunk"},
		{"large number", head + "@@ -99999999999 +1 @@\n-a\n", "line 4: malformed head of a hunk"},
		{"name in the hunks", "diff --git a/f b/f\n--- a/f\n+++ b/g\n@@ -1 +1 @@\n-a\n+b\n",
			"line 4: names contradict each other"},
		{"no name", "diff --git a/f b/f\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
			"line 4: a file that is neither new nor deleted has no name"},
		{"mode", "diff --git a/f b/f\nold mode 100644\nnew mode 040000\n", "line 3: malformed new mode"},
		{"binary", "diff --git a/f b/f\nindex 1..2 100644\nBinary files a/f and b/f differ\n",
			"line 3: the content of a binary file is missing"},
		{"letters", "diff --git a/f b/f\nindex 1..2 100644\nGIT binary patch\nliteral 3\nC!\n\n",
			"line 5: malformed binary content"},
	} {
		t.Run(test.name, func(t *testing.T) {
			files, err := Parse([]byte(test.text))
			if !errors.Is(err, fault.Invalid) || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("Parse(%q) = %+v, %v, want %s", test.text, files, err, test.want)
			}
		})
	}
}

// TestMail takes apart what git format-patch writes.
func TestMail(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", ".")
	for i, test := range []struct{ author, message string }{
		{"Ann B <ann@example.com>", "Subject\n"},
		{"Jürgen \"J\" Ö <j@example.com>", "Über alles, was sehr lang ist und darum in mehreren Zeilen steht, wie es sich gehört\n\n" +
			"Body\n\n - with\n   lines\n\nSigned-off-by: x <y>\n"},
		{"x.y <a@b>", "[tag] stays, as git am --keep-non-patch does not\n"},
	} {
		name := filepath.Join(dir, "f")
		if err := os.WriteFile(name, fmt.Appendf(nil, "%d\n", i), 0o644); err != nil {
			t.Fatal(err)
		}
		runGit(t, dir, nil, "add", "f")
		runGit(t, dir, nil, "-c", "user.name=c", "-c", "user.email=c@d", "commit", "-q", "--author", test.author,
			"--date", "2026-01-02T03:04:05 +0130", "-m", test.message)
		text := runGit(t, dir, nil, "format-patch", "-1", "--root", "--stdout")
		m, rest, err := ParseMail(text)
		if err != nil || m.Author == nil {
			t.Fatalf("ParseMail(%s) = %+v, %v", text, m, err)
		}
		if got := fmt.Sprintf("%s <%s>", m.Author.Name, m.Author.Email); got != test.author {
			t.Errorf("author %q, want %q", got, test.author)
		}
		if got := m.Author.When.Format("2006-01-02T15:04:05 -0700"); got != "2026-01-02T03:04:05 +0130" {
			t.Errorf("date %s", got)
		}
		want := strings.TrimPrefix(test.message, "[tag] ")
		if diff := cmp.Diff(want, m.Message); diff != "" {
			t.Errorf("message (-want +got):\n%s", diff)
		}
		if files, err := Parse(rest); err != nil || len(files) != 1 {
			t.Errorf("Parse(%s) = %+v, %v", rest, files, err)
		}
		if _, _, err := ParseMail(append(bytes.Clone(text), text...)); !errors.Is(err, fault.Invalid) {
			t.Errorf("ParseMail(two mails) = %v, want %v", err, fault.Invalid)
		}
	}
}
