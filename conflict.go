package reposit

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/merge"
	"github.com/reposit/reposit/internal/treemerge"
)

// A MergeFavor decides what both sides of a merge changed in different ways, inside of files (git merge -X).
type MergeFavor int

// The ways to decide.
const (
	NoFavor MergeFavor = iota // it is a conflict
	Ours                      // as the branch has it
	Theirs                    // as the head has it
	Union                     // the lines of the branch, then those of the head
)

// A ConflictStyle is how conflicts are written into a file (git's merge.conflictStyle).
type ConflictStyle int

// The styles.
const (
	Merge  ConflictStyle = iota // the two sides
	Diff3                       // the two sides, and between them what both come from
	ZDiff3                      // likewise, without what both sides have at its ends
)

// A ConflictKind says why both sides of a merge can't be had.
type ConflictKind int

// The kinds, in the order of git's words for them, which String returns.
const (
	ConflictContent    ConflictKind = iota + 1 // both changed the same lines
	ConflictAddAdd                             // both added the path, with different content
	ConflictBinary                             // both changed a file that has no lines
	ConflictModes                              // both gave it another mode, or a symlink another target
	ConflictSubmodule                          // both moved a submodule
	ConflictDeleted                            // one changed what the other deleted
	ConflictMoved                              // one moved what the other deleted
	ConflictMovedTwice                         // both moved it, to different places
	ConflictCollision                          // one moved it to where the other put another file
	ConflictDirectory                          // a file of one is where the other has a directory
	ConflictTypes                              // each has a file, symlink or submodule, not the same of these
	ConflictLocation                           // one put it into a directory that the other moved
	// one moved a directory to several places, and the other put files into it; the path is the directory's
	ConflictSplit
	// files that would follow a moved directory find the path taken
	ConflictTaken
)

var conflictKinds = map[ConflictKind]string{
	ConflictContent: "content", ConflictAddAdd: "add/add", ConflictBinary: "binary", ConflictModes: "mode",
	ConflictSubmodule: "submodule", ConflictDeleted: "modify/delete", ConflictMoved: "rename/delete",
	ConflictMovedTwice: "rename/rename", ConflictCollision: "rename/add", ConflictDirectory: "file/directory",
	ConflictTypes: "distinct types", ConflictLocation: "file location", ConflictSplit: "directory rename split",
	ConflictTaken: "implicit directory rename",
}

// String returns git's word for the kind, "add/add" for ConflictAddAdd.
func (k ConflictKind) String() string {
	if s := conflictKinds[k]; s != "" {
		return s
	}
	return "ConflictKind(" + strconv.Itoa(int(k)) + ")"
}

// A Conflict is a path on which the sides of a merge do not agree. Base, Ours and Theirs are what the three sides have
// there, or brought there; nil is nothing. Their Size is not set.
type Conflict struct {
	Path               string
	Kind               ConflictKind
	Base, Ours, Theirs *Entry
	Merged             []byte // of a file that is merged by lines, with conflict markers; else nil
}

// A MergeConflictError is the ErrConflict of a merge whose sides changed the same in different ways.
type MergeConflictError struct {
	Conflicts []Conflict // by path; of some paths there may be several
	Tree      Hash       // what the merge would give with markers in the files; it is not stored
}

// Error names the first path.
func (e *MergeConflictError) Error() string {
	if len(e.Conflicts) == 1 {
		return fmt.Sprintf("conflict: both sides changed %q (%s)", e.Conflicts[0].Path, e.Conflicts[0].Kind)
	}
	return fmt.Sprintf("conflict: both sides changed %d paths, %q among them", len(e.Conflicts), e.Conflicts[0].Path)
}

// Unwrap returns ErrConflict.
func (e *MergeConflictError) Unwrap() error { return ErrConflict }

// conflictsOf makes an error of package merge a MergeConflictError, and returns others as they are.
func conflictsOf(err error) error {
	var failed *merge.ConflictError
	if !errors.As(err, &failed) {
		return err
	}
	out := &MergeConflictError{Tree: Hash(failed.Tree)}
	for _, c := range failed.Conflicts {
		out.Conflicts = append(out.Conflicts, publicConflict(c))
	}
	return out
}

func publicConflict(c merge.Conflict) Conflict {
	var entries [3]*Entry
	for i, v := range c.Stages {
		if v.Mode != 0 {
			name := c.Path[strings.LastIndexByte(c.Path, '/')+1:]
			entries[i] = &Entry{Name: name, Path: c.Path, Mode: Mode(v.Mode), Hash: Hash(v.Hash)}
		}
	}
	return Conflict{c.Path, ConflictKind(c.Kind), entries[treemerge.Base], entries[treemerge.Ours],
		entries[treemerge.Theirs], bytes.Clone(c.Content)}
}

// resolver returns what asks a caller about conflicts; nil for nil.
func resolver(resolve func(Conflict) ([]byte, error)) merge.Resolver {
	if resolve == nil {
		return nil
	}
	return func(c merge.Conflict) ([]byte, error) { return resolve(publicConflict(c)) }
}
