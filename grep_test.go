package reposit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// grepAll returns all matches, as "path:line:column:text".
func grepAll(t testing.TB, seq iter.Seq2[reposit.GrepMatch, error]) (found []string) {
	t.Helper()
	for m, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprintf("%s:%d:%d:%s", m.Path, m.Line, m.Column, m.Text))
	}
	return found
}

// TestGrep finds lines of old and new revisions, with all options. Package grep compares with git.
func TestGrep(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	commit(t, r, nil, reposit.Put("a.go", []byte("package a\n\nfunc Foo() {}\n")),
		reposit.Put("dir/b.go", []byte("// foo")),
		reposit.Put("dir/c.txt", []byte("FOOBAR\r\nfoo.bar foo\n")), reposit.Put("bin", []byte("foo\x00")),
		reposit.Put("made.go", []byte("foo\n")), reposit.Put(".gitattributes", []byte("made.go binary\nbin* diff\n")),
		reposit.Symlink("link", "foo"))
	commit(t, r, nil, reposit.Delete("dir"))
	for _, test := range []struct {
		rev, pattern string
		opts         *reposit.GrepOptions
		want         []string
	}{
		{"", "foo", nil, []string{"bin:1:1:foo\x00"}},
		{"main~1", "foo", nil, []string{"bin:1:1:foo\x00", "dir/b.go:1:4:// foo", "dir/c.txt:2:1:foo.bar foo"}},
		{"main~1", "foo", &reposit.GrepOptions{IgnoreCase: true, Paths: []string{"*.go", "dir/c.txt"}},
			[]string{"a.go:3:6:func Foo() {}", "dir/b.go:1:4:// foo", "dir/c.txt:1:1:FOOBAR\r",
				"dir/c.txt:2:1:foo.bar foo"}},
		{"main~1:dir", "foo", nil, []string{"b.go:1:4:// foo", "c.txt:2:1:foo.bar foo"}},
		{"main~1", ".bar", &reposit.GrepOptions{FixedString: true}, []string{"dir/c.txt:2:4:foo.bar foo"}},
		{"main~1", "foo", &reposit.GrepOptions{Limit: 1}, []string{"bin:1:1:foo\x00"}},
		{"main~1", "[a-z]oo?b", &reposit.GrepOptions{WholeWord: true}, nil},
		{"main~1", "nothing", nil, nil},
	} {
		if got := grepAll(t, r.Grep(t.Context(), test.rev, test.pattern, test.opts)); !slices.Equal(got, test.want) {
			t.Errorf("Grep(%q, %q, %+v) = %q, want %q", test.rev, test.pattern, test.opts, got, test.want)
		}
	}
	for m, err := range r.Grep(t.Context(), "", "^$", &reposit.GrepOptions{Before: 5, After: 1}) {
		if err != nil || !slices.Equal(m.Before, []string{"package a"}) || !slices.Equal(m.After, []string{"func Foo() {}"}) {
			t.Errorf("Grep() with lines around = %+v, %v", m, err)
		}
	}
	empty := create(t, s, "empty", nil)
	if got := grepAll(t, empty.Grep(t.Context(), "", "", nil)); len(got) > 0 {
		t.Errorf("Grep() without a commit = %q", got)
	}
	type options = reposit.GrepOptions
	for _, test := range []struct {
		rev, pattern string
		opts         options
		want         error
	}{
		{"nothing", "x", options{}, reposit.ErrNotFound}, {"main:a.go", "x", options{}, reposit.ErrNotFound},
		{"", "(", options{}, reposit.ErrInvalid}, {"", strings.Repeat("x", 1025), options{}, reposit.ErrTooLarge},
		{"", "x", options{Before: -1}, reposit.ErrInvalid}, {"", "x", options{After: -1}, reposit.ErrInvalid},
		{"", "x", options{Limit: -1}, reposit.ErrInvalid}, {"", "x", options{After: 1001}, reposit.ErrTooLarge},
		{"", "x", options{Paths: []string{":/"}}, reposit.ErrInvalid},
		{"", "x", options{Paths: make([]string, 1025)}, reposit.ErrTooLarge},
	} {
		if err := lastError(r.Grep(t.Context(), test.rev, test.pattern, &test.opts)); !errors.Is(err, test.want) {
			t.Errorf("Grep(%q, %.20q, %+v) = %v, want %v", test.rev, test.pattern, test.opts, err, test.want)
		}
	}
}

// TestGrepMidway has the loop end when the actor may not read any more, when the context ends, and when the store is
// closed by its body.
func TestGrepMidway(t *testing.T) {
	for what, want := range map[string]error{
		"revoke": reposit.ErrNotFound, "cancel": context.Canceled, "close": reposit.ErrClosed, "write": nil,
	} {
		s := openMemory(t, nil)
		r := create(t, s, "x", &reposit.CreateOptions{Owner: "owner"})
		var changes []reposit.Change
		for i := range 100 {
			changes = append(changes, reposit.Put(fmt.Sprintf("f%03d", i), []byte("foo\n")))
		}
		commit(t, r, nil, changes...)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		reader := must(s.As(reposit.User("reader")).RepoByID(ctx, r.ID()))(t)
		n, last := 0, error(nil)
		for _, err := range reader.Grep(ctx, "", "foo", nil) {
			if n++; n != 2 {
				last = err
				continue
			}
			switch private := true; what {
			case "revoke":
				if _, err := r.Update(ctx, &reposit.RepoUpdate{Private: &private}); err != nil {
					t.Fatal(err)
				}
			case "cancel":
				cancel()
			case "close":
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			case "write":
				write(t, r, "f000", "bar\n")
			}
		}
		if !errors.Is(last, want) || want == nil && (last != nil || n != 100) {
			t.Errorf("Grep() with %s in the loop ends with %v after %d, want %v", what, last, n, want)
		}
	}
}
