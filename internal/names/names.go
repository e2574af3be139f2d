// Package names holds the rules for names that come from outside: paths and tree entries, refs, slugs and owners,
// identities and messages of commits, and the texts that people see.
//
// All functions are pure. They allocate nothing when a name passes, but for those that return a changed one. Every
// error is an *Error and matches, by errors.Is, either ErrMalformed or ErrTooLong.
package names

import (
	"strconv"

	"github.com/reposit/reposit/internal/fault"
)

var (
	// ErrMalformed says that a name breaks a rule of form.
	ErrMalformed = fault.New(fault.Invalid, "malformed name")
	// ErrTooLong says that a name is well formed as far as it was read, but longer or deeper than allowed.
	ErrTooLong = fault.New(fault.TooLarge, "")
)

// An Error says which name breaks which rule.
type Error struct {
	Name string // the name, or the part of it, that breaks the rule, whole
	Rule string // what is wrong, as a clause without a subject: "is .git"
	kind error
}

// maxQuoted bounds the bytes of a name in an error's text: names may be megabytes.
const maxQuoted = 80

// Error returns the quoted name, cut if it is long, and the rule.
func (e *Error) Error() string {
	if len(e.Name) > maxQuoted {
		return strconv.Quote(e.Name[:maxQuoted]) + "... " + e.Rule
	}
	return strconv.Quote(e.Name) + " " + e.Rule
}

// Unwrap returns ErrMalformed or ErrTooLong.
func (e *Error) Unwrap() error { return e.kind }

func malformed(name, rule string) error { return &Error{Name: name, Rule: rule, kind: ErrMalformed} }

func tooLong(name, rule string) error { return &Error{Name: name, Rule: rule, kind: ErrTooLong} }
