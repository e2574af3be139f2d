package linediff

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// sameText holds that a text which was made of another one is the text of its data.
func sameText(t *testing.T, near, data []byte) {
	t.Helper()
	table := NewTable(Exact)
	got := table.TextNear(data, table.Text(near))
	want := table.Text(data)
	if !slices.Equal(got.IDs, want.IDs) || !slices.Equal(got.ends, want.ends) || !bytes.Equal(got.data, want.data) {
		t.Fatalf("TextNear(%q, %q) = %v, %v, want %v, %v", data, near, got.IDs, got.ends, want.IDs, want.ends)
	}
	x, y := TrimTailLines(table.Text(near), got)
	a, b := TrimTail(near, data)
	if !bytes.Equal(x.Lines(0, x.Len()), a) || !bytes.Equal(y.Lines(0, y.Len()), b) {
		t.Fatalf("TrimTailLines(%q, %q) = %d and %d lines", near, data, x.Len(), y.Len())
	}
}

func FuzzTextNear(f *testing.F) {
	for _, s := range [][2]string{
		{"", ""}, {"a", ""}, {"", "a"}, {"a\nb", "a\nbc\n"}, {"a\nb\n", "a\nb"}, {"a\na\na\n", "a\na\n"}, {"xa\n", "a\n"},
		{"a\nb\nc", "a\nc"}, {"\n\n\n", "\n\n"}, {"b\nb", "b"}, {"a\nb\nc\n", "a\nx\nc\n"}, {"c", "a\nbc"},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, near, data []byte) { sameText(t, near, data) })
}

// TestTextNear makes texts of versions of them, of few and of many lines.
func TestTextNear(t *testing.T) {
	for _, p := range (writer{rand.New(rand.NewPCG(*seed, 4))}).pairs(500, 4) {
		sameText(t, p.a, p.b)
		sameText(t, p.b, p.a)
	}
}

// TestTableReuse compares many pairs by one table, which grows between them, and each by one of its own.
func TestTableReuse(t *testing.T) {
	table := NewTable(Exact)
	for _, p := range (writer{rand.New(rand.NewPCG(*seed, 5))}).pairs(200, 1) {
		for _, algorithm := range []Algorithm{Myers, Patience, Histogram} {
			opts := &Options{Algorithm: algorithm}
			own := NewTable(Exact)
			want, err := Diff(t.Context(), own.Text(p.a), own.Text(p.b), opts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Diff(t.Context(), table.Text(p.a), table.Text(p.b), opts)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("Diff(%q, %q, %d) by a table that is used again = %v, %v, want %v", p.a, p.b, algorithm, got, err, want)
			}
		}
	}
}
