package patch

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func opener(data []byte) func() (int64, io.ReadCloser, error) {
	return func() (int64, io.ReadCloser, error) {
		return int64(len(data)), io.NopCloser(bytes.NewReader(data)), nil
	}
}

// A garden is files that change at random.
type garden struct {
	*rand.Rand
	files map[string]plant
	count int
}

type plant struct {
	mode string
	data []byte // of a submodule its commit
}

func newGarden(r *rand.Rand) *garden { return &garden{r, map[string]plant{}, 0} }

// grow makes a repository of so many commits.
func (g *garden) grow(t testing.TB, commits int) string {
	dir := t.TempDir()
	runGit(t, dir, nil, "init", "-q", "--bare", "--initial-branch=main", ".")
	var in bytes.Buffer
	for i := range commits {
		for range 1 + g.IntN(12) {
			g.change()
		}
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter c <c> %d +0000\ndata 0\n", i+1)
		in.WriteString("deleteall\n")
		for _, path := range slices.Sorted(maps.Keys(g.files)) {
			f := g.files[path]
			name := path
			if strings.ContainsAny(path, "\"\n\\ ") {
				name = Quote("", path)
				if name[0] != '"' {
					name = `"` + name + `"`
				}
			}
			if f.mode == "160000" {
				fmt.Fprintf(&in, "M 160000 %s %s\n", f.data, name)
			} else {
				fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", f.mode, name, len(f.data), f.data)
			}
		}
	}
	runGit(t, dir, in.Bytes(), "fast-import", "--quiet")
	return dir
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

var (
	dirNames  = []string{"", "a/", "b/", "a/b/", "a/b/c/", "d e/", "\u00fc/", "lib/", "lib/x/"}
	fileNames = []string{"a", "b", "main.go", "x.txt", "read me", "t\tb", "q\"q", "b\\s", "\u00e9", "n\nl", "a.b", "a-b",
		"z"}
)

// path returns a name that fits beside the others: no file is a directory.
func (g *garden) path() string {
	for {
		name := pick(g.Rand, fileNames)
		if g.IntN(2) == 0 {
			name = fmt.Sprint(pick(g.Rand, []string{"f", "g", "h"}), g.IntN(40))
		}
		path := pick(g.Rand, dirNames) + name
		fits := true
		for other := range g.files {
			fits = fits && !strings.HasPrefix(other, path+"/") && !strings.HasPrefix(path, other+"/")
		}
		if fits {
			return path
		}
	}
}

func (g *garden) any() string {
	if len(g.files) == 0 {
		g.files["first"] = plant{"100644", []byte("first\n")}
	}
	return pick(g.Rand, slices.Sorted(maps.Keys(g.files)))
}

func (g *garden) change() {
	at := g.any()
	f := g.files[at]
	switch k := g.IntN(24); {
	case k < 5:
		g.files[g.path()] = plant{"100644", g.text()}
	case k < 6:
		g.files[g.path()] = plant{"100755", slices.Concat(g.text(), []byte{0, byte(g.IntN(256))}, g.text())}
	case k < 7:
		g.files[g.path()] = plant{"120000", []byte(pick(g.Rand, []string{"a", "b/c", "../x", "\u00fc\n"}))}
	case k < 8:
		g.files[g.path()] = plant{"160000", fmt.Appendf(nil, "%040x", 1+g.IntN(9))}
	case k < 9:
		delete(g.files, at)
	case k < 11: // moved, perhaps with a change
		delete(g.files, at)
		g.files[g.path()] = g.edit(f)
	case k < 12: // to another directory
		delete(g.files, at)
		to := pick(g.Rand, dirNames) + at[strings.LastIndexByte(at, '/')+1:]
		if _, taken := g.files[to]; taken || g.covered(to) {
			to = at
		}
		g.files[to] = g.edit(f)
	case k < 14: // copied
		g.files[g.path()] = g.edit(f)
		if g.IntN(2) == 0 {
			g.files[at] = g.edit(f)
		}
	case k < 15: // several times, as it is
		for range 1 + g.IntN(4) {
			g.files[g.path()] = f
		}
	case k < 16 && f.mode != "160000":
		f.mode = pick(g.Rand, []string{"100644", "100755", "120000"})
		if f.mode == "120000" {
			f.data = []byte("target")
		}
		g.files[at] = f
	case k < 17: // a whole directory
		dir, _, ok := strings.Cut(at, "/")
		if !ok || g.covered("moved/x") {
			return
		}
		for _, path := range slices.Sorted(maps.Keys(g.files)) {
			if rest, ok := strings.CutPrefix(path, dir+"/"); ok && g.IntN(8) > 0 {
				to := "moved/" + rest
				if !g.covered(to) {
					g.files[to] = g.files[path]
					delete(g.files, path)
				}
			}
		}
	default:
		g.files[at] = g.edit(f)
	}
	if len(g.files) > 120 {
		for range 40 {
			delete(g.files, g.any())
		}
	}
}

// covered reports whether a name is not free, or is a directory.
func (g *garden) covered(path string) bool {
	for other := range g.files {
		if other == path || strings.HasPrefix(other, path+"/") || strings.HasPrefix(path, other+"/") {
			return true
		}
	}
	return false
}

func (g *garden) line() string {
	return pick(g.Rand, []string{"", "\t", "  ", "\t\t", "    "}) +
		pick(g.Rand, []string{"", "}", "func f() {", "return x", "_name", "$x = 1;", "if a b", "end\r", "some words  here",
			fmt.Sprintf("line %d of this", g.IntN(50)), fmt.Sprintf("%0*d", 1+g.IntN(150), g.IntN(1000))})
}

func (g *garden) text() []byte {
	lines := make([]string, g.IntN(pick(g.Rand, []int{1, 3, 20, 80})))
	for i := range lines {
		lines[i] = g.line()
	}
	text := strings.Join(lines, "\n")
	if g.IntN(5) > 0 && text != "" {
		text += "\n"
	}
	return []byte(text)
}

func (g *garden) edit(f plant) plant {
	switch f.mode {
	case "160000":
		f.data = fmt.Appendf(nil, "%040x", 1+g.IntN(9))
		return f
	case "120000":
		f.data = append(slices.Clone(f.data), 'x')
		return f
	}
	lines := strings.Split(string(f.data), "\n")
	for range g.IntN(5) {
		at := g.IntN(len(lines))
		switch g.IntN(4) {
		case 0:
			lines[at] = g.line()
		case 1:
			lines = slices.Insert(lines, at, g.line(), g.line())
		case 2:
			n := min(1+g.IntN(6), len(lines)-at)
			lines = slices.Delete(lines, at, at+n)
			if len(lines) == 0 {
				lines = []string{""}
			}
		case 3:
			lines[at] = pick(g.Rand, []string{lines[at] + " ", " " + lines[at], strings.ReplaceAll(lines[at], " ", "  ")})
		}
	}
	f.data = []byte(strings.Join(lines, "\n"))
	return f
}
