package blame

import (
	"context"
	"slices"

	"github.com/reposit/reposit/internal/linediff"
)

// guesses says of each line of each change from which line of the old text it most likely was made, or -1. Lines are
// compared with those of the same change first, in order, and what is left with all of the old text; what a line was
// made of does not count for others. (git's blame.c, guess_line_blames; changes are looked at in their order, since
// each uses parts of the old lines up.)
func guesses(ctx context.Context, old, new *linediff.Text, changes []linediff.Change) ([][]int, error) {
	a, b := newLinePairs(old), newLinePairs(new)
	all := make([][]int, len(changes))
	for i, c := range changes {
		m := newMatcher(ctx, a, b, c)
		if err := m.match(c.A, c.A+c.ALen, 0, c.BLen); err != nil {
			return nil, err
		}
		for j, was := range m.result {
			if was >= 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			m.result[j] = a.anywhere(b.of(c.B+j), c.B+j)
		}
		all[i] = m.result
	}
	return all, nil
}

// A pairSet is the pairs of bytes of a line, in lower case and with white space as one kind of byte, by ascending pair
// and with how often each occurs. Both ends of the line count as white space; pairs of white space are left out.
type pairSet []pairCount

type pairCount struct {
	pair  uint16
	count int32
}

// linePairs are the pairSets of a text's lines, made as they are asked for.
type linePairs struct {
	text  *linediff.Text
	all   []pairSet
	pairs []uint16
}

func newLinePairs(text *linediff.Text) *linePairs {
	return &linePairs{text: text, all: make([]pairSet, text.Len())}
}

// of returns those of a line.
func (p *linePairs) of(i int) pairSet {
	if p.all[i] != nil {
		return p.all[i]
	}
	pairs, before := p.pairs[:0], uint16(0)
	for _, c := range append(p.text.Line(i), 0) { // of a text whose capacity ends here, so that is a copy
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			c = 0
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if pair := before | uint16(c)<<8; pair != 0 {
			pairs = append(pairs, pair)
		}
		before = uint16(c)
	}
	slices.Sort(pairs)
	p.pairs = pairs
	made := make(pairSet, 0, len(pairs))
	for _, pair := range pairs {
		if n := len(made); n > 0 && made[n-1].pair == pair {
			made[n-1].count++
			continue
		}
		made = append(made, pairCount{pair, 1})
	}
	p.all[i] = made
	return made
}

// similarity returns how many pairs both lines have.
func (p pairSet) similarity(q pairSet) (n int) {
	for len(p) > 0 && len(q) > 0 {
		switch {
		case p[0].pair < q[0].pair:
			p = p[1:]
		case p[0].pair > q[0].pair:
			q = q[1:]
		default:
			n += int(min(p[0].count, q[0].count))
			p, q = p[1:], q[1:]
		}
	}
	return n
}

// subtract takes the pairs of q out of p.
func (p pairSet) subtract(q pairSet) pairSet {
	left := make(pairSet, 0, len(p))
	for _, c := range p {
		for len(q) > 0 && q[0].pair < c.pair {
			q = q[1:]
		}
		if len(q) > 0 && q[0].pair == c.pair {
			c.count -= q[0].count
		}
		if c.count > 0 {
			left = append(left, c)
		}
	}
	return left
}

const likeAnywhere = 10 // pairs that lines of different changes must share

// anywhere returns the line that is most like q, or -1. Of several, it is the one nearest to a line number, and of two
// that are as near the latter.
func (p *linePairs) anywhere(q pairSet, near int) int {
	best, at := likeAnywhere, -1
	for i := range p.all {
		n := p.of(i).similarity(q)
		if n < best || n == best && at >= 0 && distance(at, near) < distance(i, near) {
			continue
		}
		best, at = n, i
	}
	return at
}

func distance(a, b int) int { return max(a-b, b-a) }

const maxDistance = 10 // of the lines of a change that are compared, beyond their places in it

// States of certainty.
const (
	unknown  = -1
	hopeless = -2 // the line is like none
)

