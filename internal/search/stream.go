package search

import (
	"iter"
	"slices"
)

// stream returns the page of a query of one word, or of a language. It reads the terms that match from the beginning of
// what each has of a level, level by level.
func (s *searcher) stream() (*Result, error) {
	granted := s.rankGranted()
	total := len(granted)
	for i := range s.drivers[0].parts {
		n, err := s.drivers[0].parts[i].count(s.v)
		if err != nil {
			return nil, err
		}
		total += n
	}
	var page []ranked
	skip := s.Skip
	for d, err := range s.inOrder(granted) {
		if err == nil {
			err = s.ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if skip > 0 {
			skip--
			continue
		}
		if page = append(page, d); len(page) > s.Size {
			break
		}
	}
	return s.page(page, total), nil
}

// rankGranted returns those of the documents granted that match, in order.
func (s *searcher) rankGranted() []ranked {
	var found []ranked
	for _, c := range s.granted {
		if score, ok := s.score(c.document, -1); ok {
			found = append(found, ranked{score, c.created, c.id})
		}
	}
	slices.SortFunc(found, func(a, b ranked) int { return a.compare(&b) })
	return found
}

// inOrder yields what matches, the best first, from where the page before ended. What was granted is merged in.
func (s *searcher) inOrder(granted []ranked) iter.Seq2[ranked, error] {
	return func(yield func(ranked, error) bool) {
		for _, score := range scores {
			var after *ranked
			if s.from != nil {
				if score > s.from.score {
					continue
				}
				if score == s.from.score {
					after = &s.from.ranked
				}
			}
			for at, err := range s.atLevel(score, after, granted) {
				if !yield(ranked{score, at.created, at.id}, err) || err != nil {
					return
				}
			}
		}
	}
}

// manyPlaces is how many places of a term are read at once where more than those of the page may be passed over.
const manyPlaces = 512

// atLevel yields the documents whose score it is, the latest first.
func (s *searcher) atLevel(score int, after *ranked, granted []ranked) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		m := merge{score: score, most: s.Size + 1}
		if s.Skip > 0 {
			m.most = manyPlaces
		}
		for part := range s.drivers[0].parts {
			e := &s.drivers[0].parts[part]
			for i := range e.terms {
				for _, c := range e.terms[i].classes {
					if level(class(c.of), e.terms[i].match) == score {
						m.add(part, after, func(after *ranked) iter.Seq2[place, error] {
							return e.placesIn(s.v, i, class(c.of), after)
						})
					}
				}
			}
		}
		m.add(-1, after, func(after *ranked) iter.Seq2[place, error] { return placesAt(granted, score, after) })
		var last place
		for {
			at, part, err := m.next()
			if err != nil {
				yield(place{}, err)
				return
			}
			if part == none {
				return
			}
			if at.id == last.id {
				continue // under another of its words
			}
			last = at
			shown, err := s.isAt(at, part, score)
			if err != nil {
				yield(place{}, err)
				return
			}
			if shown && !yield(at, nil) {
				return
			}
		}
	}
}

// isAt reports whether a level is the best one that a document of a part is at.
func (s *searcher) isAt(at place, part, score int) (bool, error) {
	if part < 0 || len(s.drivers[0].parts[part].terms) == 1 {
		return true, nil
	}
	d, err := loadNamed(&s.read, s.v, at.id)
	if err != nil || d == nil {
		return false, err
	}
	best, _ := s.score(d, part)
	return best == score, nil
}

// placesAt yields the places of those documents whose score it is, after one of them.
func placesAt(documents []ranked, score int, after *ranked) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for _, d := range documents {
			if d.score != score || after != nil && d.compare(after) <= 0 {
				continue
			}
			if !yield(place{created: d.created, id: d.id}, nil) {
				return
			}
		}
	}
}

// A merge is several sequences of places of one score, each the latest first, as one.
type merge struct {
	score int
	most  int // how many places of a sequence are read at once
	heads []head
}

// A head is the next places of a sequence.
type head struct {
	part   int
	places func(after *ranked) iter.Seq2[place, error]
	read   []place
	last   place // of those that were read
	more   bool  // there may be others behind it
	err    error
}

// none is the part of no place.
const none = -2

func (m *merge) add(part int, after *ranked, places func(after *ranked) iter.Seq2[place, error]) {
	h := head{part: part, places: places}
	h.fill(after, m.most)
	m.heads = append(m.heads, h)
}

// fill reads the next n places after a document.
func (h *head) fill(after *ranked, n int) {
	h.read, h.more = nil, false
	for at, err := range h.places(after) {
		if err != nil {
			h.err = err
			return
		}
		h.read, h.last = append(h.read, at), at
		if len(h.read) == n {
			h.more = true
			return
		}
	}
}

// next returns the latest place that is left, and its part, or none.
func (m *merge) next() (place, int, error) {
	var best *head
	for i := range m.heads {
		h := &m.heads[i]
		if len(h.read) == 0 && h.more {
			h.fill(&ranked{m.score, h.last.created, h.last.id}, m.most)
		}
		if h.err != nil {
			return place{}, none, h.err
		}
		if len(h.read) > 0 && (best == nil || best.read[0].behind(h.read[0])) {
			best = h
		}
	}
	if best == nil {
		return place{}, none, nil
	}
	at := best.read[0]
	best.read = best.read[1:]
	return at, best.part, nil
}
