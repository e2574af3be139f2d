package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/reposit/reposit/storage"
)

func TestKindOf(t *testing.T) {
	own := New(Invalid, "malformed thing")
	for _, test := range []struct {
		err  error
		want *Kind
		text string
	}{
		{own, Invalid, "malformed thing"},
		{fmt.Errorf("x: %w", own), Invalid, "x: malformed thing"},
		{New(Exists, ""), Exists, "already exists"},
		{Protected, Protected, "refused by the branch protection"},
		{fmt.Errorf("y: %w", storage.ErrNotFound), NotFound, "y: not found"},
		{fmt.Errorf("%w: %w", own, storage.ErrCorrupt), Corrupt, "malformed thing: corrupt data"},
		{fmt.Errorf("%w: %w", own, storage.ErrTooLarge), Invalid, "malformed thing: too large"},
		{storage.ErrTooLarge, TooLarge, "too large"},
		{storage.ErrClosed, Closed, "store is closed"},
		{storage.ErrNoSpace, nil, "no space left"},
		{errors.New("other"), nil, "other"},
		{nil, nil, ""},
	} {
		if got := KindOf(test.err); got != test.want {
			t.Errorf("KindOf(%v) = %v, want %v", test.err, got, test.want)
		}
		if test.err != nil && test.err.Error() != test.text {
			t.Errorf("text is %q, want %q", test.err, test.text)
		}
	}
	if !errors.Is(own, fs.ErrInvalid) || errors.Is(own, fs.ErrExist) || errors.Is(New(Conflict, ""), fs.ErrInvalid) {
		t.Error("an error is not just what its kind means in package io/fs")
	}
}
