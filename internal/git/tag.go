package git

import (
	"github.com/reposit/reposit/storage"
)

// A Tag is a decoded annotated tag.
type Tag struct {
	Object  Hash
	Type    storage.Type // of Object
	Name    string
	Tagger  *Signature // nil in some old tags
	Message string
}

// Append appends the tag's content to b.
func (t *Tag) Append(b []byte) []byte {
	b = appendHash(b, "object ", t.Object)
	b = append(b, "type "...)
	b = append(b, t.Type.String()...)
	b = append(b, "\ntag "...)
	b = append(b, t.Name...)
	b = append(b, '\n')
	if t.Tagger != nil {
		b = append(b, "tagger "...)
		b = t.Tagger.Append(b)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	return append(b, t.Message...)
}

// ParseTag decodes the content of a tag.
func ParseTag(raw []byte) (*Tag, error) {
	t := &Tag{}
	rest, err := headers(raw, func(key string, value, _ []byte) error {
		switch key {
		case "object":
			h, ok := ParseHash(string(value))
			if !ok {
				return malformed("tag names object %q", value)
			}
			t.Object = h
		case "type":
			t.Type = ParseType(string(value))
		case "tag":
			t.Name = string(value)
		case "tagger":
			s := ParseSignature(value)
			t.Tagger = &s
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if t.Object.IsZero() || t.Type == 0 {
		return nil, malformed("tag names no object")
	}
	t.Message = string(rest)
	return t, nil
}

// ParseType returns the type called name, or 0.
func ParseType(name string) storage.Type {
	for t := storage.Commit; t <= storage.Tag; t++ {
		if t.String() == name {
			return t
		}
	}
	return 0
}
