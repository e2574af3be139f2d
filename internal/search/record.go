package search

import (
	"encoding/binary"

	"github.com/reposit/reposit/internal/record"
)

// recordVersion is the first byte of each stored value.
const recordVersion = 1

// A document is what is indexed of a repository.
type document struct {
	private               bool
	created               record.Stamp
	owner, slug, language string
	words                 []word // sorted by text, each once

	entries []entry // its postings, if they were made ahead
}

// A word of a document, and where in it it stands.
type word struct {
	text, stem string
	class      class
}

func (d *document) encode() []byte {
	b := make([]byte, 0, 64+16*len(d.words))
	b = append(b, recordVersion, 0)
	if d.private {
		b[1] = 1
	}
	b = record.AppendStamp(b, d.created)
	for _, s := range [3]string{d.owner, d.slug, d.language} {
		b = record.AppendString(b, s)
	}
	before := ""
	for _, w := range d.words {
		b = append(b, byte(w.class))
		b = appendShared(b, before, w.text)
		b = appendShared(b, w.text, w.stem)
		before = w.text
	}
	return b
}

func decodeDocument(b []byte) (*document, error) { return new(scratch).decode(b) }

// A scratch decodes documents one after the other, each in the place of the one before it: a query may look at very
// many.
type scratch struct {
	document
	spans []wordSpans
	text  []byte
}

// A span is a part of scratch.text.
type span struct{ from, to int }

type wordSpans struct {
	class      class
	text, stem span
}

func (s *scratch) decode(b []byte) (*document, error) {
	r := record.Decode(b)
	r.Version(recordVersion, recordVersion)
	d := &s.document
	d.private, d.created = r.Byte() == 1, r.Stamp()
	for _, to := range [3]*string{&d.owner, &d.slug, &d.language} {
		*to = r.String()
	}
	s.spans, s.text, d.words = s.spans[:0], s.text[:0], d.words[:0]
	var before span
	for r.Len() > 0 {
		w := wordSpans{class: class(r.Byte())}
		w.text = s.shared(&r, before)
		w.stem = s.shared(&r, w.text)
		s.spans = append(s.spans, w)
		before = w.text
	}
	text := string(s.text)
	for _, w := range s.spans {
		d.words = append(d.words, word{text[w.text.from:w.text.to], text[w.stem.from:w.stem.to], w.class})
	}
	return d, r.End("search document")
}

// shared reads what appendShared wrote after another string.
func (s *scratch) shared(r *record.Decoder, before span) span {
	n, rest := int(r.Byte()), r.Take(r.Uvarint())
	if n > before.to-before.from {
		r.Check(false)
		return span{}
	}
	if len(rest) == 0 {
		return span{before.from, before.from + n}
	}
	at := len(s.text)
	s.text = append(s.text, s.text[before.from:before.from+n]...)
	s.text = append(s.text, rest...)
	return span{at, len(s.text)}
}

// A group is the words of a part that have the same stem, but for the stem itself.
type group struct {
	words []string // sorted
	// of the documents' words with this stem, the stem itself included, those that are not a document's first
	excess int
}

func (g *group) encode() []byte {
	b := binary.AppendUvarint([]byte{recordVersion}, uint64(g.excess))
	for _, w := range g.words {
		b = record.AppendString(b, w)
	}
	return b
}

func decodeGroup(b []byte) (group, error) {
	r := record.Decode(b)
	r.Version(recordVersion, recordVersion)
	g := group{excess: int(r.Uvarint())}
	for r.Len() > 0 {
		g.words = append(g.words, r.String())
	}
	return g, r.End("search group")
}

// appendShared appends s as the number of bytes it shares with the string before it, and the rest.
func appendShared(b []byte, before, s string) []byte {
	n := shared(before, s)
	return record.AppendString(append(b, n), s[n:])
}

// shared returns how many bytes two words have in common at their beginning, 255 at most.
func shared(a, b string) byte {
	n := 0
	for n < min(len(a), len(b), 255) && a[n] == b[n] {
		n++
	}
	return byte(n)
}
