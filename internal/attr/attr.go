// Package attr reads .gitattributes files and says which attributes a path has (gitattributes). It knows what a tree
// holds and nothing of a machine's own files: $GIT_DIR/info/attributes, core.attributesFile and the system's file
// have no say.
package attr

// File is the name of the files that give attributes to the directory they are in and to those below it.
const File = ".gitattributes"

// Limits beyond which Git ignores a line and a whole file, in bytes (git's attr.h).
const (
	MaxLine = 2048
	MaxFile = 100 << 20
)

// A Value is what one attribute is for one path. The zero Value is that of an attribute that nothing speaks of, or
// that "!attr" took back.
type Value struct {
	state state
	text  string
}

type state uint8

const (
	unspecified state = iota
	set
	unset
	text
)

// IsUnspecified reports whether nothing says what the attribute is.
func (v Value) IsUnspecified() bool { return v.state == unspecified }

// IsSet reports whether the attribute is set, as by "attr". One with a text is not.
func (v Value) IsSet() bool { return v.state == set }

// IsUnset reports whether the attribute is unset, as by "-attr".
func (v Value) IsUnset() bool { return v.state == unset }

// Text returns the text of an attribute that was given one by "attr=text", and whether it was.
func (v Value) Text() (string, bool) { return v.text, v.state == text }

// String returns the value as git check-attr prints it: "set", "unset", "unspecified" or its text.
func (v Value) String() string {
	switch v.state {
	case set:
		return "set"
	case unset:
		return "unset"
	case text:
		return v.text
	}
	return "unspecified"
}
