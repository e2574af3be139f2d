package grep_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/grep"
	"github.com/reposit/reposit/storage"
)

// newTree puts files, none of which is in a directory, into a tree.
func newTree(t testing.TB, files map[string]string) (objects, git.Hash) {
	t.Helper()
	all := objects{}
	put := func(kind storage.Type, data []byte) git.Hash {
		h, err := git.Sum(kind, data)
		if err != nil {
			t.Fatal(err)
		}
		all[h] = data
		return h
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	var raw []byte
	for _, name := range names {
		h := put(storage.Blob, []byte(files[name]))
		raw = git.AppendEntry(raw, git.Entry{Name: name, Mode: git.ModeRegular, Hash: h})
	}
	return all, put(storage.Tree, raw)
}

// byLine finds what Search does, line by line.
func byLine(files map[string]string, expr *regexp.Regexp, around int) (found []grep.Match) {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if files[name] == "" {
			continue
		}
		lines := strings.Split(strings.TrimSuffix(files[name], "\n"), "\n")
		for i, line := range lines {
			if at := expr.FindStringIndex(line); at != nil {
				found = append(found, grep.Match{
					Path: name, Line: i + 1, Column: at[0] + 1, Text: line,
					Before: append([]string(nil), lines[max(i-around, 0):i]...),
					After:  append([]string(nil), lines[i+1:min(i+1+around, len(lines))]...),
				})
			}
		}
	}
	return found
}

// TestAround finds lines with those around them, in files of many matches and in one beyond the files that are looked
// at ahead.
func TestAround(t *testing.T) {
	rng := rand.New(rand.NewPCG(*seed, 9))
	files := map[string]string{"empty": "", "newline": "\n"}
	for i := range 700 {
		var text strings.Builder
		for range rng.IntN(8) {
			text.WriteString(line(rng))
		}
		files[fmt.Sprintf("f%03d", i)] = text.String()
	}
	files["many"] = strings.Repeat("foo\nbar\n\n", 2500)
	src, root := newTree(t, files)
	for _, pattern := range []string{"foo", "o", "^$", "f|b", "nothing"} {
		for _, around := range []int{0, 1, 3} {
			got := search(t, src, root, &query{pattern: pattern}, around)
			if diff := cmp.Diff(byLine(files, regexp.MustCompile(pattern), around), got); diff != "" {
				t.Errorf("%q, %d lines around, -by line +Search:\n%.2000s", pattern, around, diff)
			}
		}
	}
}

// FuzzPattern holds that an expression finds in a whole text what it finds line by line.
func FuzzPattern(f *testing.F) {
	for _, pattern := range append(patterns, `\A\w`, `x\z`, `(?s).+`, `[^a]`, `\s`, `a\nb`, `(?i)k`, `a{3}`, `(?m)^a$`,
		`\Bx`) {
		f.Add(pattern, "foo nil\n\n\tname\r\nx\n", false)
		f.Add(pattern, "a\nb", true)
	}
	f.Fuzz(func(t *testing.T, pattern, text string, fold bool) {
		flags := ""
		if fold {
			flags = "(?i)"
		}
		expr, bad := regexp.Compile(flags + pattern)
		_, err := grep.Compile(pattern, grep.PatternOptions{IgnoreCase: fold})
		if len(pattern) > 1024 {
			if !errors.Is(err, grep.ErrLong) {
				t.Errorf("Compile() of %d bytes = %v", len(pattern), err)
			}
			return
		}
		if (err == nil) != (bad == nil) {
			if bad == nil && !errors.Is(err, grep.ErrPattern) || bad != nil && err == nil {
				t.Errorf("Compile(%q) = %v, of regexp: %v", pattern, err, bad)
			}
			return
		}
		if err != nil || strings.Contains(text, "\x00") {
			return
		}
		files := map[string]string{"f": text}
		src, root := newTree(t, files)
		got := search(t, src, root, &query{pattern: pattern, o: grep.PatternOptions{IgnoreCase: fold}}, 0)
		want := byLine(files, expr, 0)
		if !slices.EqualFunc(got, want, equal) {
			t.Errorf("%q in %q, fold %v: %v, line by line %v", pattern, text, fold, got, want)
		}
	})
}

// A counter counts the files that are read, and fails from some on.
type counter struct {
	objects
	reads atomic.Int64
	fails int64 // 0: never
}

var errBroken = errors.New("broken")

func (c *counter) Blob(ctx context.Context, h git.Hash) ([]byte, error) {
	if n := c.reads.Add(1); c.fails > 0 && n >= c.fails {
		return nil, errBroken
	}
	return c.objects.Blob(ctx, h)
}

// TestReads holds how many files are read for the first matches, and that an error comes behind the matches before it.
func TestReads(t *testing.T) {
	files := map[string]string{}
	for i := range 2000 {
		files[fmt.Sprintf("f%04d", i)] = fmt.Sprintln("foo", i)
	}
	all, root := newTree(t, files)
	begin := func(src grep.Source) *grep.Search {
		p, err := grep.Compile("foo", grep.PatternOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := grep.New(src, root, &grep.Options{Pattern: p})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	src := &counter{objects: all}
	s := begin(src)
	for range 5 {
		if _, _, err := s.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := src.reads.Load(); n > 8 {
		t.Errorf("5 matches read %d files, want at most 8", n)
	}
	for _, fails := range []int64{1, 7, 300} {
		src := &counter{objects: all, fails: fails}
		s, found := begin(src), int64(0)
		var err error
		for err == nil {
			var paused bool
			if _, paused, err = s.Next(t.Context()); err == nil && !paused {
				found++
			}
		}
		// Which file was the one that failed depends on who came first.
		if !errors.Is(err, errBroken) || found < fails-8 || found >= fails {
			t.Errorf("a search whose read %d fails finds %d lines, then %v", fails, found, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := begin(src).Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next() with a context that ended = %v", err)
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		pattern string
		fixed   bool
		want    error
	}{
		{"(", false, grep.ErrPattern}, {"(", true, nil}, {"a\nb", true, grep.ErrPattern}, {"a\nb", false, nil},
		{strings.Repeat("x", 1025), true, grep.ErrLong}, {strings.Repeat("x", 1024), false, nil},
		{"(?:x{1000}){1000}", false, grep.ErrPattern}, {"\xff", true, nil}, {"\xff", false, grep.ErrPattern},
	} {
		_, err := grep.Compile(test.pattern, grep.PatternOptions{Fixed: test.fixed})
		if !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("Compile(%.20q, fixed %v) = %v, want %v", test.pattern, test.fixed, err, test.want)
		}
	}
	src, root := newTree(t, nil)
	for _, path := range []string{"", "/", "/a", "a//b", "./a", "..", ":/a", ":(icase)a", ":!a"} {
		if _, err := grep.New(src, root, &grep.Options{Paths: []string{path}}); !errors.Is(err, grep.ErrPath) {
			t.Errorf("New(%q) = %v, want %v", path, err, grep.ErrPath)
		}
	}
}
