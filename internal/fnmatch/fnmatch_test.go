package fnmatch

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern string
		yes, no string // separated by spaces
	}{
		{"main", "main", "Main mains mai m main/a a/main"},
		{"*", "main a é", "a/b a/b/c"},
		{"**", "main a/b a/b/c", ""},
		{"*release*", "release prerelease-1 releases", "a/release release/1"},
		// The examples of GitHub's "Managing a branch protection rule".
		{"qa/*", "qa/foo", "qa qa/foo/bar qb/foo"},
		{"qa/**/*", "qa/foo qa/foo/bar/foobar/hello-world", "qa xqa/foo"},
		{"qa**/**/*", "qa/foo qa-1/foo/bar qa1/b", "qa q/foo"},
		{"qa/**", "qa/a qa/a/b/c", "qa qab/c"},
		{"**/x", "x a/x a/b/x", "a/x/b ax"},
		{"a/**/z", "a/z a/b/z a/b/c/z a/z/z", "a a/zz b/z a/b"},
		{"a/**/b/**/c", "a/b/c a/1/b/2/3/c a/b/b/c/c", "a/c a/b a/1/c/b"},
		{"**/a/**", "a/b x/a/b x/a/b/c", "a x/a b/c"},
		{"a**", "a ab", "a/b b"},
		{"a***b", "ab axxb", "a/b a"},
		{"?", "a é 世 \xff", "ab éé"},
		{"*??", "世世 abc", "世 a"},
		{"v[0-9].[0-9]*", "v1.0 v9.12", "va.0 v1 v1.x"},
		{"[!a-c]x", "dx éx", "ax cx x"},
		{"[^a]x", "bx", "ax"},
		{"[]]", "]", "["},
		{"[a-]", "a -", "b"},
		{"[é-ü]", "ö", "o"},
		{`\*`, "*", "a"},
		{`[\]]`, "]", `\`},
		{`a\b`, "ab", `a\b`},
		{"[a/b]", "", "a b [a/b]"},
		{"[ab", "", "a b [ab"},
		{`a\`, "", `a a\`},
		{"", "", "a"},
	} {
		for text := range strings.FieldsSeq(test.yes) {
			if !Match(test.pattern, text) {
				t.Errorf("Match(%q, %q) = false, want true", test.pattern, text)
			}
		}
		for text := range strings.FieldsSeq(test.no) {
			if Match(test.pattern, text) {
				t.Errorf("Match(%q, %q) = true, want false", test.pattern, text)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	for _, pattern := range []string{"main", "a/**/b", "[a]", "[!]]", `\[`, "]", "", "[[]", `[\]]`} {
		if err := Check(pattern); err != nil {
			t.Errorf("Check(%q) = %v, want nil", pattern, err)
		}
	}
	for _, pattern := range []string{"[", "[a", "a[]", "[!]", `a\`, "[a/b]", `x\/y`, `[\]`} {
		if err := Check(pattern); !errors.Is(err, ErrMalformed) {
			t.Errorf("Check(%q) = %v, want %v", pattern, err, ErrMalformed)
		}
	}
}

// TestMatchEnds holds that a pattern on which naive matchers run for ever is like any other.
func TestMatchEnds(t *testing.T) {
	pattern := strings.Repeat("**/*a", 100) + strings.Repeat("/**/a*a*a*a", 100)
	if Match(pattern, strings.Repeat("aaaaaaaaa/", 100)+"b") {
		t.Error("Match() = true, want false")
	}
}

// FuzzMatch compares Match with a regular expression.
func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"a/**/b a/x/b", "*.go x/y.go", "[a-c]? bé", `\** *x`, "**/a/** x/a/b/c",
		"a***b/** ab/c"} {
		pattern, text, _ := strings.Cut(seed, " ")
		f.Add(pattern, text)
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if Check(pattern) != nil {
			return
		}
		if text != "" && !Match(Quote(text), text) {
			t.Errorf("Match(Quote(%q)) = false", text)
		}
		if strings.ContainsAny(pattern, `[\`) || !utf8.ValidString(pattern) || !utf8.ValidString(text) ||
			strings.ContainsRune(text, '\n') {
			return
		}
		re := regexp.MustCompile(translate(pattern))
		if got, want := Match(pattern, text), re.MatchString(text); got != want {
			t.Errorf("Match(%q, %q) = %v, want %v by %v", pattern, text, got, want, re)
		}
	})
}

// translate makes a regular expression of a pattern that has no bracket and no backslash.
func translate(pattern string) string {
	components := strings.Split(pattern, "/")
	var b strings.Builder
	b.WriteString(`^`)
	for i, component := range components {
		last := i == len(components)-1
		if component == "**" {
			if last {
				b.WriteString(`.*`)
			} else {
				b.WriteString(`(?:[^/]*/)*`)
			}
			continue
		}
		for _, c := range component {
			switch c {
			case '*':
				b.WriteString(`[^/]*`)
			case '?':
				b.WriteString(`[^/]`)
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		}
		if !last {
			b.WriteByte('/')
		}
	}
	return b.String() + `$`
}
