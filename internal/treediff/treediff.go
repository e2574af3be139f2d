// Package treediff says by which files two trees differ, as git diff-tree does, with renames and copies found by the
// same measure. It compares by hash: what is the same in both trees is never read.
package treediff

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Source reads what trees hold.
type Source interface {
	Tree(ctx context.Context, h storage.Hash) (*git.Tree, error)
	Size(ctx context.Context, h storage.Hash) (int64, error) // of a blob
	Blob(ctx context.Context, h storage.Hash) ([]byte, error)
}

// A File is one side of a Change. The zero File is none.
type File struct {
	Path string
	Mode git.Mode // as git understands it: of old histories' permissions, only the owner's execute bit counts
	Hash git.Hash
}

// IsRegular reports whether a file is neither symlink nor submodule.
func (f *File) IsRegular() bool { return f.Mode&modeType == git.ModeRegular&modeType }

const modeType = 0o170000

// A Status is what happened to a file, by git's letter.
type Status byte

// The statuses.
const (
	Added       Status = 'A'
	Modified    Status = 'M' // content, mode or both
	Deleted     Status = 'D'
	Renamed     Status = 'R' // and perhaps modified
	Copied      Status = 'C' // likewise
	TypeChanged Status = 'T' // a file, symlink or submodule became one of another kind
)

// A Change is what happened to a file.
type Change struct {
	Status   Status
	Old, New File // Old is zero of what was added, and New of what was deleted
	Score    int  // of what was renamed or copied: how similar, at most MaxScore
}

// Percent returns how similar the two files of a rename or copy are, as git says it.
func (c *Change) Percent() int { return c.Score * 100 / MaxScore }

// ErrTooDeep says that directories lie deeper than anybody reads.
var ErrTooDeep = fault.New(fault.TooLarge, "too large: directories are nested too deep")

var errStop = errors.New("the loop was left")

// Walk yields what differs between two trees, by path, in the order of Git's index. The zero hash is the tree without
// entries. With paths, only files and directories of these names count, and what lies below such directories. Nothing
// is held in memory but the trees on the way to what is yielded.
func Walk(ctx context.Context, src Source, from, to git.Hash, paths []string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		w := &walk{ctx, src, paths, func(c Change) bool { return yield(c, nil) }}
		if err := w.trees("", from, to, 0); err != nil && err != errStop {
			yield(Change{}, err)
		}
	}
}

type walk struct {
	ctx   context.Context
	src   Source
	paths []string
	yield func(Change) bool
}

func (w *walk) tree(h git.Hash) (*git.Tree, error) {
	if h.IsZero() || h == git.EmptyTree {
		return nil, nil
	}
	return w.src.Tree(w.ctx, h)
}

// trees compares two directories of the same name, which ends in a slash unless it is that of the root.
func (w *walk) trees(dir string, from, to git.Hash, depth int) error {
	if from == to {
		return nil
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if depth > git.MaxDepth {
		return fmt.Errorf("%.80q: %w", dir, ErrTooDeep)
	}
	a, err := w.tree(from)
	if err != nil {
		return err
	}
	b, err := w.tree(to)
	if err != nil {
		return err
	}
	for x, y := range git.Differences(a, b) {
		if err := w.entries(dir, x, y, depth); err != nil {
			return err
		}
	}
	return nil
}

// entries compares two entries of the same name, or one with nothing.
func (w *walk) entries(dir string, x, y git.Entry, depth int) error {
	name := x.Name
	if x.Mode == 0 {
		name = y.Name
	}
	path := dir + name
	if x.IsDir() || y.IsDir() {
		if !w.leadsTo(path) {
			return nil
		}
		return w.trees(path+"/", x.Hash, y.Hash, depth+1)
	}
	if !w.covers(path) {
		return nil
	}
	old, now := file(path, x), file(path, y)
	c := Change{Status: Modified, Old: old, New: now}
	switch {
	case old == now: // in trees that are not in order, or with modes that mean the same
		return nil
	case x.Mode == 0:
		c.Status = Added
	case y.Mode == 0:
		c.Status = Deleted
	case (old.Mode^now.Mode)&modeType != 0:
		c.Status = TypeChanged
	}
	if !w.yield(c) {
		return errStop
	}
	return nil
}

func file(path string, e git.Entry) File {
	if e.Mode == 0 {
		return File{}
	}
	return File{path, Canonical(e.Mode), e.Hash}
}

// Canonical returns a mode as git understands it: of files, only the owner's execute bit counts, and what is neither
// file, symlink nor directory is a submodule.
func Canonical(mode git.Mode) git.Mode {
	switch mode & modeType {
	case git.ModeRegular & modeType:
		if mode&0o100 != 0 {
			return git.ModeExecutable
		}
		return git.ModeRegular
	case git.ModeSymlink, git.ModeDir:
		return mode & modeType
	}
	return git.ModeSubmodule
}

// covers reports whether a file counts.
func (w *walk) covers(path string) bool {
	for _, p := range w.paths {
		if below(path, p) {
			return true
		}
	}
	return len(w.paths) == 0
}

// leadsTo reports whether a directory may hold what counts.
func (w *walk) leadsTo(dir string) bool {
	for _, p := range w.paths {
		if below(dir, p) || below(p, dir) {
			return true
		}
	}
	return len(w.paths) == 0
}

// below reports whether path is dir, or lies in it. The root is "".
func below(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || dir == "" || rest[0] == '/')
}
