package main

import (
	"errors"
	"maps"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/reposittest"
)

func TestTitles(t *testing.T) {
	t.Parallel()
	r := reposittest.Repo(t, reposittest.New(t, nil), `
-- commit: first --
-- a.md --
# First words
-- docs/b.md --
Second words
and more
-- logo.svg --
<svg/>
-- commit: second --
-- a.md --
# Better words
`)
	for rev, want := range map[string]map[string]string{
		"main":   {"a.md": "Better words", "docs/b.md": "Second words"},
		"main~1": {"a.md": "First words", "docs/b.md": "Second words"},
	} {
		got, err := Titles(t.Context(), r, rev)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("Titles(%s) = %v, %v, want %v", rev, got, err, want)
		}
	}
}

// TestPublish runs on all backends, and compares the whole tree with what it should be.
func TestPublish(t *testing.T) {
	t.Parallel()
	reposittest.Backends(t, func(t *testing.T, s *reposit.Store) {
		r := reposittest.Repo(t, s, `
-- commit: first --
-- a.md --
one
-- branch: draft --
-- commit: a draft --
-- b.md --
two
-- branch: main --
-- commit: meanwhile --
-- c.md --
three
`)
		if err := Publish(t.Context(), r, "draft", "v1"); err != nil {
			t.Fatal(err)
		}
		const want = "-- a.md --\none\n-- b.md --\ntwo\n-- c.md --\nthree\n"
		if got := reposittest.Dump(t, r, "v1"); got != want {
			t.Errorf("v1 has\n%s\nwant\n%s", got, want)
		}
	})
}

// TestPublishConflict asks that nothing is published where two have changed the same.
func TestPublishConflict(t *testing.T) {
	t.Parallel()
	r := reposittest.Repo(t, reposittest.New(t, nil), `
-- commit: first --
-- a.md --
one
-- branch: draft --
-- commit: a draft --
-- a.md --
two
-- branch: main --
-- commit: meanwhile --
-- a.md --
three
`)
	if err := Publish(t.Context(), r, "draft", "v1"); !errors.Is(err, reposit.ErrConflict) {
		t.Errorf("Publish() = %v, want %v", err, reposit.ErrConflict)
	}
	if _, err := r.Tags().Tag(t.Context(), "v1"); !errors.Is(err, reposit.ErrNotFound) {
		t.Errorf("there is a tag: %v", err)
	}
}
