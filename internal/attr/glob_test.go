package attr

import (
	"strings"
	"testing"
)

// TestGlobIsBounded counts the steps of patterns on which a matcher that backtracks takes time beyond any bound.
func TestGlobIsBounded(t *testing.T) {
	for _, tt := range []struct{ pattern, text string }{
		{strings.Repeat("*a", 1000) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("**/", 600) + "b", strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("**/*a", 400) + "b", strings.Repeat("a/", 2000) + "c"},
		{strings.Repeat("*[!b-z]", 280) + "b", strings.Repeat("a", 4000)},
		{strings.Repeat("*", 2000) + "b", strings.Repeat("a", 4000)},
	} {
		var g globber
		if g.match(tt.pattern, tt.text, true) {
			t.Errorf("match(%.10q..., %.10q...) = true, want false", tt.pattern, tt.text)
		}
		if limit := 2 * len(tt.pattern) * len(tt.text); g.steps > limit {
			t.Errorf("match(%.10q..., %.10q...) took %d steps, want at most %d", tt.pattern, tt.text, g.steps, limit)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	m := NewMatcher("export-ignore", "export-subst", "text", "eol", "ident")
	m.Push("", []byte("* text=auto\n*.go text diff=golang\n*.bat text eol=crlf\n/docs/** export-ignore\n/.github export-ignore\n*.min.* -text\nthird_party/*/testdata/ export-ignore\nVERSION export-subst\n"))
	for b.Loop() {
		if _, err := m.Match(b.Context(), "internal/archive/pipeline_test.go"); err != nil {
			b.Fatal(err)
		}
	}
}
