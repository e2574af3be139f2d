package linguist

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/json"
	"regexp"
	"sync"
)

// Version names the Linguist that the tables are of. It changes with them.
const Version = "537297cd"

//go:embed rules.json.flate
var rawRules []byte

// A table is all that is known but how often words occur in a language.
type table struct {
	Aliases       map[string]string   // in lower case, with underscores
	Extensions    map[string][]string // in lower case, with the dot
	Filenames     map[string][]string
	Interpreters  map[string][]string
	Code          map[string]bool   // languages of the type programming or markup
	Groups        map[string]string // by language
	Vendored      *pattern
	Documentation []*pattern
	Heuristics    map[string][]rule // by extension: the first that matches says the languages

	judged map[string]bool // extensions by which content is judged
}

// rules returns the table. The first call takes some milliseconds.
var rules = sync.OnceValue(func() *table {
	var t table
	r := flate.NewReader(bytes.NewReader(rawRules))
	if err := json.NewDecoder(r).Decode(&t); err != nil {
		panic("linguist: embedded table: " + err.Error()) // TestTables would have failed
	}
	t.judged = map[string]bool{}
	for ext := range t.Heuristics {
		t.judged[ext] = true
	}
	for _, ext := range generatedExtensions() {
		t.judged[ext] = true
	}
	return &t
})

// A pattern is a regular expression that is compiled when it is first needed.
type pattern struct {
	source string
	once   sync.Once
	re     *regexp.Regexp
}

func newPattern(source string) *pattern { return &pattern{source: source} }

func (p *pattern) compiled() *regexp.Regexp {
	p.once.Do(func() { p.re = regexp.MustCompile(p.source) })
	return p.re
}

func (p *pattern) match(b []byte) bool       { return p.compiled().Match(b) }
func (p *pattern) matchString(s string) bool { return p.compiled().MatchString(s) }

// MarshalText returns the expression.
func (p *pattern) MarshalText() ([]byte, error) { return []byte(p.source), nil }

// UnmarshalText is the reverse of MarshalText.
func (p *pattern) UnmarshalText(b []byte) error {
	p.source = string(b)
	return nil
}

// A rule says something of a file's content.
type rule struct {
	Languages []string `json:"l,omitempty"` // of what matches
	Pattern   *pattern `json:"p,omitempty"` // must match, if there is one
	All       []rule   `json:"a,omitempty"` // must all match
	None      []rule   `json:"n,omitempty"` // must not match
	Never     bool     `json:"v,omitempty"` // matches nothing
}

func (r *rule) match(content []byte) bool {
	if r.Never || r.Pattern != nil && !r.Pattern.match(content) {
		return false
	}
	for i := range r.All {
		if !r.All[i].match(content) {
			return false
		}
	}
	for i := range r.None {
		if r.None[i].match(content) {
			return false
		}
	}
	return true
}
