package linediff

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	seed  = flag.Uint64("seed", 1, "of generated texts")
	pairs = flag.Int("pairs", 80, "how many texts TestAgainstGit compares; of small ones ten times as many")
)

// apply makes b of a and what they differ by. It fails unless changes are in order, apart and not empty.
func apply(t *testing.T, a, b *Text, changes []Change) []byte {
	t.Helper()
	var out []byte
	i, j := 0, 0
	for k, c := range changes {
		if c.ALen+c.BLen == 0 || c.A < i || c.B < j || c.A-i != c.B-j || k > 0 && c.A == i {
			t.Fatalf("change %d, %+v, behind lines %d and %d", k, c, i, j)
		}
		out = append(out, a.Lines(i, c.A)...)
		out = append(out, b.Lines(c.B, c.B+c.BLen)...)
		i, j = c.A+c.ALen, c.B+c.BLen
	}
	return append(out, a.Lines(i, a.Len())...)
}

var spaces = []Space{Exact, IgnoreAtEnd, IgnoreCount, IgnoreAll}

// checkPair holds that a difference makes the second text of the first, or one that is the same but for white space.
func checkPair(t *testing.T, p pairing) {
	t.Helper()
	for _, space := range spaces {
		for _, opts := range []Options{{}, {NoIndent: true}, {Algorithm: Patience}, {Algorithm: Histogram}} {
			table := NewTable(space)
			a, b := table.Text(p.a), table.Text(p.b)
			changes, err := Diff(t.Context(), a, b, &opts)
			if err != nil {
				t.Fatal(err)
			}
			got := apply(t, a, b, changes)
			if space == Exact {
				if !bytes.Equal(got, p.b) {
					t.Fatalf("Diff(%q, %q, %+v) makes %q", p.a, p.b, opts, got)
				}
				continue
			}
			ids := table.Text(got).IDs
			for i, id := range b.IDs {
				// A last line without a newline may have become one with what was the next.
				if len(ids) == len(b.IDs) && ids[i] != id {
					t.Fatalf("Diff(%q, %q, %+v) by %v makes %q", p.a, p.b, opts, space, got)
				}
			}
		}
	}
}

// FuzzDiff holds that what two texts differ by makes the one of the other.
func FuzzDiff(f *testing.F) {
	f.Add([]byte("a\nb\nc\n"), []byte("a\nc\nd"))
	f.Add([]byte("a \n\n\tb"), []byte(""))
	f.Add([]byte("x\ny\nx\ny\nz\n"), []byte("y\nx\ny\nx\n"))
	for _, p := range (writer{rand.New(rand.NewPCG(1, 2))}).pairs(20, 0) {
		f.Add(p.a, p.b)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) { checkPair(t, pairing{a, b}) })
}

func TestApply(t *testing.T) {
	small, long := 1500, 4
	if testing.Short() {
		small, long = 100, 0
	}
	for _, p := range (writer{rand.New(rand.NewPCG(*seed, 2))}).pairs(small, long) {
		checkPair(t, p)
	}
}

// TestCancel holds that a comparison which takes long ends with its context.
func TestCancel(t *testing.T) {
	w := writer{rand.New(rand.NewPCG(1, 3))}
	a, b := w.text(w.lines(30000, 5000)), w.text(w.lines(30000, 5000))
	for _, algorithm := range []Algorithm{Myers, Patience, Histogram} {
		ctx := &countdown{t.Context(), 3}
		table := NewTable(Exact)
		got, err := Diff(ctx, table.Text(a), table.Text(b), &Options{Algorithm: algorithm})
		if !errors.Is(err, context.Canceled) || got != nil {
			t.Errorf("Diff(canceled, %d) = %d changes, %v", algorithm, len(got), err)
		}
		if ctx.left < -2 {
			t.Errorf("Diff(canceled, %d) asked %d times more", algorithm, -ctx.left)
		}
	}
}

// A countdown is canceled when it has been asked so often.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}
