package linediff

// A side is one text with its marks.
type side struct {
	text   *Text
	marked []bool
}

// A group is a run of marked lines, from start to before end. Between any two neighbouring lines without a mark there
// is one, which may be empty.
type group struct{ start, end int }

func (s *side) first() group { return s.fill(group{}) }

// fill extends a group over the marked lines behind it.
func (s *side) fill(g group) group {
	for s.marked[g.end] {
		g.end++
	}
	return g
}

// next returns the group behind g, if there is one.
func (s *side) next(g group) (group, bool) {
	if g.end == s.text.Len() {
		return g, false
	}
	return s.fill(group{g.end + 1, g.end + 1}), true
}

// before returns the group in front of g, which is not the first.
func (s *side) before(g group) group {
	g = group{g.start - 1, g.start - 1}
	for g.start > 0 && s.marked[g.start-1] {
		g.start--
	}
	return g
}

// up moves a group by a line towards the beginning, if that makes the same change, and joins it with what it then
// touches.
func (s *side) up(g *group) bool {
	ids := s.text.IDs
	if g.start == 0 || ids[g.start-1] != ids[g.end-1] {
		return false
	}
	g.start--
	g.end--
	s.marked[g.start], s.marked[g.end] = true, false
	for g.start > 0 && s.marked[g.start-1] {
		g.start--
	}
	return true
}

// down is up towards the end.
func (s *side) down(g *group) bool {
	ids := s.text.IDs
	if g.end == len(ids) || ids[g.start] != ids[g.end] {
		return false
	}
	s.marked[g.start], s.marked[g.end] = false, true
	g.start++
	*g = s.fill(group{g.start, g.end + 1})
	return true
}

// slide moves each group of s to the best of the places where it makes the same change: beside a group of the other
// side, so that both are one change; else, with indent, where it looks best; else to the last one.
func slide(s, other *side, indent bool) {
	g, o := s.first(), other.first()
	for {
		if g.start < g.end {
			slideGroup(s, other, &g, &o, indent)
		}
		var more bool
		if g, more = s.next(g); !more {
			return
		}
		o, _ = other.next(o)
	}
}

func slideGroup(s, other *side, g, o *group, indent bool) {
	var size, highest int
	var beside bool
	for size = -1; size != g.end-g.start; { // until it touches no further ones
		size = g.end - g.start
		for s.up(g) {
			*o = other.before(*o)
		}
		highest = g.end
		beside = o.start < o.end
		for s.down(g) {
			*o, _ = other.next(*o)
			beside = beside || o.start < o.end
		}
	}
	to := g.end
	switch {
	case to == highest:
	case beside:
		for o.start == o.end {
			s.up(g)
			*o = other.before(*o)
		}
		return
	case indent:
		to = s.bestEnd(highest, *g)
	}
	for g.end > to {
		s.up(g)
		*o = other.before(*o)
	}
}
