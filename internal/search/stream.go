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

// atLevel yields the documents whose score it is, the latest first.
func (s *searcher) atLevel(score int, after *ranked, granted []ranked) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		m := merge{}
		defer m.stop()
		for part := range s.drivers[0].parts {
			e := &s.drivers[0].parts[part]
			for i := range e.terms {
				for _, c := range e.terms[i].classes {
					if level(class(c.of), e.terms[i].match) == score {
						m.add(part, e.placesIn(s.v, i, class(c.of), after))
					}
				}
			}
		}
		m.add(-1, placesAt(granted, score, after))
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
	d, err := mustLoad(&s.read, s.v, at.id)
	if err != nil {
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

// A merge is several sequences of places, each the latest first, as one.
type merge []head

// A head is the next place of a sequence.
type head struct {
	part int
	pull func() (place, error, bool)
	stop func()
	at   place
	err  error
}

// none is the part of no place.
const none = -2

func (m *merge) add(part int, places iter.Seq2[place, error]) {
	h := head{part: part}
	h.pull, h.stop = iter.Pull2(places)
	var ok bool
	if h.at, h.err, ok = h.pull(); !ok {
		h.stop()
		return
	}
	*m = append(*m, h)
}

// next returns the latest place that is left, and its part, or none.
func (m *merge) next() (place, int, error) {
	best := -1
	for i := range *m {
		h := &(*m)[i]
		if h.err != nil {
			return place{}, none, h.err
		}
		if best < 0 || (*m)[best].at.behind(h.at) {
			best = i
		}
	}
	if best < 0 {
		return place{}, none, nil
	}
	h := &(*m)[best]
	at, part := h.at, h.part
	var ok bool
	if h.at, h.err, ok = h.pull(); !ok {
		h.stop()
		*m = slices.Delete(*m, best, best+1)
	}
	return at, part, nil
}

func (m *merge) stop() {
	for _, h := range *m {
		h.stop()
	}
}
