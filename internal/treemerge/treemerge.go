// Package treemerge merges two trees that come from a common one, with the outcome of git merge: of its strategy "ort"
// and its defaults. Files are merged by lines, wherever one of the sides moved them or their directory to. It stores
// nothing: what it makes is returned.
package treemerge

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linemerge"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/treeedit"
)

// A Source reads what trees hold.
type Source interface {
	Tree(ctx context.Context, h git.Hash) (*object.Item, error)
	Size(ctx context.Context, h git.Hash) (int64, error) // of a blob
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
}

// Three versions of everything are told apart by these.
const (
	Base = iota
	Ours
	Theirs
)

// A Version is what a path holds; the zero Version is nothing.
type Version struct {
	Mode git.Mode
	Hash git.Hash
}

// Options say how trees are merged. The zero value is git merge's default.
type Options struct {
	Labels    [3]string // of the sides in conflict markers and in the names of files that must give way
	Favor     linemerge.Favor
	Style     linemerge.Style
	NoRenames bool

	// Driver returns how a file is merged whose content all sides changed; nil, or the zero Driver, is by lines.
	Driver func(path string) (Driver, error)
	// inner says that the outcome is a base of another merge: it has no conflicts, just what stands between markers.
	inner int
}

// A Driver merges the content of files (gitattributes, "Performing a three-way merge").
type Driver struct {
	Binary     bool // it is never merged
	Union      bool // conflicts are resolved by taking both sides
	MarkerSize int  // of conflict markers; 0: linemerge.MarkerSize
	// Merge does it, but for bases of other merges; nil: by lines. Base is empty if the file was not there, or no file
	Merge func(ctx context.Context, path string, base, ours, theirs []byte) (merged []byte, clean bool, err error)
}

// A Kind says why both sides of a merge can't be had.
type Kind uint8

// The kinds, with git's words for them.
const (
	_                    Kind = iota
	Content                   // both changed the same lines: "content"
	AddAdd                    // both added a file, not the same one: "add/add"
	Binary                    // both changed a file that can't be merged by lines
	Modes                     // both gave a file another mode, or a symlink another target
	Submodule                 // both moved a submodule: "submodule"
	ModifyDelete              // one changed what the other deleted: "modify/delete"
	RenameDelete              // one moved what the other deleted: "rename/delete"
	RenameRename              // both moved a file, to different places: "rename/rename"
	RenameCollision           // one moved a file to where the other put another one: "rename involved in collision"
	FileDirectory             // a file of one is where the other has a directory: "file/directory"
	DistinctTypes             // both have the path, as a file, symlink or submodule: "distinct types"
	FileLocation              // one put a file into a directory that the other moved: "file location"
	DirectoryRenameSplit      // one moved a directory to several places, the other put files into it
	DirectoryCollision        // what would follow a moved directory finds its place taken: "implicit dir rename"
)

// A Conflict is a path on which the sides don't agree.
type Conflict struct {
	Path   string
	Kind   Kind
	Stages [3]Version // as git's index has them; none of the last two kinds, whose path is of no file
	Result Version    // what the merged tree has at Path
}

// A Result is a merged tree.
type Result struct {
	Tree      git.Hash
	Trees     []New      // those that the merge made, children first
	Blobs     []Blob     // likewise
	Conflicts []Conflict // by path
	Clean     bool       // there are none
}

// A New tree is one that a merge made.
type New = treeedit.New

// A Blob is content that a merge made.
type Blob struct {
	Hash git.Hash
	Data []byte
}

// Run merges two trees; the zero hash is one without entries.
//
// What is the same in all three trees is not read. Beyond that it costs a look at each entry of the directories that
// both sides changed, or one of them if the other may have moved files there, and what treediff.Find and linemerge.Run
// cost for the files that were moved or changed on both sides.
func Run(ctx context.Context, src Source, base, ours, theirs git.Hash, opts *Options) (*Result, error) {
	m := &merge{ctx: ctx, src: src, opts: opts, paths: map[string]*entry{}}
	for side := Ours; side <= Theirs; side++ {
		m.sides[side] = newRenames()
	}
	if err := m.collect([3]git.Hash{base, ours, theirs}); err != nil {
		return nil, err
	}
	if !opts.NoRenames {
		if err := m.followRenames(); err != nil {
			return nil, err
		}
	}
	return m.finish()
}

// A merge is one on its way.
type merge struct {
	ctx   context.Context
	src   Source
	opts  *Options
	roots [3]git.Hash
	tree  *treeedit.Tree    // the outcome: ours, with all that becomes of it
	paths map[string]*entry // all paths on which not all three agree, but for those that took has
	took  []placed          // what is settled
	sides [3]*renames       // of Ours and Theirs
	// trivial are directories that just one side changed, in the order in which they were met
	trivial [3][]deferred
	now     bool // trivial directories are looked into at once
	blobs   map[git.Hash][]byte
	failed  error // of exists
	result  Result
}

// A placed is what a path of the outcome holds.
type placed struct {
	path string
	Version
}

// An entry is a path on which not all agree.
type entry struct {
	path   string
	stages [3]Version
	names  [3]string // where each stage comes from
	// Which of the trees have a file there, by bits, and which a directory; and which two files, or nothing and a file
	// that one side deleted or added, are the same as in the base.
	files, dirs, same uint8
	moved             bool // a rename is part of a conflict
	clean             bool // settled: nothing of it remains but what lies below
	kind              Kind
}

func bit(side int) uint8 { return 1 << side }

func other(side int) int { return Ours + Theirs - side }

// note says what kind of conflict there is, unless that is known.
func (e *entry) note(k Kind) {
	if e.kind == 0 {
		e.kind = k
	}
}