// A matcher matches lines of one change: those of b by their number in it, those of a by that in the text.
type matcher struct {
	ctx          context.Context
	a, b         *linePairs
	change       linediff.Change
	reachA       int   // how far from its place a line of b looks for one of a
	reachB       int   // how far two lines of b that look at one line of a can be apart, at most
	similarities []int // for each line of b, those with the lines of a that it reaches, times their nearness; -1: unknown
	certainties  []int
	result       []int // the line of a that is most like each of b, or -1
	second       []int // the next one
}

func newMatcher(ctx context.Context, a, b *linePairs, c linediff.Change) *matcher {
	m := &matcher{ctx: ctx, a: a, b: b, change: c, result: slices.Repeat([]int{-1}, c.BLen)}
	if c.ALen == 0 {
		return m
	}
	m.reachA = min(maxDistance, c.ALen-1)
	m.reachB = ((2*m.reachA+1)*c.BLen - 1) / c.ALen
	m.similarities = slices.Repeat([]int{-1}, c.BLen*(2*m.reachA+1))
	m.certainties = slices.Repeat([]int{unknown}, c.BLen)
	m.second = slices.Repeat([]int{-1}, c.BLen)
	return m
}

// place returns the line of a that stands where a line of b does, in proportion.
func (m *matcher) place(b int) int {
	return (b*2+1)*m.change.ALen/(m.change.BLen*2) + m.change.A
}

// at returns where the similarity of two lines is.
func (m *matcher) at(a, b int) *int {
	return &m.similarities[b*(2*m.reachA+1)+a-m.place(b)+m.reachA]
}

// match matches lines of a range with those of another one, in order: first the one whose match is the most certain,
// then those before it, and those behind.
func (m *matcher) match(a0, a1, b0, b1 int) error {
	if a0 == a1 {
		return nil
	}
	for b0 < b1 {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		surest := -1
		for b := b0; b < b1; b++ {
			m.find(b, a0, a1)
			if m.certainties[b] >= 0 && (surest < 0 || m.certainties[b] > m.certainties[surest]) {
				surest = b
			}
		}
		if surest < 0 {
			return nil
		}
		at := m.result[surest]
		m.use(at, surest, b0, b1)
		if err := m.match(a0, at+1, b0, surest); err != nil {
			return err
		}
		a0, b0 = at, surest+1
	}
	return nil
}

// find finds the two lines of a, from a0 to before a1, that are most like a line of b, unless they are known.
func (m *matcher) find(b, a0, a1 int) {
	if m.certainties[b] != unknown {
		return
	}
	place := m.place(b)
	best, second := 0, 0
	m.result[b], m.second[b] = a0, a0
	for a := max(place-m.reachA, a0); a < min(place+m.reachA+1, a1); a++ {
		s := m.at(a, b)
		if *s < 0 { // of lines that are as similar, the nearer one is better
			*s = m.a.of(a).similarity(m.b.of(m.change.B+b)) * (1000 - distance(a, place))
		}
		switch {
		case *s > best:
			second, m.second[b] = best, m.result[b]
			best, m.result[b] = *s, a
		case *s > second:
			second, m.second[b] = *s, a
		}
	}
	m.certainties[b] = 2*best - second
	if best == 0 {
		m.certainties[b], m.result[b] = hopeless, -1
	}
}

// use matches line b with line a, and forgets what that makes untrue: similarities with a, a part of which is used up,
// and matches that are out of order now.
func (m *matcher) use(a, b, b0, b1 int) {
	m.a.all[a] = m.a.of(a).subtract(m.b.of(m.change.B + b))
	for i := max(b-m.reachB, b0); i < min(b+m.reachB+1, b1); i++ {
		if distance(a, m.place(i)) <= m.reachA {
			*m.at(a, i) = -1
		}
		if m.certainties[i] < 0 {
			continue
		}
		if i < b && max(m.result[i], m.second[i]) >= a || i > b && min(m.result[i], m.second[i]) <= a {
			m.certainties[i] = unknown
		}
	}
}
