package attr_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/attr"
)

// names are the attributes that generated files speak of, of which the last ones are macros.
var names = []string{"a", "b.c", "x-y", "text", "binary", "m1", "m2", "m3"}

var seeds = flag.Uint64("seeds", 20, "how many random trees TestAgainstGit has")

// TestAgainstGit compares with git check-attr on generated files and paths.
func TestAgainstGit(t *testing.T) {
	needGit(t)
	for seed := range *seeds {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		files := g.files()
		paths := g.paths(400)
		if diff := cmp.Diff(checkAttr(t, files, paths), match(t, files, paths)); diff != "" {
			t.Errorf("seed %d: files %q (-git +ours):\n%s", seed, files, diff)
		}
	}
}

func TestLinesAgainstGit(t *testing.T) {
	needGit(t)
	long := strings.Repeat("p", 2040)
	for _, tt := range []struct{ root, sub string }{
		{root: "* a\n!f -a\n"},
		{root: "f a=1 a=2\nf -a=3\nd/ a\nd !a=4\n"},
		{root: "f a=\nd -\n"},
		{root: "f a\xff\nd b.c --a\n"},
		{root: "# f a\n \t# f a\n\tf a\n"},
		{root: `"f" a` + "\n" + `"\144" b.c` + "\n" + `"d` + "\n" + `"f" b.c"` + "\n"},
		{root: `"\q" a` + "\n" + `"f\000g" a` + "\n" + `"f"b.c` + "\n"},
		{root: "[attr]m1 a -b.c\n[attr]m2 m1\nf m2\nd m1 b.c\n"},
		{root: "[attr]m1 m2\n[attr]m2 m1 a\nf m1\n"},
		{root: "[attr]m1 a\n[attr]m1 -a\nf m1\nd m1=x\n"},
		{root: "[attr] m1 a\nf m1\n[attr] a\n"},
		{root: "\"[attr] m1\" a\nf m1\n"},
		{root: "f m1\n", sub: "[attr]m1 a\nf m1\n"},
		{root: "[attr]m1 a\n", sub: "f m1\ng binary\n"},
		{root: "[attr]binary a\nf binary\n"},
		{root: "* a\n", sub: "f !a\ng -a\n"},
		{root: "d/f a\nd/ b.c\n/d x-y\n", sub: "d/f a\n/f b.c\n"},
		{root: "**/f a\nd/** b.c\nd** x-y\n", sub: "**/ a\n"},
		{root: long + " a=12\nf a\n" + long + " a=1234\n"},
		{root: "f a\r\nd b.c \r\n"},
		{root: "f a\x00\ng a\n"},
		{root: "f a"},
		{root: "/ a\n*/ b.c\n/* x-y\n"},
	} {
		files := map[string]string{"": tt.root}
		if tt.sub != "" {
			files["d"] = tt.sub
		}
		paths := []string{"f", "d/", "d", "g", "d/f", "d/g", "d/d/f", "e/d/f", "d/e/", "df/f", "[attr]", `"d`, `"f"b.c`, long,
			"e/f"}
		if diff := cmp.Diff(checkAttr(t, files, paths), match(t, files, paths)); diff != "" {
			t.Errorf("files %q (-git +ours):\n%s", files, diff)
		}
	}
}

func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
}

// checkAttr returns a line for each path and attribute, as git sees it.
func checkAttr(t *testing.T, files map[string]string, paths []string) []string {
	t.Helper()
	dir := t.TempDir()
	git := func(stdin string, args ...string) []byte {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_ATTR_NOSYSTEM=1", "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %q: %v", args, err)
		}
		return out
	}
	git("", "init", "-q")
	for sub, content := range files {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			t.Fatal(err)
		}
		// Of a work tree's file git skips a byte order mark and reads past NUL; what it does with a tree is asked for.
		hash := git(content, "hash-object", "-w", "--stdin")
		info := fmt.Sprintf("100644 %s\t%s\n", bytes.TrimSpace(hash), filepath.Join(sub, attr.File))
		git(info, "update-index", "--add", "--index-info")
	}
	args := append([]string{"check-attr", "--cached", "-z", "--stdin"}, names...)
	fields := bytes.Split(git(strings.Join(paths, "\x00")+"\x00", args...), []byte{0})
	var lines []string
	for ; len(fields) >= 3; fields = fields[3:] {
		lines = append(lines, fmt.Sprintf("%q %s: %s", fields[0], fields[1], fields[2]))
	}
	return lines
}

