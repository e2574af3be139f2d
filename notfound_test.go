package reposit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// TestWhatIsMissing tells a revision that is missing from a path.
func TestWhatIsMissing(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	write(t, r, "dir/file", "x")
	for _, test := range []struct{ rev, path, want string }{
		{"nothing", "dir/file", `"nothing": revision not found`}, {"main~7", "dir/file", `"main~7": revision not found`},
		{"main", "nothing", `"nothing": path not found`}, {"", "dir/file/below", `"dir/file/below": path not found`},
	} {
		_, read := r.Read(t.Context(), test.rev, test.path)
		_, stat := r.Stat(t.Context(), test.rev, test.path)
		_, list := r.List(t.Context(), test.rev, test.path)
		for _, err := range []error{read, stat, list} {
			if !errors.Is(err, reposit.ErrNotFound) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("of %q, %q: %v, want %s", test.rev, test.path, err, test.want)
			}
		}
	}
}

// TestSearchWithoutWords lists all repositories, as for no text.
func TestSearchWithoutWords(t *testing.T) {
	s := openMemory(t, nil)
	create(t, s, "x", nil)
	create(t, s, "y", nil)
	for _, text := range []string{"", " ", "...", "-", "!? \u3000"} {
		page, err := s.Search(t.Context(), text, nil)
		if err != nil || len(page.Items) != 2 || page.TotalCount != 2 {
			t.Errorf("Search(%q) = %d of %d, %v, want both", text, len(page.Items), page.TotalCount, err)
		}
	}
	if _, err := s.Search(t.Context(), "a\x00", nil); !errors.Is(err, reposit.ErrInvalid) {
		t.Errorf("Search() of a zero byte = %v, want %v", err, reposit.ErrInvalid)
	}
}
