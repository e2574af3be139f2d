package linediff

import (
	"context"
	"slices"
)

// patience marks what differs by Bram Cohen's patience algorithm: the longest series of lines that both texts have once
// divides them, and so on between these; where there is none, the classic search takes over.
func patience(ctx context.Context, m *marks) error {
	p := &anchors{marks: m, atA: make([]int32, len(m.inA)), atB: make([]int32, len(m.inB))}
	pending := []span{m.whole()}
	for len(pending) > 0 {
		s := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if s.empty() {
			m.set(s)
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		series, common := p.find(s)
		switch {
		case !common:
			m.set(s)
		case len(series) == 0:
			if err := classic(ctx, m, s); err != nil {
				return err
			}
		default:
			pending = between(m, s, series, pending)
		}
	}
	return nil
}

// A pair is a line of a and its partner in b.
type pair struct{ a, b int }

// Anchors finds lines to divide at.
type anchors struct {
	*marks
	atA, atB []int32 // where a line was seen last, by its number
}

// find returns the longest series of lines that both sides of a span have once, in order, and whether they have any
// line in common at all.
func (p *anchors) find(s span) (series []pair, common bool) {
	inA, inB := p.count(s)
	defer p.uncount(s)
	for j := s.b0; j < s.b1; j++ {
		p.atB[p.idsB[j]] = int32(j)
		common = common || inA[p.idsB[j]] > 0
	}
	type link struct {
		pair
		before int // in all
	}
	var all []link
	var ends []int // of the series of each length, the one with the least b at its end
	for i := s.a0; i < s.a1; i++ {
		id := p.idsA[i]
		if inA[id] != 1 || inB[id] != 1 {
			continue
		}
		b := int(p.atB[id])
		n, _ := slices.BinarySearchFunc(ends, b, func(end, b int) int { return all[end].b - b })
		before := -1
		if n > 0 {
			before = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, 0)
		}
		ends[n] = len(all)
		all = append(all, link{pair{i, b}, before})
	}
	if len(ends) == 0 {
		return nil, common
	}
	for at := ends[len(ends)-1]; at >= 0; at = all[at].before {
		series = append(series, all[at].pair)
	}
	slices.Reverse(series)
	return series, true
}

// between appends the spans between the lines of a series, without the equal lines around them.
func between(m *marks, s span, series []pair, pending []span) []span {
	rest := s
	for k := 0; ; {
		to := span{rest.a0, s.a1, rest.b0, s.b1}
		if k < len(series) {
			to.a1, to.b1 = series[k].a, series[k].b
			for to.a1 > to.a0 && to.b1 > to.b0 && m.idsA[to.a1-1] == m.idsB[to.b1-1] {
				to.a1--
				to.b1--
			}
		}
		for to.a0 < to.a1 && to.b0 < to.b1 && m.idsA[to.a0] == m.idsB[to.b0] {
			to.a0++
			to.b0++
		}
		if to.a0 < to.a1 || to.b0 < to.b1 {
			pending = append(pending, to)
		}
		if k == len(series) {
			return pending
		}
		rest.a0, rest.b0 = series[k].a+1, series[k].b+1
		k++
	}
}
