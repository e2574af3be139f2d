// Package refstack says what the refs of forked repositories are made of, so that a fork costs the same however many
// refs there are.
//
// Refs are kept in segments. A repository begins with one segment, whose ID is its own, and no stack: nothing is said
// of it here. When it is forked its segment is frozen: the repository and the fork each get an empty segment on top of
// it, and go on there. If there are few entries in a repository's segment, the next fork gets copies of these, rather
// than one frozen segment more. A ref is what the highest segment says that has an entry for its name; a deleted ref
// leaves an entry that says so.
//
// How many segments lie below a repository is bounded by the logarithm of its number of refs: those of similar size are
// merged into one, at a cost that is in proportion to the refs that were written since. A frozen segment never changes,
// and is dropped when no stack has it any more.
//
// The package decides; a Medium keeps it all. Everything that one call here does belongs into one transaction.
package refstack

import (
	"crypto/rand"
	"slices"

	"github.com/reposit/reposit/storage"
)

// A Stack is the segments that hold the refs of one repository.
type Stack struct {
	// Own is the segment that the repository writes to. The zero ID says that the repository was dropped, while other
	// stacks still have its first segment.
	Own storage.ID

	// Recent are the names of the entries in Own that a fork begins with, as long as they are few. Else Many is true.
	Recent []string
	Many   bool

	// Below are frozen segments, the one that counts first of all in front.
	Below []Layer
}

// A Layer is a frozen segment as one stack has it.
type Layer struct {
	Segment storage.ID

	// Inherited says that the segment was written by another repository: only refs that a fork begins with show
	// through, and their logs are not this repository's.
	Inherited bool
}

// Shows reports whether an entry of this name in the layer counts.
func (l Layer) Shows(name string) bool { return !l.Inherited || storage.Inherited(name) }

// Gone reports whether the repository was dropped.
func (s Stack) Gone() bool { return s.Own.IsZero() }

// Layers returns all segments of the stack, its own in front.
func (s Stack) Layers() []Layer {
	return append([]Layer{{Segment: s.Own}}, s.Below...)
}

// Few entries are copied to a fork, rather than frozen and shared: so many at most, with names of so many bytes in all.
const (
	few      = 8
	fewBytes = 400
)

// Put returns what the stack is after an entry was put into Own, and whether that is another one.
func (s Stack) Put(name string) (Stack, bool) {
	if s.Many || !storage.Inherited(name) || slices.Contains(s.Recent, name) {
		return s, false
	}
	size := len(name)
	for _, n := range s.Recent {
		size += len(n)
	}
	if len(s.Recent) == few || size > fewBytes {
		s.Recent, s.Many = nil, true
	} else {
		s.Recent = append(slices.Clip(s.Recent), name)
	}
	return s, true
}

// inherited returns the layers as a fork has them.
func inherited(layers []Layer) []Layer {
	layers = slices.Clone(layers)
	for i := range layers {
		layers[i].Inherited = true
	}
	return layers
}

// newSegment returns an ID that was never used, and is no repository's: its first byte is zero.
func newSegment() (id storage.ID) {
	rand.Read(id[1:])
	return id
}

// IsSegment reports whether id is of a segment that is not a repository's first one.
func IsSegment(id storage.ID) bool { return id[0] == 0 }

// A Medium is a transaction of a backend, as this package needs it. What it is told to drop may be written again in
// the same transaction, except for segments.
type Medium interface {
	// Stack returns a repository's stack, and whether it has one.
	Stack(repo storage.ID) (Stack, bool, error)
	PutStack(repo storage.ID, s Stack) error
	DeleteStack(repo storage.ID) error

	// Refcount returns how many stacks have the frozen segment, as PutRefcount was told last; 0 is to be forgotten.
	Refcount(segment storage.ID) (uint64, error)
	PutRefcount(segment storage.ID, n uint64) error

	// Copy copies entries of a segment, also those of deleted refs, without their logs.
	Copy(to, from storage.ID, names []string) error

	// DropSegment drops the entries of a segment, DropLogs the logs of a repository, and DropAll both of one whose first
	// segment is only its own, and its refstack.
	DropSegment(segment storage.ID) error
	DropLogs(repo storage.ID) error
	DropAll(repo storage.ID) error
}
