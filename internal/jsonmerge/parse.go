package jsonmerge

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// maxDepth bounds how deep objects are merged by key; deeper ones are values like all others.
const maxDepth = 32

// A value is a part of a text of JSON.
type value struct {
	text    []byte   // from its first byte to its last one
	members []member // of an object
	keys    map[string]*value
	tail    []byte // of an object, what stands before its closing brace
	object  bool   // it is one whose keys differ, and not too deep
}

// A member is a key of an object, with its value.
type member struct {
	name  string
	lead  []byte // white space before the key
	key   []byte // with all that stands before the value
	value *value
	after []byte // white space before the comma
}

// parse returns the value of a text, and what stands before and behind it; nil if the text is no JSON.
func parse(text []byte) (v *value, before, behind []byte) {
	if !json.Valid(text) {
		return nil, nil, nil
	}
	p := parser{text: text}
	before = p.space()
	v = p.value(0)
	return v, before, text[p.at:]
}

// A parser reads a text that is valid.
type parser struct {
	text []byte
	at   int
}

func (p *parser) space() []byte {
	from := p.at
	for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n"), p.text[p.at]) >= 0 {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *parser) value(depth int) *value {
	from := p.at
	v := &value{}
	switch p.text[p.at] {
	case '{':
		if depth < maxDepth {
			p.object(v, depth)
		} else {
			p.skip()
		}
	case '[':
		p.skip()
	case '"':
		p.str()
	default:
		for p.at < len(p.text) && bytes.IndexByte([]byte(" \t\r\n,]}"), p.text[p.at]) < 0 {
			p.at++
		}
	}
	v.text = p.text[from:p.at]
	return v
}

func (p *parser) object(v *value, depth int) {
	p.at++ // the brace
	v.object, v.keys = true, map[string]*value{}
	for {
		lead := p.space()
		if p.text[p.at] == '}' {
			v.tail = lead
			break
		}
		m := member{lead: lead}
		from := p.at
		p.str()
		m.name = nameOf(p.text[from:p.at])
		if v.keys[m.name] != nil {
			v.object = false
		}
		p.space()
		p.at++ // the colon
		p.space()
		m.key = p.text[from:p.at]
		m.value = p.value(depth + 1)
		v.keys[m.name] = m.value
		space := p.space()
		more := p.text[p.at] == ','
		if more {
			m.after = space
			p.at++
		}
		v.members = append(v.members, m)
		if !more {
			v.tail = space
			break
		}
	}
	p.at++
}

// nameOf returns the text of a key.
func nameOf(key []byte) (name string) {
	if bytes.IndexByte(key, '\\') < 0 && utf8.Valid(key) {
		return string(key[1 : len(key)-1])
	}
	if json.Unmarshal(key, &name) != nil {
		return string(key)
	}
	return name
}

// str goes behind a string.
func (p *parser) str() {
	for p.at++; p.text[p.at] != '"'; p.at++ {
		if p.text[p.at] == '\\' {
			p.at++
		}
	}
	p.at++
}

// skip goes behind an array or object.
func (p *parser) skip() {
	for depth := 0; ; {
		switch p.text[p.at] {
		case '"':
			p.str()
			continue
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if p.at++; depth == 0 {
			return
		}
	}
}

// same reports whether two values are the same but for white space and, in objects that are merged by key, the order of
// keys. Numbers and strings are the same if they are written alike.
func same(a, b *value) bool {
	if bytes.Equal(a.text, b.text) {
		return true
	}
	if !a.object || !b.object {
		return !a.object && !b.object && bytes.Equal(compact(a.text), compact(b.text))
	}
	if len(a.members) != len(b.members) {
		return false
	}
	for _, m := range a.members {
		if other := b.keys[m.name]; other == nil || !same(m.value, other) {
			return false
		}
	}
	return true
}

func compact(text []byte) []byte {
	if text[0] != '[' && text[0] != '{' {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}
