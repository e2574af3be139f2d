package reposit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
)

// What callers branch on, by errors.Is. Each also matches the sentinel of io/fs in brackets.
var (
	ErrNotFound error = fault.NotFound // no such repository, ref, revision or path [fs.ErrNotExist]
	ErrExists   error = fault.Exists   // slug, ref or path is taken [fs.ErrExist]
	ErrInvalid  error = fault.Invalid  // malformed name, path, ref, hash or option [fs.ErrInvalid]
	// the ref or path holds something else (*ConflictError), or what there is stands against it
	ErrConflict  error = fault.Conflict
	ErrNoChange  error = fault.NoChange  // the commit would change nothing
	ErrForbidden error = fault.Forbidden // the actor may not [fs.ErrPermission]
	ErrProtected error = fault.Protected // the branch's protection refuses it
	ErrTooLarge  error = fault.TooLarge  // over a limit or a quota
	ErrCorrupt   error = fault.Corrupt   // stored bytes do not match their hash or checksum
	ErrClosed    error = fault.Closed    // the store is closed [fs.ErrClosed]
)

// An Error says which operation on which repository failed, on what and why.
type Error struct {
	Op   string // the method, in lower case: "write"
	Repo string // "owner/slug", or the ID; "" if the operation is on the store
	Name string // the path, ref, revision or other thing that it is about; may be ""
	Err  error  // one of the sentinels with its detail, the context's error, or what the medium reported
}

// Error returns, for example, `reposit: write alice/notes: "a//b": invalid path: ...`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("reposit: ")
	b.WriteString(e.Op)
	if e.Repo != "" {
		b.WriteByte(' ')
		b.WriteString(e.Repo)
	}
	if e.Name != "" {
		b.WriteString(": ")
		b.WriteString(strconv.QuoteToGraphic(cut(e.Name)))
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

const maxName = 200 // bytes of a name in an error's text

func cut(s string) string {
	if len(s) > maxName {
		return s[:maxName] + "..."
	}
	return s
}

// A ConflictError is the ErrConflict of a ref or path that did not hold what the caller expected.
type ConflictError struct {
	Name             string // the ref or path
	Expected, Actual Hash   // zero: nothing
}

// Error names both hashes.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("conflict: %q holds %s, not %s", e.Name, holding(e.Actual), holding(e.Expected))
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

func holding(h Hash) string {
	if h.IsZero() {
		return "nothing"
	}
	return h.String()
}

// A detail is a sentinel with the reason.
type detail struct {
	kind  error
	text  string
	cause error
}

func (d *detail) Error() string { return d.text }

func (d *detail) Unwrap() []error {
	if d.cause == nil {
		return []error{d.kind}
	}
	return []error{d.kind, d.cause}
}

// invalid returns an ErrInvalid that says what is wrong with what, or an ErrTooLarge if it is too long.
func invalid(what string, cause error) error {
	if errors.Is(cause, names.ErrTooLong) {
		return &detail{ErrTooLarge, what + " too large: " + cause.Error(), cause}
	}
	return &detail{ErrInvalid, "invalid " + what + ": " + cause.Error(), cause}
}

func invalidf(format string, args ...any) error {
	return &detail{ErrInvalid, "invalid " + fmt.Sprintf(format, args...), nil}
}

// classify makes an error of the engines one that callers can branch on.
func classify(err error) error {
	var moved *ref.ConflictError
	if errors.As(err, &moved) {
		return &ConflictError{Name: moved.Name, Expected: Hash(moved.Expected), Actual: Hash(moved.Actual)}
	}
	var other *commit.ExpectError
	if errors.As(err, &other) {
		return &ConflictError{Name: other.Path, Expected: Hash(other.Expected), Actual: Hash(other.Actual)}
	}
	var merged *MergeConflictError
	if errors.As(err, &merged) {
		return err
	}
	var made *detail
	if errors.As(err, &made) {
		return err // by this package
	}
	if errors.Is(err, storage.ErrReadOnly) {
		return &detail{ErrForbidden, "forbidden: the store is open read-only", err}
	}
	kind := fault.KindOf(err)
	switch {
	case kind == nil && errors.Is(err, git.ErrMalformed): // stored, since what is to be stored was checked
		kind = fault.Corrupt
	case kind == nil || err == kind:
		return err
	case err.Error() == kind.Error():
		return kind
	}
	text := err.Error()
	if kind == fault.Invalid {
		text = "invalid: " + text
	}
	return &detail{kind, text, err}
}

// failed returns err as an *Error, or nil.
func failed(op, repo, name string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var about *fault.Named
	var path *commit.PathError
	switch {
	case errors.As(err, &about):
		name, err = about.Name, about.Err
	case errors.As(err, &path):
		name, err = path.Path, path.Err
	}
	return &Error{Op: op, Repo: repo, Name: name, Err: classify(err)}
}
