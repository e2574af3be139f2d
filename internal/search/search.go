package search

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A Result is a page of what a query finds.
type Result struct {
	Hits  []Hit
	Next  []byte // where the page ends, for Query.From; nil if it is the last
	Total int
}

// A Hit is a repository that matches, and how well. Higher is better.
type Hit struct {
	ID    storage.ID
	Score float64
}

// Search returns a page of what matches, the best first, then the latest. It returns ErrText and ErrPosition.
//
// A query of one word, or of a language alone, costs a step for each repository of the page, those that Skip counts
// too, whatever the number of those that match. One of several words, or a word and a filter, costs a look at each
// repository that has the rarest of them. Both cost a look at each repository in Viewer.Granted.
//
// The weights that words have beside each other depend on how many repositories have them, of those alone that the
// viewer sees. They stay the same from page to page.
func Search(ctx context.Context, v storage.View, q *Query) (*Result, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	s := searcher{ctx: ctx, v: v, Query: q}
	if q.From != nil {
		var err error
		if s.from, err = decodePosition(q.From); err != nil {
			return nil, err
		}
	}
	if err := s.loadGranted(); err != nil {
		return nil, err
	}
	all, apart := parse(q.Text)
	s.single, s.letters = len(tokenize(q.Text)) == 1, letters(q.Text)
	if s.from == nil || !s.from.apart {
		r, err := s.search(all)
		if err != nil || r.Total > 0 || apart == nil || s.from != nil {
			return r, err
		}
	}
	s.apart = true
	return s.search(apart)
}

type searcher struct {
	*Query
	ctx     context.Context
	v       storage.View
	from    *position
	apart   bool // compounds are taken apart
	granted []candidate
	read    scratch

	words   []queryWord
	single  bool   // the text is one word
	letters string // of the text
	weights []uint16
	drivers []driver // the words, then the filters
}

// A candidate is a document that may match.
type candidate struct {
	*document
	id storage.ID
}

// A driver is one of the things that a document must have, with the terms of each part that stand for it.
type driver struct {
	parts []expansion
	total int
}

// parts returns the parts that the viewer sees all of.
func (s *searcher) parts() []part {
	switch {
	case s.Viewer == nil:
		return []part{public, private}
	case s.Viewer.Only:
		return nil
	case s.Viewer.Login == "":
		return []part{public}
	}
	return []part{public, privateOf(s.Viewer.Login)}
}

// loadGranted reads the documents that the viewer sees besides those of their parts.
func (s *searcher) loadGranted() error {
	if s.Viewer == nil {
		return nil
	}
	seen := make(map[storage.ID]bool, len(s.Viewer.Granted))
	for _, id := range s.Viewer.Granted {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		d, err := loadNamed(new(scratch), s.v, id)
		if err != nil {
			return err
		}
		if d == nil || seen[id] || !s.Viewer.Only && (!d.private || d.owner == s.Viewer.Login) {
			continue
		}
		seen[id] = true
		s.granted = append(s.granted, candidate{d, id})
	}
	return nil
}

// search returns the page for the given words.
func (s *searcher) search(words []queryWord) (*Result, error) {
	s.words = words
	if len(words) == 0 && (s.Language == "" || strings.TrimSpace(s.Text) != "") {
		return &Result{}, nil
	}
	if err := s.expandAll(); err != nil {
		return nil, err
	}
	if s.from != nil && len(s.from.weights) != len(s.weights) {
		return nil, ErrPosition
	}
	if s.isSimple() {
		return s.stream()
	}
	return s.collect()
}

// isSimple reports whether documents match by one term alone, so that they are found in the order of their ranks.
func (s *searcher) isSimple() bool {
	return len(s.drivers) == 1 && (len(s.words) == 0 || s.single)
}

