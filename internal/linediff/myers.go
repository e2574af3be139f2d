package linediff

import (
	"context"
	"math"
)

const (
	longRun   = 20  // lines that two texts have in a row, for these to tell where to divide
	earliest  = 256 // steps after which a long run may decide
	costFloor = 256 // steps after which any search ends, in small texts
	gain      = 4   // how many lines a step must have brought, for a long run to decide
	farAway   = math.MaxInt32
)

// A search looks for the changes of two texts, box by box. For each diagonal, the difference of a line's places in a
// and b, it knows how far in a the shortest ways from the one corner and from the other one come.
type search struct {
	ctx         context.Context
	p           *pruned
	ahead, back []int32 // by diagonal, shifted by zero
	zero        int
	costLimit   int
	fromA, toA  int // the box
	fromB, toB  int
	low, high   int // the diagonals that cross the box
	aheadLo     int // the diagonals that were reached, every second one
	aheadHi     int
	backLo      int
	backHi      int
	start, end  int  // the diagonals of the corners
	sawRun      bool // in this step there was a long run
	cutA, cutB  int
	exact1      bool // what lies before the cut is to be searched to the end
	exact2      bool
	pending     []box
}

// A box is a part of both texts, to be searched to the end or not.
type box struct {
	span
	exact bool
}

func newSearch(ctx context.Context, p *pruned) *search {
	diagonals := len(p.a) + len(p.b) + 3
	all := make([]int32, 2*diagonals)
	return &search{
		ctx: ctx, p: p, ahead: all[:diagonals], back: all[diagonals:], zero: len(p.b) + 1,
		costLimit: max(roughRoot(diagonals), costFloor),
	}
}

// run marks what differs. The boxes do not depend on each other, so they are searched in any order.
func (s *search) run(m *marks) error {
	s.pending = append(s.pending, box{span: span{0, len(s.p.a), 0, len(s.p.b)}})
	for len(s.pending) > 0 {
		b := s.pending[len(s.pending)-1]
		s.pending = s.pending[:len(s.pending)-1]
		for b.a0 < b.a1 && b.b0 < b.b1 && s.p.a[b.a0] == s.p.b[b.b0] {
			b.a0++
			b.b0++
		}
		for b.a0 < b.a1 && b.b0 < b.b1 && s.p.a[b.a1-1] == s.p.b[b.b1-1] {
			b.a1--
			b.b1--
		}
		if b.empty() {
			s.p.markAll(m, b.a0, b.a1, b.b0, b.b1)
			continue
		}
		if err := s.divide(b); err != nil {
			return err
		}
		s.pending = append(s.pending,
			box{span{s.cutA, b.a1, s.cutB, b.b1}, s.exact2}, box{span{b.a0, s.cutA, b.b0, s.cutB}, s.exact1})
	}
	return nil
}

// divide finds a point of a box to divide it at: where the ways from both corners meet, or, unless the box is to be
// searched to the end, where it is likely that they would.
func (s *search) divide(b box) error {
	s.fromA, s.toA, s.fromB, s.toB = b.a0, b.a1, b.b0, b.b1
	s.low, s.high = b.a0-b.b1, b.a1-b.b0
	s.start, s.end = b.a0-b.b0, b.a1-b.b1
	s.aheadLo, s.aheadHi, s.backLo, s.backHi = s.start, s.start, s.end, s.end
	s.ahead[s.zero+s.start], s.back[s.zero+s.end] = int32(b.a0), int32(b.a1)
	meetAhead := (s.start-s.end)%2 != 0
	s.exact1, s.exact2 = true, true
	for step := 1; ; step++ {
		if step%16 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		s.sawRun = false
		if s.goAhead(meetAhead) || s.goBack(!meetAhead) {
			return nil
		}
		if b.exact {
			continue
		}
		if s.sawRun && step > earliest && (s.cutAhead(step) || s.cutBack(step)) {
			return nil
		}
		if step >= s.costLimit {
			s.giveUp()
			return nil
		}
	}
}

// widen takes one more diagonal at each end of a range, with a value that no way comes from, or one less at the end of
// the box.
func (s *search) widen(reached []int32, lo, hi *int, none int32) {
	if *lo > s.low {
		*lo--
		reached[s.zero+*lo-1] = none
	} else {
		*lo++
	}
	if *hi < s.high {
		*hi++
		reached[s.zero+*hi+1] = none
	} else {
		*hi--
	}
}

