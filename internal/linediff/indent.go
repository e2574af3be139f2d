package linediff

// The weights by which git rates where a change begins and ends: the lower, the better. Michael Haggerty found them by
// comparing with what people chose (git's xdiff/xdiffi.c has the story).
const (
	atFileStart      = 1
	atFileEnd        = 21
	perBlank         = -30
	perBlankBehind   = 6
	deeper           = -4 // than the line before
	deeperAtBlank    = 10
	shallower        = 24 // than the line before, and than the one behind
	shallowerAtBlank = 17
	closing          = 23 // shallower than the line before, and not than the one behind
	closingAtBlank   = 17
	perIndent        = 60 // for whichever of two places is indented more
	farthest         = 100
	maxIndent        = 200
	maxBlanks        = 20
	tabWidth         = 8
	blank            = -1 // the indentation of a line of white space
)

// bestEnd returns where a group, which can end anywhere from highest to where it ends now, should.
func (s *side) bestEnd(highest int, g group) int {
	size := g.end - g.start
	var best rating
	end := -1
	for to := max(highest, g.end-size-1, g.end-farthest); to <= g.end; to++ {
		r := s.rate(to)
		begin := s.rate(to - size)
		r.indent += begin.indent
		r.penalty += begin.penalty
		if end < 0 || !best.better(r) {
			best, end = r, to
		}
	}
	return end
}

// A rating says how bad it looks to split a text at some lines.
type rating struct{ indent, penalty int }

// better reports whether r is better than other.
func (r rating) better(other rating) bool {
	diff := r.penalty - other.penalty
	switch {
	case r.indent < other.indent:
		diff -= perIndent
	case r.indent > other.indent:
		diff += perIndent
	}
	return diff < 0
}

// rate returns how bad it looks to split the text before line at.
func (s *side) rate(at int) rating {
	n := s.text.Len()
	own := blank
	if at < n {
		own = s.indent(at)
	}
	before, blanksBefore := s.neighbour(at, -1)
	behind, blanksBehind := s.neighbour(at, 1)
	var r rating
	if before == blank && blanksBefore == 0 {
		r.penalty += atFileStart
	}
	if at >= n {
		r.penalty += atFileEnd
	}
	here := own
	if own == blank {
		here = behind
		blanksBehind++ // the line itself
	} else {
		blanksBehind = 0
	}
	blanks := blanksBefore + blanksBehind
	r.penalty += perBlank*blanks + perBlankBehind*blanksBehind
	r.indent = here
	choose := func(plain, atBlank int) int {
		if blanks > 0 {
			return atBlank
		}
		return plain
	}
	switch {
	case here == blank || before == blank || here == before:
	case here > before:
		r.penalty += choose(deeper, deeperAtBlank)
	case behind != blank && behind > here:
		r.penalty += choose(shallower, shallowerAtBlank)
	default:
		r.penalty += choose(closing, closingAtBlank)
	}
	return r
}

// neighbour returns the indentation of the next line that is not blank, blank if there is none, and how many blank
// lines come before it.
func (s *side) neighbour(at, step int) (indent, blanks int) {
	for i := at + step; i >= 0 && i < s.text.Len(); i += step {
		if indent = s.indent(i); indent != blank {
			return indent, blanks
		}
		if blanks++; blanks == maxBlanks {
			return 0, blanks
		}
	}
	return blank, blanks
}

// indent returns the width of the white space that a line begins with.
func (s *side) indent(i int) int {
	width := 0
	for _, c := range s.text.Line(i) {
		switch {
		case !isSpace(c):
			return width
		case c == ' ':
			width++
		case c == '\t':
			width += tabWidth - width%tabWidth
		}
		if width >= maxIndent {
			return maxIndent
		}
	}
	return blank
}
