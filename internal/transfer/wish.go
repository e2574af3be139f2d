package transfer

import (
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Wish says which objects shall leave.
type Wish struct {
	Tips    []git.Hash        // of any type
	Since   []git.Hash        // what these reach stays; commits, or tags of some
	Shallow map[git.Hash]bool // commits that may lack parents
	Ends    map[git.Hash]bool // commits that count as having no parents, whether they leave or stay
	Tags    []Tag             // tags that leave with what they name, if that leaves
	Filter  Filter            // what is left out
	// Has reports whether an object of a type is there, for each that leaves. The walk ends where one is not. Nil: all
	// are.
	Has func(git.Hash, storage.Type) bool
	// Ask is called now and then; its error ends the selection.
	Ask func() error
}

// A Tag is the object of an annotated tag, and what it names in the end.
type Tag struct{ Tag, Peeled git.Hash }

// A Filter leaves out trees and blobs, but for those that a tip names (git-rev-list, --filter). The zero value leaves
// out none.
type Filter struct {
	Trees bool  // all trees and blobs
	Blobs bool  // blobs of more than Limit bytes
	Limit int64 // -1: all
}
