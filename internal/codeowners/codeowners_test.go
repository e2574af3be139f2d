package codeowners

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/names"
)

// owners returns the owners of a path as text: "none" if no line matches, "nobody" if a line without owners does.
func owners(f *File, path string) string {
	line := f.Of(path)
	if line == nil {
		return "none"
	}
	if len(line.Owners) == 0 {
		return "nobody"
	}
	var all []string
	for _, o := range line.Owners {
		all = append(all, o.String())
	}
	return strings.Join(all, " ")
}

// TestGitHub holds what GitHub's "About code owners" says of its example.
func TestGitHub(t *testing.T) {
	const file = "# This is a comment.\n" +
		"*       @global-owner1 @global-owner2\n" +
		"*.js    @js-owner #This is an inline comment.\n" +
		"*.go docs@example.com\n" +
		"*.txt @octo-org/octocats\r\n" +
		"/build/logs/ @doctocat\n" +
		"docs/* docs@example.com\n" +
		"apps/ @octocat\n" +
		"/docs/ @doctocat\n" +
		"/scripts/ @doctocat @octocat\n" +
		"**/logs @octocat\n" +
		"/apps/ @octocat\n" +
		"/apps/github\n" +
		"/things/ @Octocat\n" +
		"/things/github @doctocat\n"
	f := Parse([]byte(file))
	for _, test := range [][2]string{
		{"README", "@global-owner1 @global-owner2"}, {"a/b/README.md", "@global-owner1 @global-owner2"},
		{"x.js", "@js-owner"}, {"a/b/x.js", "@js-owner"},
		{"main.go", "docs@example.com"}, {"a/notes.txt", "@octo-org/octocats"},
		{"build/logs/a", "@octocat"}, {"x/build/logs/a", "@octocat"}, {"deeply/nested/logs", "@octocat"},
		{"docs/getting-started.md", "@doctocat"}, {"docs/build-app/troubleshooting.md", "@doctocat"},
		{"a/docs/x.md", "@global-owner1 @global-owner2"}, {"a/apps/x", "@octocat"},
		{"scripts/x/y", "@doctocat @octocat"},
		{"apps/main.c", "@octocat"}, {"apps/github", "nobody"}, {"apps/github/x/y", "nobody"}, {"apps/githubx", "@octocat"},
		{"things/a", "@octocat"}, {"things/github/a", "@doctocat"},
	} {
		if got := owners(f, test[0]); got != test[1] {
			t.Errorf("owners of %q = %q, want %q", test[0], got, test[1])
		}
	}
	if got := f.Of("things/github/a").Number; got != 15 {
		t.Errorf("Number = %d, want 15", got)
	}
}

func TestPatterns(t *testing.T) {
	for _, test := range []struct {
		pattern string
		yes, no string // separated by spaces
	}{
		{"foo", "foo foo/bar bar/foo bar/foo/baz", "foo.txt bar/foo.txt afoo"},
		{"/foo", "foo foo/bar foo/bar/baz", "bar/foo food"},
		{"foo/", "foo/bar foo/bar/baz bar/foo/baz", "foo bar/foo"},
		{"/foo/", "foo/bar foo/bar/baz", "foo bar/foo/baz"},
		{"foo/bar", "foo/bar foo/bar/baz", "foo/bart baz/foo/bar"},
		{"foo/bar/", "foo/bar/baz", "foo/bar baz/foo/bar/qux"},
		{"*", "foo foo/bar é/ö", ""},
		{"/*", "foo .x", "foo/bar"},
		{"**", "foo foo/bar", ""},
		{"f*", "foo foo/bar bar/foo bar/foo/baz f", "bar/baz xfoo"},
		{"/f*/", "foo/bar", "foo bar/foo/x"},
		{"docs/*", "docs/a docs/.x", "docs docs/a/b x/docs/a"},
		{"docs/*.md", "docs/a.md", "docs/a/b.md x/docs/a.md"},
		{"docs/**", "docs/a docs/a/b", "docs x/docs/a"},
		{"**/foo/bar", "foo/bar qux/foo/bar qux/foo/bar/baz", "foo/baz/bar"},
		{"foo/**/bar", "foo/bar foo/a/bar foo/a/b/bar/c", "x/foo/bar foo/barx"},
		{"foo/*/baz", "foo/bar/baz foo/bar/baz/qux", "foo/baz foo/a/b/baz"},
		{"f?o", "foo f世o x/foo", "fo f/o"},
		{`f\*o`, "f*o", "foo"},
		{"/apps/[param]/x.ts", "apps/[param]/x.ts", "apps/p/x.ts"},
		{`a\[b]`, "a[b]", "ab"},
		{"A.md", "A.md", "a.md"},
	} {
		f := Parse([]byte(test.pattern + " @a\n"))
		for path := range strings.FieldsSeq(test.yes) {
			if f.Of(path) == nil {
				t.Errorf("%q does not match %q", test.pattern, path)
			}
		}
		for path := range strings.FieldsSeq(test.no) {
			if f.Of(path) != nil {
				t.Errorf("%q matches %q", test.pattern, path)
			}
		}
	}
}

