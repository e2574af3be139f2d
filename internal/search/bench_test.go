package search

import (
	"testing"
	"time"
)

func BenchmarkEntry(b *testing.B) {
	for _, d := range []*Doc{
		{Owner: "local", Slug: "repo-123", Name: "repo-123", Created: time.Unix(1, 0)},
		{
			Owner: "local", Slug: "my-new-parser", Name: "My New Parser", Created: time.Unix(1, 0),
			Description: "A fast, streaming parser for the configuration files of many well-known programs, written in Go",
		},
	} {
		b.Run("slug="+d.Slug, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.Entry()
			}
		})
	}
}
