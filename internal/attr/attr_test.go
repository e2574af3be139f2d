package attr_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/attr"
)

func TestValue(t *testing.T) {
	m := attr.NewMatcher("set", "unset", "text", "back", "none")
	m.Push("", []byte("* set -unset text=x= back\nf !back\n"))
	values, err := m.Match(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		set, unset, unspecified bool
		text                    string
	}
	for i, want := range []row{{set: true}, {unset: true}, {text: "x="}, {unspecified: true}, {unspecified: true}} {
		v := values[i]
		text, _ := v.Text()
		if got := (row{v.IsSet(), v.IsUnset(), v.IsUnspecified(), text}); got != want {
			t.Errorf("value %d = %+v, want %+v", i, got, want)
		}
	}
}

func TestPopForgets(t *testing.T) {
	m := attr.NewMatcher("a")
	m.Push("", []byte("* a=root\n"))
	m.Push("d", []byte("* a=d\n"))
	check := func(path, want string) {
		t.Helper()
		values, err := m.Match(t.Context(), path)
		if err != nil || values[0].String() != want {
			t.Errorf("Match(%q) = %v, %v, want %q", path, values, err, want)
		}
	}
	check("d/f", "d")
	m.Pop()
	check("d/f", "root")
	m.Pop()
	check("d/f", "unspecified")
}

func TestTooLargeFileIsIgnored(t *testing.T) {
	content := []byte("* a\n" + strings.Repeat("\n", attr.MaxFile-4))
	for size, want := range map[int]string{attr.MaxFile - 1: "set", attr.MaxFile: "unspecified"} {
		m := attr.NewMatcher("a")
		m.Push("", content[:size])
		if values, err := m.Match(t.Context(), "f"); err != nil || values[0].String() != want {
			t.Errorf("after a file of %d bytes: Match = %v, %v, want %s", size, values, err, want)
		}
	}
}

// TestLongChainOfMacros would overflow a stack if each macro took one frame of it.
func TestLongChainOfMacros(t *testing.T) {
	const n = 200_000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[attr]m%d m%d\n", i, i+1)
	}
	b.WriteString("* m0\n")
	m := attr.NewMatcher(fmt.Sprintf("m%d", n))
	m.Push("", []byte(b.String()))
	if values, err := m.Match(t.Context(), "f"); err != nil || !values[0].IsSet() {
		t.Errorf("Match = %v, %v, want set", values, err)
	}
}

func TestMatchStopsWithContext(t *testing.T) {
	m := attr.NewMatcher("a")
	m.Push("", []byte(strings.Repeat("/**/"+strings.Repeat("*a", 300)+"/b a\n", 1000)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Match(ctx, strings.Repeat("a/", 1000)+strings.Repeat("a", 1000)); !errors.Is(err, context.Canceled) {
		t.Errorf("Match = %v, want %v", err, context.Canceled)
	}
}

// escape returns a quoted pattern that matches path and nothing else.
func escape(path string) string {
	var b strings.Builder
	b.WriteString(`"/`)
	for _, c := range []byte(path) {
		if c != '/' {
			b.WriteString(`\\`)
		}
		fmt.Fprintf(&b, `\%03o`, c)
	}
	return b.String() + `"`
}

// FuzzMatch checks, for any file, that a last line which names the path with all its bytes escaped has its say, and
// that one which takes it back leaves every attribute as it was without both.
func FuzzMatch(f *testing.F) {
	f.Add("*.c a\n[attr]m a -b\nd/** m\n", "d/x.c")
	f.Add("[[:alpha:]]*[!a-]? a=1\n", "ab/c")
	f.Add("/**/a**/*/**b\\", "a/a/b")
	f.Fuzz(func(t *testing.T, file, path string) {
		if path == "" || strings.ContainsAny(path, "\x00") || strings.Trim(path, "/") != path || len(path) > 200 {
			return
		}
		file, _, _ = strings.Cut(file, "\x00")
		match := func(content string) string {
			m := attr.NewMatcher("a", "b", "own")
			m.Push("", []byte(content))
			values, err := m.Match(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(values)
		}
		last := "\n" + escape(path) + " own=v\n"
		if got := match(file + last); !strings.HasSuffix(got, " v]") {
			t.Errorf("Match(%q) = %s, want own=v", path, got)
		}
		plain := match("[attr]own\n" + file + "\n" + escape(path) + " !own\n")
		if again := match("[attr]own\n" + file + last + escape(path) + " !own\n"); again != plain {
			t.Errorf("Match(%q) = %s after a line that was taken back, want %s", path, again, plain)
		}
	})
}
