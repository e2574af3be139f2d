// Package fault has the kinds of error that callers of the public package branch on. The engines make errors of a kind,
// with a text of their own; package storage, which stands below, has sentinels that KindOf knows.
package fault

import (
	"errors"
	"io/fs"

	"github.com/reposit/reposit/storage"
)

// A Kind is a sentinel: what a caller does about an error depends on it alone.
type Kind struct {
	text  string
	alias error // of package io/fs; nil: none
}

// The kinds.
var (
	NotFound  = &Kind{"not found", fs.ErrNotExist}
	Exists    = &Kind{"already exists", fs.ErrExist}
	Invalid   = &Kind{"invalid", fs.ErrInvalid}
	Conflict  = &Kind{"conflict", nil}
	NoChange  = &Kind{"nothing to commit", nil}
	Forbidden = &Kind{"forbidden", fs.ErrPermission}
	Protected = &Kind{"refused by the branch protection", nil}
	TooLarge  = &Kind{"too large", nil}
	Corrupt   = &Kind{"corrupt data", nil}
	Closed    = &Kind{"store is closed", fs.ErrClosed}
)

// Error returns the kind's name.
func (k *Kind) Error() string { return k.text }

// Is reports whether target is the sentinel of io/fs that means the same.
func (k *Kind) Is(target error) bool { return k.alias != nil && target == k.alias }

// New returns an error of a kind. Its text is the given one, or the kind's if that is empty.
func New(k *Kind, text string) error {
	if text == "" {
		text = k.text
	}
	return &fault{k, text}
}

type fault struct {
	kind *Kind
	text string
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.kind }

// KindOf returns the kind of an error, or nil if it has none. What is closed, corrupt or not there comes first,
// whatever else the error wraps.
func KindOf(err error) *Kind {
	for _, s := range [...]struct {
		sentinel error
		kind     *Kind
	}{{storage.ErrClosed, Closed}, {storage.ErrCorrupt, Corrupt}, {storage.ErrNotFound, NotFound}} {
		if errors.Is(err, s.sentinel) {
			return s.kind
		}
	}
	var k *Kind
	if errors.As(err, &k) {
		return k
	}
	if errors.Is(err, storage.ErrTooLarge) {
		return TooLarge
	}
	return nil
}

// A Named error is about something else than what the operation as a whole is about.
type Named struct {
	Name string
	Err  error
}

// About returns an error that is about what is called name.
func About(name string, err error) error { return &Named{name, err} }

// Error returns the text of the error alone: who reports it says the name.
func (n *Named) Error() string { return n.Err.Error() }

// Unwrap returns the error.
func (n *Named) Unwrap() error { return n.Err }
