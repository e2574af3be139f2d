package patch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// TestWords holds which parts of changed lines are told.
func TestWords(t *testing.T) {
	for _, test := range []struct {
		name, old, now string
		want           []string
	}{
		{"one word", "a\nreturn foo(x, y)\nb\n", "a\nreturn bar(x, y)\nb\n", []string{"foo", "bar"}},
		{"two words", "x = a + b\n", "x = c + d\n", []string{"a", "b", "c", "d"}},
		{"added", "f(x)\n", "f(x, y)\n", []string{", y"}},
		{"dropped", "f(x, y)\n", "f(x)\n", []string{", y"}},
		{"white space", "a  b\n", "a b\n", []string{"  ", " "}},
		{"over lines", "one two\nthree\n", "one 2\nthree 3\n", []string{"two", "2", " 3"}},
		{"wrapped", "one two three\n", "one\ntwo three\n", []string{" "}},
		{"no newline", "a b", "a c", []string{"b", "c"}},
		{"newline at the end alone", "a b", "a b\n", nil},
		{"not ASCII", "größe klein\n", "größer klein\n", []string{"größe", "größer"}},
		{"only added", "a\n", "a\nb\n", nil},
		{"two changes", "a1\n.\n.\n.\n.\n.\n.\n.\nb1\n", "a2\n.\n.\n.\n.\n.\n.\n.\nb2\n", []string{"a1", "a2", "b1", "b2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := treediff.File{Path: "f", Mode: git.ModeRegular, Hash: git.Hash{1}}
			c := &treediff.Change{Status: treediff.Modified, Old: f, New: f}
			c.New.Hash[0]++
			opts := &Options{Context: 3, Words: true}
			r, err := Make(t.Context(), c, Text([]byte(test.old)), Text([]byte(test.now)), opts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range r.Words {
				got = append(got, string(r.Text[s.Start:s.End]))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Make(%q, %q) (-want +got):\n%s", test.old, test.now, diff)
			}
		})
	}
}