func TestBlanks(t *testing.T) {
	f := Parse([]byte("  \t\n\tmy\\ file.md\t@a  b@c.d\t\n# x\n/a\\ b/ # nobody's\nlast @z"))
	for _, test := range [][2]string{
		{"my file.md", "@a b@c.d"}, {"x/my file.md", "@a b@c.d"}, {"file.md", "none"}, {"a b/c", "nobody"}, {"last", "@z"},
	} {
		if got := owners(f, test[0]); got != test[1] {
			t.Errorf("owners of %q = %q, want %q", test[0], got, test[1])
		}
	}
}

// TestSkipped holds that a line with an error leaves the paths to the lines before it.
func TestSkipped(t *testing.T) {
	for _, line := range []string{
		"!x @b", `\#x @b`, "x**\\", "***/x @b", "x b", "x @b/", "x @/b", "x @", "x @b/c/d", "x a@", "x @b @-", "x a@b@c",
		"/ @b", "x\x00 @b",
		"x @b,@c", "#x @b", "x\\ @b", "x @b\x01",
	} {
		f := Parse([]byte("* @a\n" + line + "\n"))
		if got := owners(f, "x"); got != "@a" {
			t.Errorf("owners of x by %q = %q, want @a", line, got)
		}
	}
}

func TestOwner(t *testing.T) {
	long := strings.Repeat("t", names.MaxSlug) // teams may have longer names than owners
	f := Parse([]byte("x @Alice @Acme/Core A.B@Example.com @acme/" + long + " #@c"))
	want := []Owner{{Login: "alice"}, {Org: "acme", Team: "core"}, {Email: "a.b@example.com"}, {Org: "acme", Team: long}}
	if diff := cmp.Diff(want, f.Of("x").Owners); diff != "" {
		t.Errorf("Owners (-want +got):\n%s", diff)
	}
}

// FuzzParse holds that a line says the same alone as among others, and that paths below a named directory are its.
func FuzzParse(f *testing.F) {
	f.Add("docs/* @a\n*.go b@c\n", "docs/x")
	f.Add("/a\\ b/ # c\n**/x @o/t", "a b/x")
	f.Add("[x]/\\[ @a", "[x]/[/y")
	f.Fuzz(func(t *testing.T, file, path string) {
		parsed := Parse([]byte(file))
		line := parsed.Of(path)
		if line == nil {
			return
		}
		text := strings.Split(file, "\n")[line.Number-1]
		again := Parse([]byte(text)).Of(path)
		if again == nil {
			t.Fatalf("line %q matches %q among others, but not alone", text, path)
		}
		if diff := cmp.Diff(line.Owners, again.Owners); diff != "" {
			t.Errorf("owners of line %q alone (-among others +alone):\n%s", text, diff)
		}
		if !strings.Contains(text, "*") && path != "" && again.below != "" && !again.matches(path+"/below") {
			t.Errorf("line %q matches %q but nothing below it", text, path)
		}
	})
}
