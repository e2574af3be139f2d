package reposit

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/commit"
	"github.com/reposit/reposit/internal/edit"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/people"
	"github.com/reposit/reposit/internal/protect"
	"github.com/reposit/reposit/internal/pull"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/internal/sshkey"
	"github.com/reposit/reposit/storage"
)

// What callers branch on, by errors.Is. Each also matches the sentinel of io/fs in brackets.
var (
	ErrNotFound  error = &sentinel{"not found", fs.ErrNotExist}             // no such repository, ref, revision or path [fs.ErrNotExist]
	ErrExists    error = &sentinel{"already exists", fs.ErrExist}           // slug, ref or path is taken [fs.ErrExist]
	ErrInvalid   error = &sentinel{"invalid", fs.ErrInvalid}                // malformed name, path, ref, hash or option [fs.ErrInvalid]
	ErrConflict  error = &sentinel{"conflict", nil}                         // the ref or path holds something else (*ConflictError), or what there is stands against it
	ErrNoChange  error = &sentinel{"nothing to commit", nil}                // the commit would change nothing
	ErrForbidden error = &sentinel{"forbidden", fs.ErrPermission}           // the actor may not [fs.ErrPermission]
	ErrProtected error = &sentinel{"refused by the branch protection", nil} // the branch's protection refuses it
	ErrTooLarge  error = &sentinel{"too large", nil}                        // over a limit or a quota
	ErrCorrupt   error = &sentinel{"corrupt data", nil}                     // stored bytes do not match their hash or checksum
	ErrClosed    error = &sentinel{"store is closed", fs.ErrClosed}         // the store is closed [fs.ErrClosed]
)

type sentinel struct {
	text  string
	alias error
}

func (s *sentinel) Error() string        { return s.text }
func (s *sentinel) Is(target error) bool { return s.alias != nil && target == s.alias }

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

// kinds maps the errors of the engines to the sentinels that callers know. The first that matches counts.
var kinds = [...]struct{ internal, kind error }{
	{storage.ErrClosed, ErrClosed},
	{storage.ErrCorrupt, ErrCorrupt},
	{storage.ErrNotFound, ErrNotFound},
	{access.ErrForbidden, ErrForbidden},
	{protect.ErrRefused, ErrProtected},
	{edit.ErrNotFound, ErrNotFound},
	{catalog.ErrTaken, ErrExists},
	{people.ErrTaken, ErrExists},
	{people.ErrOwner, ErrConflict},
	{edit.ErrExists, ErrExists},
	{ref.ErrTaken, ErrExists},
	{pull.ErrTaken, ErrExists},
	{pull.ErrNothing, ErrNoChange},
	{pull.ErrConflict, ErrConflict},
	{commit.ErrNoChange, ErrNoChange},
	{storage.ErrTooLarge, ErrTooLarge},
	{people.ErrTooMany, ErrTooLarge},
	{names.ErrTooLong, ErrTooLarge},
	{protect.ErrRule, ErrInvalid},
	{names.ErrMalformed, ErrInvalid},
	{people.ErrPermission, ErrInvalid},
	{sshkey.ErrMalformed, ErrInvalid},
	{revision.ErrSyntax, ErrInvalid},
	{revision.ErrAmbiguous, ErrInvalid},
	{catalog.ErrToken, ErrInvalid},
	{search.ErrText, ErrInvalid},
	{edit.ErrInside, ErrInvalid},
	{edit.ErrNotFile, ErrInvalid},
	{ref.ErrSymbolic, ErrInvalid},
	{git.ErrCollision, ErrInvalid},
	{git.ErrMalformed, ErrCorrupt},
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
	var known *sentinel
	if errors.As(err, &known) {
		return err
	}
	for _, k := range kinds {
		if !errors.Is(err, k.internal) {
			continue
		}
		text := strings.ReplaceAll(err.Error(), k.internal.Error(), k.kind.Error())
		if k.kind == ErrInvalid {
			text = "invalid: " + err.Error()
		}
		if text == k.kind.Error() {
			return k.kind
		}
		return &detail{k.kind, text, err}
	}
	return err
}

// A named error is about something else than what the operation as a whole is about.
type named struct {
	name string
	err  error
}

func (n *named) Error() string { return n.err.Error() }
func (n *named) Unwrap() error { return n.err }

// failed returns err as an *Error, or nil.
func failed(op, repo, name string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var about *named
	var path *commit.PathError
	switch {
	case errors.As(err, &about):
		name, err = about.name, about.err
	case errors.As(err, &path):
		name, err = path.Path, path.Err
	}
	return &Error{Op: op, Repo: repo, Name: name, Err: classify(err)}
}