// goAhead takes a step from the first corner on all diagonals. It reports whether it met a way back, if it may.
func (s *search) goAhead(meet bool) bool {
	s.widen(s.ahead, &s.aheadLo, &s.aheadHi, -1)
	for d := s.aheadHi; d >= s.aheadLo; d -= 2 {
		at := s.zero + d
		i := int(s.ahead[at+1])
		if s.ahead[at-1] >= s.ahead[at+1] {
			i = int(s.ahead[at-1]) + 1
		}
		before, j := i, i-d
		for i < s.toA && j < s.toB && s.p.a[i] == s.p.b[j] {
			i++
			j++
		}
		s.sawRun = s.sawRun || i-before > longRun
		s.ahead[at] = int32(i)
		if meet && s.backLo <= d && d <= s.backHi && int(s.back[at]) <= i {
			s.cutA, s.cutB = i, j
			return true
		}
	}
	return false
}

// goBack is goAhead from the last corner.
func (s *search) goBack(meet bool) bool {
	s.widen(s.back, &s.backLo, &s.backHi, farAway)
	for d := s.backHi; d >= s.backLo; d -= 2 {
		at := s.zero + d
		i := int(s.back[at+1]) - 1
		if s.back[at-1] < s.back[at+1] {
			i = int(s.back[at-1])
		}
		before, j := i, i-d
		for i > s.fromA && j > s.fromB && s.p.a[i-1] == s.p.b[j-1] {
			i--
			j--
		}
		s.sawRun = s.sawRun || before-i > longRun
		s.back[at] = int32(i)
		if meet && s.aheadLo <= d && d <= s.aheadHi && i <= int(s.ahead[at]) {
			s.cutA, s.cutB = i, j
			return true
		}
	}
	return false
}

// cutAhead divides behind a long run, if a way from the first corner has come unusually far with one at its end.
func (s *search) cutAhead(step int) bool {
	best := 0
	for d := s.aheadHi; d >= s.aheadLo; d -= 2 {
		i := int(s.ahead[s.zero+d])
		j := i - d
		far := (i - s.fromA) + (j - s.fromB) - distance(d, s.start)
		if far > gain*step && far > best && s.fromA+longRun <= i && i < s.toA && s.fromB+longRun <= j && j < s.toB &&
			s.runs(i-longRun, j-longRun) {
			best, s.cutA, s.cutB = far, i, j
		}
	}
	s.exact2 = best == 0
	return best > 0
}

// cutBack is cutAhead for the ways from the last corner.
func (s *search) cutBack(step int) bool {
	best := 0
	for d := s.backHi; d >= s.backLo; d -= 2 {
		i := int(s.back[s.zero+d])
		j := i - d
		far := (s.toA - i) + (s.toB - j) - distance(d, s.end)
		if far > gain*step && far > best && s.fromA < i && i <= s.toA-longRun && s.fromB < j && j <= s.toB-longRun &&
			s.runs(i, j) {
			best, s.cutA, s.cutB = far, i, j
		}
	}
	s.exact1 = best == 0
	return best > 0
}

// runs reports whether a long run begins at lines i and j.
func (s *search) runs(i, j int) bool {
	for k := range longRun {
		if s.p.a[i+k] != s.p.b[j+k] {
			return false
		}
	}
	return true
}

// giveUp divides at the point that is farthest from its corner.
func (s *search) giveUp() {
	far, farA := -1, -1
	for d := s.aheadHi; d >= s.aheadLo; d -= 2 {
		i := min(int(s.ahead[s.zero+d]), s.toA)
		if i-d > s.toB {
			i = s.toB + d
		}
		if sum := i + i - d; sum > far {
			far, farA = sum, i
		}
	}
	near, nearA := math.MaxInt, math.MaxInt
	for d := s.backHi; d >= s.backLo; d -= 2 {
		i := max(int(s.back[s.zero+d]), s.fromA)
		if i-d < s.fromB {
			i = s.fromB + d
		}
		if sum := i + i - d; sum < near {
			near, nearA = sum, i
		}
	}
	if s.toA+s.toB-near < far-(s.fromA+s.fromB) {
		s.cutA, s.cutB, s.exact2 = farA, far-farA, false
	} else {
		s.cutA, s.cutB, s.exact1 = nearA, near-nearA, false
	}
}

func distance(a, b int) int { return max(a-b, b-a) }
