// Package search finds repositories by words in their names, descriptions, labels and owners. It is an inverted index
// in records that change in the same transaction as what they describe.
//
// A document's words are kept under the word as it is written, in the order in which they are to be found: by where the
// word stands, then by when the repository was created. So the first page of a query of one word is read from the
// beginning of a few ranges, whatever the number of documents that have it, and counts are kept with the words.
package search

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A Doc is what a repository is found by.
type Doc struct {
	ID                storage.ID
	Owner, Slug, Name string // owner and slug in lower case
	Description       string
	Labels            map[string]string
	Language          string
	Private           bool
	Created           time.Time
}

// What is indexed of one repository. What comes later in a long text is not found.
const (
	maxNameWords = 32 // words of owner, slug and name
	maxTextWords = 48 // these, and words of the description
	maxWords     = 64 // these, and words of labels
	earlyWords   = 8  // of the description, which say most about a repository
)

// An Entry is a Doc as it is indexed.
type Entry struct {
	id storage.ID
	*document
}

// Entry splits d into words. It needs no transaction, and takes longer than to index them.
func (d *Doc) Entry() *Entry {
	e := &Entry{d.ID, d.document()}
	e.entries = e.postings(d.ID)
	return e
}

// Add indexes a repository that is new. It writes one record, and one or two for each word: two records if others have
// the word too. Of a private repository it writes two or four for each.
func Add(tx storage.Tx, e *Entry) error { return change(tx, e.id, nil, e.document) }

// Replace indexes a repository as it is now, whatever was indexed of it before. Only the records of words that come, go
// or move are touched, and their neighbours' counts.
func Replace(tx storage.Tx, e *Entry) error {
	old, err := load(tx, e.id)
	if err != nil {
		return err
	}
	return change(tx, e.id, old, e.document)
}

// SetLanguage changes the language of a repository, if it is indexed.
func SetLanguage(tx storage.Tx, id storage.ID, language string) error {
	old, err := load(tx, id)
	if err != nil || old == nil || old.language == language {
		return err
	}
	changed := *old
	changed.language = language
	return change(tx, id, old, &changed)
}

// Drop removes all records of a repository, if there are any.
func Drop(tx storage.Tx, id storage.ID) error {
	old, err := load(tx, id)
	if err != nil || old == nil {
		return err
	}
	return change(tx, id, old, nil)
}

// load returns what is indexed of a repository, or nil.
func load(v storage.View, id storage.ID) (*document, error) { return loadInto(new(scratch), v, id) }

func loadInto(to *scratch, v storage.View, id storage.ID) (*document, error) {
	var buffer [2 + len(id)]byte
	b, err := v.Record(documentKey(buffer[:0], id))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return to.decode(b)
}

// document returns what is indexed of d.
func (d *Doc) document() *document {
	c := collector{words: make([]word, 0, 8)}
	c.add(tokenize(d.Owner), inOwner, maxNameWords)
	for i, name := range [2]string{d.Slug, d.Name} {
		if i > 0 && name == d.Slug {
			break
		}
		tokens := tokenize(name)
		at := inName
		switch len(tokens) {
		case 1:
			at = wholeName
		case 2:
			at = halfOfName
		}
		c.add(tokens, at, maxNameWords)
	}
	c.addDescription(tokenize(d.Description))
	for _, key := range sortedKeys(d.Labels) {
		c.add(withoutStopWords(tokenize(key)), inLabels, maxWords)
		c.add(withoutStopWords(tokenize(d.Labels[key])), inLabels, maxWords)
	}
	slices.SortFunc(c.words, func(a, b word) int { return cmp.Compare(a.text, b.text) })
	for i := range c.words {
		c.words[i].stem = stem(c.words[i].text)
	}
	return &document{
		private: d.Private, created: record.StampOf(d.Created),
		owner: d.Owner, slug: d.Slug, language: strings.ReplaceAll(d.Language, "\x00", ""), words: c.words,
	}
}

// sortedKeys returns the keys of a map, which most often has none.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

// A collector keeps the best class of each word, up to a number of words.
type collector struct{ words []word }

func (c *collector) add(tokens []token, at class, limit int) {
	for _, t := range tokens {
		c.addWord(t.text, at, limit)
		below := at
		if at == wholeName {
			below = halfOfName
		}
		for _, p := range t.parts {
			c.addWord(p, below, limit)
		}
	}
}

func (c *collector) addDescription(tokens []token) {
	tokens = withoutStopWords(tokens)
	early := min(len(tokens), earlyWords)
	c.add(tokens[:early], earlyInDescription, maxTextWords)
	c.add(tokens[early:], inDescription, maxTextWords)
}

func (c *collector) addWord(text string, at class, limit int) {
	for i := range c.words {
		if w := &c.words[i]; w.text == text {
			w.class = max(w.class, at)
			return
		}
	}
	if len(c.words) < limit {
		c.words = append(c.words, word{text: text, class: at})
	}
}

func withoutStopWords(tokens []token) []token {
	return slices.DeleteFunc(tokens, func(t token) bool { return isStopWord(t.text) })
}

// parts returns the parts that the document is in.
func (d *document) parts() []part {
	switch {
	case d == nil:
		return nil
	case d.private:
		return []part{private, privateOf(d.owner)}
	}
	return []part{public}
}

// change makes the index say of a document what to says instead of what from says. Nil is no document.
func change(tx storage.Tx, id storage.ID, from, to *document) error {
	before, after := from.parts(), to.parts()
	for _, p := range before {
		w := newWriter(tx, id, p)
		if slices.Contains(after, p) {
			w.change(from, to)
		} else {
			w.change(from, nil)
		}
		if w.err != nil {
			return w.err
		}
	}
	for _, p := range after {
		w := newWriter(tx, id, p)
		if !slices.Contains(before, p) {
			w.change(nil, to)
		}
		if w.err != nil {
			return w.err
		}
	}
	var buffer [2 + len(id)]byte
	key := documentKey(buffer[:0], id)
	if to == nil {
		return tx.DeleteRecord(key)
	}
	return tx.PutRecord(key, to.encode())
}
