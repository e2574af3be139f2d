package reposit_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
)

func TestNotes(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "r", nil)
		first, second := write(t, r, "f", "1"), write(t, r, "f", "2")
		notes, reviews := r.Notes(), r.Notes().With(&reposit.NotesOptions{Ref: "reviews", Author: &picker})
		if all := collected(t, notes.List(ctx)); len(all) != 0 {
			t.Errorf("there are notes %+v", all)
		}
		for _, put := range []struct{ rev, text string }{{"main~1", "one\n"}, {"main", "wrong\n"}, {"main", "two\n"}} {
			if err := notes.Put(ctx, put.rev, put.text); err != nil {
				t.Fatal(err)
			}
		}
		before := resolve(t, r, "refs/notes/commits")
		if err := errors.Join(notes.Put(ctx, "main", "two\n"), reviews.Put(ctx, "main:f", "of a file")); err != nil {
			t.Fatal(err)
		}
		if now := resolve(t, r, "refs/notes/commits"); now != before {
			t.Errorf("the same note again made a commit")
		}
		if got := must(notes.Note(ctx, "main"))(t); got != (reposit.Note{Object: second.Hash, Text: "two\n"}) {
			t.Errorf("Note() = %+v", got)
		}
		made := must(r.CommitAt(ctx, "refs/notes/reviews"))(t)
		if made.Author != picker || made.Message != "Notes added by 'git notes add'\n" || len(made.Parents) != 0 {
			t.Errorf("the commit of notes is %+v", made)
		}
		if log := collected(t, r.Refs().Log(ctx, "refs/notes/commits")); len(log) != 3 ||
			log[0].Message != "notes: Notes added by 'git notes add'" {
			t.Errorf("the log is %+v", log)
		}
		for _, test := range []struct {
			notes *reposit.NotesOptions
			want  []string
		}{
			{nil, []string{"", ""}}, {&reposit.NotesOptions{}, []string{"two\n", "one\n"}},
			{&reposit.NotesOptions{Ref: "refs/notes/none"}, []string{"", ""}},
		} {
			var got []string
			for _, c := range collected(t, r.Log(ctx, &reposit.LogOptions{Notes: test.notes})) {
				got = append(got, c.Note)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("Log() with notes %+v has %q, want %q", test.notes, got, test.want)
			}
		}

		if err := notes.Remove(ctx, "main"); err != nil {
			t.Fatal(err)
		}
		want := []reposit.Note{{Object: first.Hash, Text: "one\n"}}
		if all := collected(t, notes.List(ctx)); !slices.Equal(all, want) {
			t.Errorf("after one was removed there are %+v, want %+v", all, want)
		}
		nobody := &reposit.NotesOptions{Author: &reposit.Signature{}}
		inLog := &reposit.LogOptions{Notes: &reposit.NotesOptions{Ref: "a..b"}}
		put := func(n reposit.Notes, rev, text string) func() error {
			return func() error { return n.Put(ctx, rev, text) }
		}
		with := func(ref string) reposit.Notes { return notes.With(&reposit.NotesOptions{Ref: ref}) }
		if _, err := r.Tags().Create(ctx, "v1", "", nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Refs().Update(ctx, reposit.RefUpdate{Name: "refs/notes/tree", New: first.Tree}); err != nil {
			t.Fatal(err)
		}
		for what, test := range map[string]struct {
			call func() error
			want error
		}{
			"a note that is not":   {func() error { return errorOf(notes.Note(ctx, "main")) }, reposit.ErrNotFound},
			"nothing":              {func() error { return errorOf(notes.Note(ctx, "nowhere")) }, reposit.ErrNotFound},
			"removed again":        {func() error { return notes.Remove(ctx, "main") }, reposit.ErrNotFound},
			"on nothing":           {put(notes, "nowhere", "x"), reposit.ErrNotFound},
			"empty":                {put(notes, "main", ""), reposit.ErrInvalid},
			"a branch":             {put(with("refs/heads/main"), "main", "x"), reposit.ErrInvalid},
			"no ref":               {put(with("a..b"), "main", "x"), reposit.ErrInvalid},
			"below another":        {put(with("commits/x"), "main", "x"), reposit.ErrExists},
			"what holds no commit": {put(with("tree"), "main", "x"), reposit.ErrInvalid},
			"too large":            {put(notes, "main", strings.Repeat("x", 17<<20)), reposit.ErrTooLarge},
			"in a log, no ref": {func() error {
				return firstError(r.Log(ctx, inLog))
			}, reposit.ErrInvalid},
			"in a list, not a ref":  {func() error { return firstError(with("a b").List(ctx)) }, reposit.ErrInvalid},
			"by somebody malformed": {put(notes.With(nobody), "main", "x"), reposit.ErrInvalid},
		} {
			if err := test.call(); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", what, err, test.want)
			}
		}
		checkStore(t, s)
	})
}

