// Package linediff says by which lines two texts differ, as git does: with the same choice among the many differences
// that two texts have (git-diff, --diff-algorithm and --indent-heuristic), so that what is shown, merged and blamed is
// what git shows, merges and blames. It stores nothing and knows nothing of trees or patches.
//
// A Table gives each distinct line a number, and a Text is lines as such numbers. Texts of one table can be compared,
// two and two: a merge has three.
package linediff

import "context"

// A Change is a range of lines of one text that another range stands for in the other one. One of the counts may be 0,
// not both. Lines count from 0.
type Change struct {
	A, ALen int
	B, BLen int
}

// An Algorithm is a way to choose among the differences of two texts.
type Algorithm int

// The algorithms, by git's names.
const (
	Myers     Algorithm = iota // few lines, not always the fewest: long searches are cut short
	Patience                   // around lines that each text has once
	Histogram                  // around the lines that are rarest in the first text
)

// Options say how Diff compares. The zero value is what git diff does by default.
type Options struct {
	Algorithm Algorithm
	// NoIndent places changes that could stand at several places as low as possible, without asking which place looks
	// best (git's diff.indentHeuristic). Merges do without.
	NoIndent bool
}

// Diff returns what turns a into b, in ascending order, with at least one line that both have between two changes.
// Both texts must be of the same Table.
//
// It returns ctx.Err() if ctx is done before it is. The cost is usually that of a look at each line and of the square
// of the number of changed lines up to a limit; texts made for it can take the product of their lengths. Memory is
// proportional to the number of lines.
func Diff(ctx context.Context, a, b *Text, opts *Options) ([]Change, error) {
	if opts == nil {
		opts = &Options{}
	}
	if a.table != b.table {
		panic("linediff: the texts are of different tables")
	}
	m := newMarks(a, b)
	var err error
	switch opts.Algorithm {
	case Patience:
		err = patience(ctx, m)
	case Histogram:
		err = histogram(ctx, m)
	default:
		err = classic(ctx, m, m.whole())
	}
	if err != nil {
		return nil, err
	}
	slide(&side{a, m.a}, &side{b, m.b}, !opts.NoIndent)
	slide(&side{b, m.b}, &side{a, m.a}, !opts.NoIndent)
	return m.changes(), ctx.Err()
}

// A span is a range of lines in each of two texts.
type span struct{ a0, a1, b0, b1 int }

// Marks say of each line of two texts whether it has no partner in the other one. Both have a last mark beyond the last
// line, which is never set.
type marks struct {
	idsA, idsB []int32
	a, b       []bool
	inA, inB   []int32 // how often each number occurs in a span; all 0 while nobody counts
}

func newMarks(a, b *Text) *marks {
	n := len(a.IDs) + 1
	all := make([]bool, n+len(b.IDs)+1)
	inA, inB := a.table.counters()
	return &marks{idsA: a.IDs, idsB: b.IDs, a: all[:n:n], b: all[n:], inA: inA, inB: inB}
}

// count returns how often each line of the span occurs in either text's part of it, until uncount.
func (m *marks) count(s span) (inA, inB []int32) {
	for _, id := range m.idsA[s.a0:s.a1] {
		m.inA[id]++
	}
	for _, id := range m.idsB[s.b0:s.b1] {
		m.inB[id]++
	}
	return m.inA, m.inB
}

func (m *marks) uncount(s span) {
	for _, id := range m.idsA[s.a0:s.a1] {
		m.inA[id] = 0
	}
	for _, id := range m.idsB[s.b0:s.b1] {
		m.inB[id] = 0
	}
}

func (m *marks) whole() span { return span{0, len(m.idsA), 0, len(m.idsB)} }

// empty reports whether one side of a span has no lines.
func (s span) empty() bool { return s.a0 == s.a1 || s.b0 == s.b1 }

// set marks all lines of a span.
func (m *marks) set(s span) {
	for i := s.a0; i < s.a1; i++ {
		m.a[i] = true
	}
	for i := s.b0; i < s.b1; i++ {
		m.b[i] = true
	}
}

// changes returns the runs of marked lines. Lines without a mark are partners in order.
func (m *marks) changes() []Change {
	var found []Change
	for i, j := 0, 0; i < len(m.idsA) || j < len(m.idsB); {
		if !m.a[i] && !m.b[j] {
			i++
			j++
			continue
		}
		c := Change{A: i, B: j}
		for m.a[i] {
			i++
		}
		for m.b[j] {
			j++
		}
		c.ALen, c.BLen = i-c.A, j-c.B
		found = append(found, c)
	}
	return found
}
