package attr_test

import (
	"testing"

	"github.com/reposit/reposit/internal/attr"
)

func BenchmarkMatch(b *testing.B) {
	m := attr.NewMatcher("export-ignore", "export-subst", "text", "eol", "ident")
	m.Push("", []byte("* text=auto\n*.go text diff=golang\n*.bat text eol=crlf\n/docs/** export-ignore\n/.github export-ignore\n*.min.* -text\nthird_party/*/testdata/ export-ignore\nVERSION export-subst\n"))
	for b.Loop() {
		if _, err := m.Match(b.Context(), "internal/archive/pipeline_test.go"); err != nil {
			b.Fatal(err)
		}
	}
}
