package codeowners

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestIndexAgainstScan asks random files about random paths, and looks at each line beside that.
func TestIndexAgainstScan(t *testing.T) {
	const seed = 20260601
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	pieces := []string{"a", "b", "docs", "src", ".go", ".md", "é", "\xff", "x.y"}
	odd := []string{"*", "**", "?", "\\*", "[", "/", "/", "a*", "*.go", "*é", "*\xa9", "*b*"}
	text := func(n int, from []string, sep string) string {
		var parts []string
		for range 1 + rng.IntN(n) {
			parts = append(parts, from[rng.IntN(len(from))])
		}
		return strings.Join(parts, sep)
	}
	matched := 0
	for range 300 {
		var file strings.Builder
		for range 1 + rng.IntN(40) {
			p := text(3, pieces, []string{"/", "", "/"}[rng.IntN(3)])
			if rng.IntN(2) == 0 {
				p = text(4, append(odd, pieces...), []string{"/", ""}[rng.IntN(2)])
			}
			if rng.IntN(3) == 0 {
				p = "/" + p
			}
			if rng.IntN(5) == 0 {
				p += "/"
			}
			fmt.Fprintf(&file, "%s @x\n", p)
		}
		f := Parse([]byte(file.String()))
		for range 60 {
			path := text(4, pieces, []string{"/", "", "/"}[rng.IntN(3)])
			want := -1
			for i := range f.lines {
				if f.lines[i].matches(path) {
					want = i
				}
			}
			if got := f.index.last(f.lines, path); got != want {
				t.Errorf("of %q, line %d is said to own %q, want %d", file.String(), got, path, want)
			}
			if want >= 0 {
				matched++
			}
		}
	}
	if matched < 1000 {
		t.Errorf("%d paths matched only", matched)
	}
}

func TestLongestPart(t *testing.T) {
	for pattern, want := range map[string]string{
		"**/*abc*d": "abc", "docs/*.txt": "docs", "*": "", "": "", `a\[bc`: "bc", `abc\`: "abc", "a/bb/ccc": "ccc",
		"x?yy": "yy",
	} {
		if got := longestPart(pattern); got != want {
			t.Errorf("longestPart(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func TestByteOrderMark(t *testing.T) {
	f := Parse([]byte("\ufeffsecret @ann\nother @bob\n"))
	if l := f.Of("secret"); l == nil || l.Number != 1 || l.Owners[0].Login != "ann" {
		t.Errorf("Of(secret) behind a byte order mark = %+v, want line 1", l)
	}
}

func BenchmarkOf(b *testing.B) {
	for name, pattern := range map[string]string{"suffix": "*.x%d", "literal": "/src/a%d", "under": "/src/*a%d",
		"rest": "*a%d*"} {
		var file strings.Builder
		for i := 0; file.Len() < 848<<10; i++ {
			fmt.Fprintf(&file, pattern+" @x\n", i)
		}
		f := Parse([]byte(file.String()))
		b.Run("lines="+name, func(b *testing.B) {
			for b.Loop() {
				f.Of("src/some/directory/file.go")
			}
		})
		b.Run("scan="+name, func(b *testing.B) {
			for b.Loop() {
				for i := len(f.lines) - 1; i >= 0; i-- {
					f.lines[i].part = ""
					if f.lines[i].matches("src/some/directory/file.go") {
						b.Fatal("it matches")
					}
				}
			}
		})
	}
}
