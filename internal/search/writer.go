package search

import (
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/storage"
)

// A writer changes what a part says of one document. After an error it does nothing more.
type writer struct {
	tx     storage.Tx
	id     storage.ID
	part   part
	groups map[string]*groupChange // by stem
	err    error
	key    []byte // room for one
	value  []byte
}

func newWriter(tx storage.Tx, id storage.ID, p part) *writer {
	return &writer{tx: tx, id: id, part: p, key: make([]byte, 0, keyRoom), value: make([]byte, 0, 48)}
}

// A groupChange is what a document changes of a group.
type groupChange struct {
	add, remove []string
	excess      int
}

// change replaces one state of the document by another. Nil is none.
func (w *writer) change(from, to *document) {
	if from == nil {
		from = &document{}
	}
	if to == nil {
		to = &document{}
	}
	old, now := from.postings(w.id), to.postings(w.id)
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0].term < now[0].term:
			w.term(old[0].term, &old[0], nil)
			old = old[1:]
		case len(old) == 0 || now[0].term < old[0].term:
			w.term(now[0].term, nil, &now[0])
			now = now[1:]
		default:
			if old[0].posting != now[0].posting {
				w.term(now[0].term, &old[0], &now[0])
			}
			if stem := now[0].stem; stem != old[0].stem && stem != now[0].term[1:] { // the rules of stems changed
				w.groupOf(stem).add = append(w.groupOf(stem).add, now[0].term[1:])
			}
			old, now = old[1:], now[1:]
		}
	}
	w.countStems(from, -1)
	w.countStems(to, +1)
	for _, stem := range sortedKeys(w.groups) {
		w.group(stem, w.groups[stem])
	}
}

// An entry is a posting under its term.
type entry struct {
	posting
	term, stem string
}

// postings returns the document's entries, sorted by term.
func (d *document) postings(id storage.ID) []entry {
	if d.entries != nil {
		return d.entries
	}
	entries := make([]entry, 0, 1+len(d.words))
	at := posting{place: place{created: d.created, id: id}}
	if d.language != "" {
		entries = append(entries, entry{posting: at, term: termLanguage + d.language})
	}
	before := ""
	for _, w := range d.words {
		at.class, at.shared = w.class, shared(before, w.text)
		entries = append(entries, entry{posting: at, term: termWord + w.text, stem: w.stem})
		before = w.text
	}
	return entries
}

// term replaces an entry of a term by another. Nil is none.
func (w *writer) term(name string, from, to *entry) {
	if w.err != nil {
		return
	}
	t, err := loadTerm(w.tx, w.part, name, w.key)
	if err != nil {
		w.err = err
		return
	}
	old := t
	if from != nil {
		w.take(&t, from)
	}
	if to != nil {
		w.put(&t, to)
	}
	if w.err == nil {
		w.err = w.store(name, &old, &t)
	}
	switch {
	case old.total == 0 && to != nil && to.stem != "" && to.stem != name[1:]:
		w.groupOf(to.stem).add = append(w.groupOf(to.stem).add, name[1:])
	case t.total == 0 && from != nil && from.stem != "" && from.stem != name[1:]:
		w.groupOf(from.stem).remove = append(w.groupOf(from.stem).remove, name[1:])
	}
}

// put adds an entry to a term.
func (w *writer) put(t *term, e *entry) {
	switch {
	case t.inline:
		w.post(e.term, t.only.place)
		t.inline, t.only = false, posting{}
		fallthrough
	case t.total > 0:
		w.post(e.term, e.place)
	default:
		t.inline, t.only = true, e.posting
	}
	t.total++
	t.classes.add(byte(e.class), +1)
	t.shared.add(e.shared, +1)
}

// take removes an entry from a term.
func (w *writer) take(t *term, e *entry) {
	if t.of(e.class) == 0 || t.inline && t.only != e.posting {
		w.err = fmt.Errorf("%w: search term of repository %s", storage.ErrCorrupt, w.id)
		return
	}
	if t.inline {
		*t = term{}
		return
	}
	w.unpost(e.term, e.place)
	t.total--
	t.classes.add(byte(e.class), -1)
	t.shared.add(e.shared, -1)
	if t.total == 1 {
		w.inline(t, e.term)
	}
}

// inline puts the only posting that is left of a term into it, so that what is stored does not depend on what was.
func (w *writer) inline(t *term, name string) {
	all := append(partKey(nil, keyPosting, w.part, name), 0)
	for at, err := range scan(w.tx, all, end(all)) {
		if err != nil {
			w.err = err
			return
		}
		t.inline, t.only = true, posting{at, t.shared[0].of}
		w.unpost(name, at)
		return
	}
	w.err = fmt.Errorf("%w: search term of which a posting is missing", storage.ErrCorrupt)
}

func (w *writer) post(term string, at place) {
	if w.err == nil {
		w.key = postingKey(w.key[:0], w.part, term, at)
		w.err = w.tx.PutRecord(w.key, nil)
	}
}

func (w *writer) unpost(term string, at place) {
	if w.err == nil {
		w.key = postingKey(w.key[:0], w.part, term, at)
		w.err = w.tx.DeleteRecord(w.key)
	}
}

func (w *writer) groupOf(stem string) *groupChange {
	if w.groups == nil {
		w.groups = make(map[string]*groupChange)
	}
	g := w.groups[stem]
	if g == nil {
		g = &groupChange{}
		w.groups[stem] = g
	}
	return g
}

// countStems notes the words of a document that share their stem with another word of it.
func (w *writer) countStems(d *document, step int) {
	for i, a := range d.words {
		for _, b := range d.words[:i] {
			if a.stem == b.stem {
				w.groupOf(a.stem).excess += step
				break
			}
		}
	}
}

func (w *writer) group(stem string, c *groupChange) {
	if w.err != nil || len(c.add)+len(c.remove) == 0 && c.excess == 0 {
		return
	}
	g, err := loadGroup(w.tx, w.part, stem)
	if err != nil {
		w.err = err
		return
	}
	for _, word := range c.add {
		if i, found := slices.BinarySearch(g.words, word); !found {
			g.words = slices.Insert(g.words, i, word)
		}
	}
	g.words = slices.DeleteFunc(g.words, func(word string) bool { return slices.Contains(c.remove, word) })
	g.excess = max(0, g.excess+c.excess)
	w.key = partKey(w.key[:0], keyGroup, w.part, stem)
	if len(g.words) == 0 {
		w.err = w.tx.DeleteRecord(w.key)
		return
	}
	w.err = w.tx.PutRecord(w.key, g.encode())
}

// loadGroup returns the group of a stem in a part, which is zero if there is none.
func loadGroup(v storage.View, p part, stem string) (group, error) {
	var buffer [96]byte
	b, err := v.Record(partKey(buffer[:0], keyGroup, p, stem))
	if errors.Is(err, storage.ErrNotFound) {
		return group{}, nil
	}
	if err != nil {
		return group{}, err
	}
	return decodeGroup(b)
}