// match is checkAttr by the package.
func match(t *testing.T, files map[string]string, paths []string) []string {
	t.Helper()
	m := attr.NewMatcher(names...)
	var lines []string
	for _, path := range paths {
		pushed := 0
		for i := range path {
			dir := path[:i]
			if content, ok := files[dir]; ok && (i == 0 || path[i] == '/' && i+1 < len(path)) {
				m.Push(dir, []byte(content))
				pushed++
			}
		}
		values, err := m.Match(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			lines = append(lines, fmt.Sprintf("%q %s: %s", path, names[i], v))
		}
		for range pushed {
			m.Pop()
		}
	}
	return lines
}

// A generator makes files and paths from few letters, so that much of it matches.
type generator struct{ *rand.Rand }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) repeat(n int, from ...string) string {
	var b strings.Builder
	for range n {
		b.WriteString(g.pick(from...))
	}
	return b.String()
}

func (g generator) files() map[string]string {
	files := map[string]string{}
	for _, dir := range []string{"", "a", "b", "a/b", "a/ab"} {
		if g.IntN(3) == 0 {
			continue
		}
		var b strings.Builder
		for range g.IntN(12) {
			b.WriteString(g.line())
		}
		files[dir] = b.String()
	}
	return files
}

func (g generator) line() string {
	pattern := g.pattern()
	switch g.IntN(10) {
	case 0:
		pattern = "[attr]" + g.pick(names[4:]...)
	case 1:
		pattern = `"` + strings.ReplaceAll(pattern, `\`, `\\`) + `"`
	}
	var b strings.Builder
	b.WriteString(pattern)
	for range g.IntN(4) {
		b.WriteString(g.pick(" ", "\t", "  ") + g.pick("", "", "-", "!") + g.pick(names...) +
			g.pick("", "", "", "=v", "=", "=a=b"))
	}
	return b.String() + g.pick("\n", "\n", "\n", "\r\n", " \n")
}

func (g generator) pattern() string {
	letters := []string{"a", "b", "ab", ".", "a", "b"}
	special := []string{"*", "**", "?", "/", "/", "/**/", "**/", "***", `\*`, `\a`, `\/`, `\`, "[ab]", "[!a]", "[^b-]",
		"[a-b]",
		"[]a]", "[[:alpha:]]", "[![:upper:]]", "[[:digit:]", "[[:al]", "[a", "[[:foo:]]", "[b-a]", "[\\]b]", "[a-", "-", "!",
		"[/]",
		"[.-b]", "[[:punct:]a-b]", "[[:space:]]", "[[:graph:]]"}
	var b strings.Builder
	for range 1 + g.IntN(6) {
		if g.IntN(2) == 0 {
			b.WriteString(g.pick(letters...))
		} else {
			b.WriteString(g.pick(special...))
		}
	}
	return b.String()
}

func (g generator) paths(n int) []string {
	paths := make([]string, n)
	for i := range paths {
		parts := make([]string, 1+g.IntN(4))
		for j := range parts {
			parts[j] = g.repeat(1+g.IntN(3), "a", "b", "a", "b", "-", "]", "[", "!", "\\", "*", "\xff", ":", "a.b", "\t", " ")
		}
		paths[i] = strings.Join(parts, "/") + g.pick("", "", "/")
	}
	return paths
}