// expandAll fills drivers and weights.
func (s *searcher) expandAll() error {
	s.drivers, s.weights = nil, nil
	for i := range s.words {
		err := s.drive(func(p part) (expansion, error) { return expand(s.v, p, &s.words[i]) })
		if err != nil {
			return err
		}
	}
	if len(s.words) > 1 {
		s.weigh()
	}
	if s.Language != "" {
		err := s.drive(func(p part) (expansion, error) { return expandTerm(s.v, p, termLanguage+s.Language) })
		if err != nil {
			return err
		}
	}
	if s.Owner == "" {
		return nil
	}
	for _, t := range tokenize(s.Owner) {
		err := s.drive(func(p part) (expansion, error) { return expandTerm(s.v, p, termWord+t.text) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *searcher) drive(expand func(part) (expansion, error)) error {
	var d driver
	for _, p := range s.parts() {
		e, err := expand(p)
		if err != nil {
			return err
		}
		d.parts = append(d.parts, e)
		d.total += e.total
	}
	s.drivers = append(s.drivers, d)
	return nil
}

// weigh gives rare words more weight than others.
func (s *searcher) weigh() {
	if s.from != nil {
		s.weights = s.from.weights
		return
	}
	most := 1
	for _, d := range s.drivers {
		most = max(most, d.total)
	}
	for _, d := range s.drivers {
		weight := 1000 * math.Log(1+float64(most)/float64(max(d.total, 1)))
		s.weights = append(s.weights, uint16(min(weight, math.MaxUint16)))
	}
}

// collect looks at all documents that have the rarest of what they must have, and keeps the best.
func (s *searcher) collect() (*Result, error) {
	rarest := slices.MinFunc(s.drivers, func(a, b driver) int { return cmp.Compare(a.total, b.total) })
	top := top{size: s.Skip + s.Size + 1}
	if s.from != nil {
		top.after = &s.from.ranked
	}
	any := func(*matched) bool { return true }
	for part, e := range rarest.parts {
		for i := range e.terms {
			for at, err := range e.places(s.v, i) {
				if err == nil {
					err = s.ctx.Err()
				}
				if err != nil {
					return nil, err
				}
				d, err := loadNamed(&s.read, s.v, at.id)
				if err != nil {
					return nil, err
				}
				if d == nil {
					continue
				}
				if e.isWord(i) && e.first(d, any) != i {
					continue // seen under another word
				}
				if score, ok := s.score(d, part); ok {
					top.add(ranked{score, d.created, at.id})
				}
			}
		}
	}
	for _, c := range s.granted {
		if score, ok := s.score(c.document, -1); ok {
			top.add(ranked{score, c.created, c.id})
		}
	}
	best := top.sorted()
	return s.page(best[min(s.Skip, len(best)):], top.total), nil
}

func (e *expansion) isWord(i int) bool { return strings.HasPrefix(e.terms[i].name, termWord) }

// score returns the score of a document of a part, or of one that was granted if part is negative, and whether it
// matches.
func (s *searcher) score(d *document, part int) (score int, ok bool) {
	if s.Owner != "" && d.owner != s.Owner || s.Language != "" && d.language != s.Language {
		return 0, false
	}
	sum := 0
	for i := range s.words {
		last := ""
		if part >= 0 {
			last = s.drivers[i].parts[part].last
		}
		best, ok := s.words[i].best(d, last)
		if !ok {
			return 0, false
		}
		weight := 1
		if len(s.weights) > 0 {
			weight = int(s.weights[i])
		}
		score += weight * best
		sum += weight
	}
	if sum > 0 {
		score = score/sum + s.bonus(d)
	}
	return score, true
}

// bonus returns what a document's score gains if the text as a whole is its name. If that is one word, the word's own
// level has it.
func (s *searcher) bonus(d *document) int {
	switch {
	case s.single:
		return 0
	case strings.EqualFold(strings.TrimSpace(s.Text), d.owner+"/"+d.slug):
		return fullNameBonus
	case s.letters == letters(d.slug):
		return wholeNameBonus
	}
	return 0
}

// page makes a result of documents in order, the first of which begins it.
func (s *searcher) page(found []ranked, total int) *Result {
	r := &Result{Total: total}
	if len(found) > s.Size {
		found = found[:s.Size]
		next := position{ranked: found[len(found)-1], apart: s.apart, weights: s.weights}
		r.Next = next.encode()
	}
	for _, d := range found {
		r.Hits = append(r.Hits, Hit{ID: d.id, Score: float64(d.score) / 1000})
	}
	return r
}
