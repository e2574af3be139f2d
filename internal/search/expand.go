package search

import (
	"cmp"
	"errors"
	"iter"
	"slices"

	"github.com/reposit/reposit/storage"
)

// maxCompletions bounds the words that the last word of a query is taken for the beginning of.
const maxCompletions = 64

// An expansion is the terms of a part that a word of a query, or a filter, stands for.
type expansion struct {
	part   part
	terms  []matched // sorted by name
	total  int       // of the terms' documents; those with several terms count more than once
	excess int       // of the word's group
	begun  int       // how many documents have a word that begins with the query's
	last   string    // the last completion that is looked at, or "" if all are
}

// A matched term is one that an expansion holds.
type matched struct {
	term
	name    string
	match   match
	grouped bool // it is a form of the word
	begins  bool // it begins with the word
}

func (t *matched) word() string { return t.name[len(termWord):] }

// expandTerm returns the expansion of a term that stands for itself.
func expandTerm(v storage.View, p part, name string) (expansion, error) {
	t, err := loadTerm(v, p, name, make([]byte, 0, keyRoom))
	if err != nil || t.total == 0 {
		return expansion{part: p}, err
	}
	return expansion{part: p, terms: []matched{{term: t, name: name, grouped: true}}, total: t.total}, nil
}

// expand returns the expansion of a word of a query.
func expand(v storage.View, p part, q *queryWord) (expansion, error) {
	e := expansion{part: p}
	if err := e.addForms(v, q); err != nil {
		return e, err
	}
	if q.prefix {
		if err := e.addCompletions(v, q); err != nil {
			return e, err
		}
	}
	slices.SortFunc(e.terms, func(a, b matched) int { return cmp.Compare(a.name, b.name) })
	for i := range e.terms {
		e.total += e.terms[i].total
	}
	return e, nil
}

// addForms adds the words that have the stem of q.
func (e *expansion) addForms(v storage.View, q *queryWord) error {
	g, err := loadGroup(v, e.part, q.stem)
	if err != nil {
		return err
	}
	e.excess = g.excess
	forms := append(g.words, q.stem, q.text)
	slices.Sort(forms)
	key := make([]byte, 0, keyRoom)
	for _, word := range slices.Compact(forms) {
		t, err := loadTerm(v, e.part, termWord+word, key)
		if err != nil {
			return err
		}
		m := matched{term: t, name: termWord + word, match: byStem, grouped: true}
		if word == q.text {
			m.match = exactly
		}
		if t.total > 0 {
			e.terms = append(e.terms, m)
		}
	}
	return nil
}

// addCompletions adds the words that begin with q. A document that has several of them is counted with the first: the
// word before that, in the document's order, has less in common with it than all of q.
func (e *expansion) addCompletions(v storage.View, q *queryWord) error {
	forms := len(e.terms)
	prefix := partKey(nil, keyTerm, e.part, termWord+q.text)
	n, key := 0, make([]byte, 0, keyRoom)
	for rec, err := range v.Records(prefix, end(prefix), storage.Ascending) {
		if err != nil {
			return err
		}
		if n++; n > maxCompletions {
			return nil
		}
		name := termWord + q.text + string(rec.Key[len(prefix):])
		t, err := readTerm(v, e.part, name, rec.Value, key)
		if err != nil {
			return err
		}
		e.last = name[len(termWord):]
		for _, s := range t.shared {
			if int(s.of) < len(q.text) {
				e.begun += s.n
			}
		}
		if i := slices.IndexFunc(e.terms[:forms], func(m matched) bool { return m.name == name }); i >= 0 {
			e.terms[i].begins = true
		} else {
			e.terms = append(e.terms, matched{term: t, name: name, match: byPrefix, begins: true})
		}
	}
	e.last = ""
	return nil
}

// first returns the index of the first term that keep holds for and a document has, or -1.
func (e *expansion) first(d *document, keep func(*matched) bool) int {
	i := 0
	for _, w := range d.words {
		for i < len(e.terms) && e.terms[i].word() < w.text {
			i++
		}
		if i == len(e.terms) {
			break
		}
		if t := &e.terms[i]; t.word() == w.text && keep(t) {
			return i
		}
	}
	return -1
}

// count returns how many documents the expansion of a word stands for. It looks at documents only if the word has forms
// that do not begin with it and there are words that begin with it and are none of its forms: then at all that have
// the rarer of the two kinds.
func (e *expansion) count(v storage.View) (int, error) {
	forms, onlyForms, onlyBegun := -e.excess, 0, 0
	for i := range e.terms {
		t := &e.terms[i]
		if t.grouped {
			forms += t.total
		}
		switch {
		case !t.begins:
			onlyForms += t.total
		case !t.grouped:
			onlyBegun += t.total
		}
	}
	var err error
	n := 0
	switch {
	case onlyBegun == 0:
		return forms, nil
	case onlyForms == 0:
		return e.begun, nil
	case onlyForms < onlyBegun:
		n, err = e.countOthers(v, func(t *matched) bool { return t.begins })
		n += e.begun
	default:
		n, err = e.countOthers(v, func(t *matched) bool { return t.grouped })
		n += forms
	}
	return n, err
}

// countOthers returns how many documents have a term, but none that counted holds for.
func (e *expansion) countOthers(v storage.View, counted func(*matched) bool) (int, error) {
	n := 0
	others := func(t *matched) bool { return !counted(t) }
	var read scratch
	for i := range e.terms {
		if counted(&e.terms[i]) {
			continue
		}
		for at, err := range e.places(v, i) {
			if err != nil {
				return 0, err
			}
			d, err := loadNamed(&read, v, at.id)
			if err != nil {
				return 0, err
			}
			if d == nil {
				continue
			}
			if e.first(d, counted) < 0 && e.first(d, others) == i {
				n++
			}
		}
	}
	return n, nil
}

// places yields the places of all documents that have a term.
func (e *expansion) places(v storage.View, i int) iter.Seq2[place, error] {
	t := &e.terms[i]
	if t.inline {
		return t.alone()
	}
	all := append(partKey(nil, keyPosting, e.part, t.name), 0)
	return scan(v, all, end(all))
}

// placesIn yields the places of a class, the latest documents first, after a document.
func (e *expansion) placesIn(v storage.View, i int, c class, after *ranked) iter.Seq2[place, error] {
	t := &e.terms[i]
	if t.inline {
		if after != nil && !t.only.behind(place{created: after.created, id: after.id}) {
			return func(func(place, error) bool) {}
		}
		return t.alone()
	}
	lo := append(partKey(nil, keyPosting, e.part, t.name), 0, byte(c))
	hi := end(lo)
	if after != nil {
		hi = postingKey(nil, e.part, t.name, place{c, after.created, after.id})
	}
	return scan(v, lo, hi)
}

// alone yields the place of the only document that has a term.
func (t *matched) alone() iter.Seq2[place, error] {
	return func(yield func(place, error) bool) { yield(t.only.place, nil) }
}

func scan(v storage.View, lo, hi []byte) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for rec, err := range v.Records(lo, hi, storage.Descending) {
			var at place
			if err == nil {
				var ok bool
				if at, ok = placeOf(rec.Key); !ok {
					continue // damaged
				}
			}
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

// loadNamed returns a document that a term names, or nil if it is damaged or not there: that must not keep others from
// being found. It holds until the next one is loaded with the same scratch.
func loadNamed(to *scratch, v storage.View, id storage.ID) (*document, error) {
	d, err := loadInto(to, v, id)
	if errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat) {
		return nil, nil
	}
	return d, err
}