// TestNotesAgainstGit has git read notes of ours, and us those of git.
func TestNotesAgainstGit(t *testing.T) {
	needGit(t)
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	n := 300
	if testing.Short() {
		n = 120
	}
	for i := range n {
		write(t, r, "f", fmt.Sprint(i))
		if err := r.Notes().Put(ctx, "main", fmt.Sprint("note ", i, "\n")); err != nil {
			t.Fatal(err)
		}
	}
	dir := s.export(t, r)
	fsck(t, dir)
	asPicker(t)
	git(t, dir, nil, "notes", "add", "-m", "by git", "main~3", "-f")
	git(t, dir, nil, "notes", "remove", "main~5")
	git(t, dir, nil, "notes", "--ref=other", "add", "-m", "other", "main")
	want := git(t, dir, nil, "log", "-z", "--format=%N")
	bundle, err := tryGit(t, dir, nil, "bundle", "create", "-q", "-", "--all")
	if err != nil {
		t.Fatal(err)
	}
	copied := must(s.ImportBundle(ctx, "copied", strings.NewReader(bundle), nil))(t)
	var got []string
	opts := &reposit.LogOptions{Revision: "main", Notes: &reposit.NotesOptions{}}
	for _, c := range collected(t, copied.Log(ctx, opts)) {
		got = append(got, c.Note)
	}
	if text := strings.Join(got, "\x00"); text != strings.TrimSuffix(want, "\x00") {
		t.Errorf("the notes in the log are %q, want %q", text, want)
	}
	others := copied.Notes().With(&reposit.NotesOptions{Ref: "refs/notes/other"})
	if other := must(others.Note(ctx, "main"))(t); other.Text != "other\n" {
		t.Errorf("the other note is %q", other.Text)
	}
}

// TestNotesBesideOthers has many write notes at once: none is lost.
func TestNotesBesideOthers(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "r", nil)
	var commits []*reposit.Commit
	for i := range 40 {
		commits = append(commits, write(t, r, "f", fmt.Sprint(i)))
	}
	done := make(chan error)
	for of := range 4 {
		go func() {
			var err error
			for i := of; i < len(commits) && err == nil; i += 4 {
				err = r.Notes().Put(ctx, commits[i].Hash.String(), fmt.Sprint(i))
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if all := collected(t, r.Notes().List(ctx)); len(all) != len(commits) {
		t.Errorf("there are %d notes, want %d", len(all), len(commits))
	}
	checkStore(t, s)
}

func TestTrailers(t *testing.T) {
	c := &reposit.Commit{Message: "s\n\nwords: x\n\nReviewed-by: A\nCo-authored-by: B <b@x>\n  and on\nSigned-off-by: C\n"}
	want := []reposit.Trailer{{"Reviewed-by", "A"}, {"Co-authored-by", "B <b@x> and on"}, {"Signed-off-by", "C"}}
	if got := c.Trailers(); !slices.Equal(got, want) {
		t.Errorf("Trailers() = %q, want %q", got, want)
	}
	if got := (&reposit.Commit{Message: "Fixes: x"}).Trailers(); len(got) != 0 {
		t.Errorf("Trailers() of a title = %q", got)
	}
}
