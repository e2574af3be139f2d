package search

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// MaxText bounds the text of a query, in bytes.
const MaxText = 1 << 10

// maxQueryWords is how many words of a query are looked at.
const maxQueryWords = 32

// ErrText says that the text of a query is too long, or none.
var ErrText = fault.New(fault.Invalid, "malformed search text")

// ErrPosition says that a position is not one of this query.
var ErrPosition = errors.New("malformed position in a search")

// A Query says what is searched for, by whom, and which page of it.
//
// A document matches if it has all words of the text: as they are written, or another form of the same English word.
// The last one may be the beginning of a word, of at most the first maxCompletions words of the index, in the order of
// their bytes, that begin with it. Common English words count only if there are no others. A word
// in camel case is one word; only if that finds nothing are its parts looked for.
type Query struct {
	Text     string
	Owner    string // in lower case; "" for all
	Language string // "" for all
	Viewer   *Viewer
	Size     int
	Skip     int    // documents before the page, or
	From     []byte // where the page before ended
}

// A Viewer is who searches. They see public repositories, their own, and those in Granted. A nil Viewer sees all.
type Viewer struct {
	Login   string // in lower case; "" owns nothing
	Granted []storage.ID
	Only    bool // sees nothing but Granted
}

// IsList reports whether the query has neither a word nor a language, so that nothing is searched for. It is a list of
// repositories then, which this package does not keep.
func (q *Query) IsList() bool {
	return q.Language == "" && q.check() == nil && len(tokenize(q.Text)) == 0
}

// check returns ErrText for a text that can't be.
func (q *Query) check() error {
	switch {
	case len(q.Text) > MaxText:
		return fmt.Errorf("%w: it has more than %d bytes", ErrText, MaxText)
	case !utf8.ValidString(q.Text):
		return fmt.Errorf("%w: it is not valid UTF-8", ErrText)
	case strings.ContainsRune(q.Text, 0):
		return fmt.Errorf("%w: it holds a zero byte", ErrText)
	}
	return nil
}

// A queryWord is a word that is searched for.
type queryWord struct {
	text, stem string
	prefix     bool // words that begin with it match too
}

// parse returns the words of a text and, if it has compounds, the words with these taken apart, or nil.
func parse(text string) (all, apart []queryWord) {
	tokens := tokenize(text)
	tokens = slices.DeleteFunc(tokens, func(t token) bool { return t.tail })
	if rest := withoutStopWords(slices.Clone(tokens)); len(rest) > 0 {
		tokens = rest
	}
	compound := false
	for i, t := range tokens {
		prefix := i == len(tokens)-1 || t.whole
		all = appendWord(all, t.text, prefix)
		if len(t.parts) == 0 {
			apart = appendWord(apart, t.text, prefix)
			continue
		}
		compound = true
		for j, p := range t.parts {
			apart = appendWord(apart, p, prefix && j == len(t.parts)-1)
		}
	}
	if !compound {
		apart = nil
	}
	return all, apart
}

func appendWord(words []queryWord, text string, prefix bool) []queryWord {
	for i := range words {
		if words[i].text == text {
			words[i].prefix = words[i].prefix || prefix
			return words
		}
	}
	if len(words) == maxQueryWords {
		return words
	}
	return append(words, queryWord{text: text, stem: stem(text), prefix: prefix})
}

// matches says how the word matches one of a document, up to the last completion that is looked at, or "".
func (q *queryWord) matches(w *word, last string) match {
	switch {
	case w.text == q.text:
		return exactly
	case w.stem == q.stem:
		return byStem
	case q.prefix && strings.HasPrefix(w.text, q.text) && (last == "" || w.text <= last):
		return byPrefix
	}
	return noMatch
}

// best returns the highest level at which the word matches a document, and whether it matches at all.
func (q *queryWord) best(d *document, last string) (best int, ok bool) {
	for i := range d.words {
		if m := q.matches(&d.words[i], last); m != noMatch {
			best, ok = max(best, level(d.words[i].class, m)), true
		}
	}
	return best, ok
}

// letters returns the letters and digits of a text, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// A position is where a page ended: what ranked last, and what ranked it.
type position struct {
	ranked
	apart   bool     // compounds were taken apart
	weights []uint16 // of the words, if there are several
}

func (p *position) encode() []byte {
	b := []byte{recordVersion, 0}
	if p.apart {
		b[1] = 1
	}
	b = binary.BigEndian.AppendUint32(b, uint32(p.score))
	b = record.AppendStamp(b, p.created)
	b = append(b, p.id[:]...)
	for _, w := range p.weights {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return b
}

func decodePosition(b []byte) (*position, error) {
	r := record.Decode(b)
	r.Version(recordVersion, recordVersion)
	p := &position{apart: r.Byte() == 1}
	p.score, p.created, p.id = int(r.Uint32()), r.Stamp(), r.ID()
	for r.Len() > 0 {
		p.weights = append(p.weights, r.Uint16())
	}
	if r.End("position") != nil {
		return nil, ErrPosition
	}
	return p, nil
}
