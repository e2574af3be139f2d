package wildmatch_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/reposit/reposit/internal/wildmatch"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, yes, no string // what matches and what does not, separated by spaces
	}{
		{"main", "main", "Main mai mains a/main"},
		{"*", "a a/b é", ""},
		{"a*z", "az abz a/b/z", "a zaz"},
		{"a?z", "abz a/z", "az abbz"},
		{"**/z", "a/z a/b/z", "z"},
		{"[a-c]", "a b c", "d A"},
		{"[!a-c]", "d /", "a"},
		{"[^a-c]", "d", "b"},
		{"[]a]", "] a", "b"},
		{"[a-]", "a -", "b"},
		{"[[:digit:]x]", "7 x", "y :"},
		{"[[:nonsense:]]", "", "n :"},
		{`\*`, "*", "a"},
		{`a\`, "", `a a\`},
		{"[a", "", "a [a"},
		{"", "", "a"},
		{strings.Repeat("a", wildmatch.MaxPattern), strings.Repeat("a", wildmatch.MaxPattern), "a"},
		{strings.Repeat("a", wildmatch.MaxPattern+1), "", strings.Repeat("a", wildmatch.MaxPattern+1)},
	} {
		for text := range strings.FieldsSeq(tt.yes) {
			if !wildmatch.Match(tt.pattern, text) {
				t.Errorf("Match(%.20q, %.20q) = false, want true", tt.pattern, text)
			}
		}
		for text := range strings.FieldsSeq(tt.no) {
			if wildmatch.Match(tt.pattern, text) {
				t.Errorf("Match(%.20q, %.20q) = true, want false", tt.pattern, text)
			}
		}
	}
}

func TestMatchPath(t *testing.T) {
	for _, tt := range []struct{ pattern, yes, no string }{
		{"*", "a", "a/b"},
		{"a?z", "abz", "a/z"},
		{"a[!b]z", "acz", "abz a/z"},
		{"**/z", "z a/z a/b/z", "az"},
		{"a/**", "a/b a/b/c a/", "a ab"},
		{"a/**/z", "a/z a/b/z a/b/c/z", "az a/bz"},
		{"a**/z", "ab/z a/z", "a/b/z"},
		{"***/z", "z a/b/z", "az"},
	} {
		for text := range strings.FieldsSeq(tt.yes) {
			if !wildmatch.MatchPath(tt.pattern, text) {
				t.Errorf("MatchPath(%q, %q) = false, want true", tt.pattern, text)
			}
		}
		for text := range strings.FieldsSeq(tt.no) {
			if wildmatch.MatchPath(tt.pattern, text) {
				t.Errorf("MatchPath(%q, %q) = true, want false", tt.pattern, text)
			}
		}
	}
}

// TestStepsAreBounded counts the steps of patterns on which a matcher that backtracks takes time beyond any bound.
func TestStepsAreBounded(t *testing.T) {
	for _, tt := range []struct{ pattern, text string }{
		{strings.Repeat("*a", 1000) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("**/", 600) + "b", strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("**/*a", 400) + "b", strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("*[!b-z]", 280) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("*", 2000) + "b", strings.Repeat("a", 4000)},
	} {
		var m wildmatch.Matcher
		if m.MatchPath(tt.pattern, tt.text) {
			t.Errorf("MatchPath(%.10q..., %.10q...) = true, want false", tt.pattern, tt.text)
		}
		if limit := 2 * len(tt.pattern) * len(tt.text); m.Steps > limit {
			t.Errorf("MatchPath(%.10q..., %.10q...) took %d steps, want at most %d", tt.pattern, tt.text, m.Steps, limit)
		}
	}
}

// FuzzMatch compares with a regular expression where the pattern has no bracket, and holds that a pattern of quoted
// bytes matches these, and that a Matcher remembers nothing.
func FuzzMatch(f *testing.F) {
	f.Add("a/**/b", "a/x/b")
	f.Add("**/a**/*/**b", "x/a/b")
	f.Add("***?/**", "ab/c")
	f.Add(`\**\/[[:alpha:]-]`, "*x/b")
	f.Add(`**\/a`, "x/a")
	f.Add("é?*", "éa")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 100 || len(text) > 200 {
			return
		}
		var m wildmatch.Matcher
		plain, path := m.Match(pattern, text), m.MatchPath(pattern, text)
		if m.Match(pattern, text) != plain || m.MatchPath(pattern, text) != path {
			t.Errorf("Match(%q, %q) = %v and %v, then something else", pattern, text, plain, path)
		}
		var quoted strings.Builder
		for i := range len(text) {
			quoted.WriteString(`\` + text[i:i+1])
		}
		if !m.Match(quoted.String(), text) || !m.MatchPath(quoted.String(), text) {
			t.Errorf("Match(%q, %q) = false, want true", quoted.String(), text)
		}
		if strings.Contains(pattern, "[") {
			return
		}
		if re := translate(pattern, false); re.MatchString(latin1(text)) != plain {
			t.Errorf("Match(%q, %q) = %v, want the reverse by %v", pattern, text, plain, re)
		}
		if re := translate(pattern, true); re.MatchString(latin1(text)) != path {
			t.Errorf("MatchPath(%q, %q) = %v, want the reverse by %v", pattern, text, path, re)
		}
	})
}

// latin1 makes each byte a character, as regular expressions match these.
func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// translate makes a regular expression of a pattern without brackets.
func translate(pattern string, path bool) *regexp.Regexp {
	one := "."
	if path {
		one = "[^/]"
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '?':
			b.WriteString(one)
			i++
		case '\\':
			if i+1 == len(pattern) {
				return regexp.MustCompile(`$.`) // matches nothing
			}
			b.WriteString(regexp.QuoteMeta(latin1(pattern[i+1 : i+2])))
			i += 2
		case '*':
			rest := strings.TrimLeft(pattern[i:], "*")
			n := len(pattern) - i - len(rest)
			starts := i == 0 || pattern[i-1] == '/'
			switch {
			case !path || n == 1 || !starts:
				b.WriteString(one + "*")
			case rest == "" || strings.HasPrefix(rest, `\/`):
				b.WriteString(".*")
			case rest[0] == '/':
				b.WriteString("(?:.*/)?")
				n++
			default:
				b.WriteString(one + "*")
			}
			i += n
		default:
			b.WriteString(regexp.QuoteMeta(latin1(pattern[i : i+1])))
			i++
		}
	}
	return regexp.MustCompile(b.String() + `$`)
}
