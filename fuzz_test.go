package reposit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

// FuzzResolve resolves what may be a revision: to an object that is there, or an error that says why not.
func FuzzResolve(f *testing.F) {
	s := openMemory(f, nil)
	r := create(f, s, "x", nil)
	var last *reposit.Commit
	for i := range 4 {
		last = write(f, r, fmt.Sprintf("dir/f%d", i), fmt.Sprint(i))
	}
	if _, err := r.Tags().Create(f.Context(), "v1", "main~1", &reposit.TagOptions{Message: "x"}); err != nil {
		f.Fatal(err)
	}
	for _, rev := range []string{"", "main", "main~2^0", "v1^{tree}", "v1^{}", "@{1}", "main@{2}~1", "main:dir/f1",
		last.Hash.String(), last.Hash.String()[:6], "refs/heads/main", "a..b"} {
		f.Add(rev)
	}
	f.Fuzz(func(t *testing.T, rev string) {
		h, err := r.Resolve(t.Context(), rev)
		if err != nil {
			var e *reposit.Error
			if !errors.As(err, &e) || !errors.Is(err, reposit.ErrNotFound) && !errors.Is(err, reposit.ErrInvalid) ||
				!h.IsZero() {
				t.Errorf("Resolve(%q) = %s, %v", rev, h, err)
			}
			return
		}
		if again, err := r.Resolve(t.Context(), h.String()); err != nil || again != h {
			t.Errorf("Resolve(%q) = %s, which resolves to %s, %v", rev, h, again, err)
		}
		if _, err := r.List(t.Context(), rev, ""); err != nil && !errors.Is(err, reposit.ErrNotFound) &&
			!errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List(%q) = %v", rev, err)
		}
	})
}

// FuzzRefToken gives lists of branches what may be page tokens.
func FuzzRefToken(f *testing.F) {
	r := create(f, openMemory(f, nil), "x", nil)
	h := write(f, r, "a", "1").Hash
	for _, name := range []string{"a", "b", "c/c", "d"} {
		if err := r.Refs().Update(f.Context(), reposit.RefUpdate{Name: "refs/heads/x" + name, New: h}); err != nil {
			f.Fatal(err)
		}
	}
	page, err := r.Branches().List(f.Context(), &reposit.RefListOptions{PageSize: 1, Prefix: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page.NextPageToken, "x")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, token, prefix string) {
		page, err := r.Branches().List(t.Context(), &reposit.RefListOptions{PageToken: token, Prefix: prefix})
		if err != nil && !errors.Is(err, reposit.ErrInvalid) {
			t.Errorf("List(%q) = %v", token, err)
		}
		for _, b := range page.Items {
			if !strings.HasPrefix(b.Name, prefix) {
				t.Errorf("List(prefix %q) yields %q", prefix, b.Name)
			}
		}
	})
}
