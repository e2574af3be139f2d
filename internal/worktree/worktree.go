// Package worktree is the tree of a commit as a filesystem that can be written. What was not touched is read where it
// is stored; what was is in memory, or, of large files, staged. Nothing is checked out.
package worktree

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
)

// A Source is where a worktree reads what was not touched, and puts what is too large for memory. It is safe for
// concurrent use.
type Source interface {
	Enter() (leave func(), err error) // begins a call of the filesystem, if it may go on
	Tree(h git.Hash) (*git.Tree, error)
	Size(blob git.Hash) (int64, error)
	Blob(h git.Hash) ([]byte, error) // which is not changed
	Open(blob git.Hash) (io.ReadCloser, error)
	Spill(parts [][]byte) ([]git.Hash, error) // stores them as blobs that nothing reaches
	Check(path string, mode git.Mode) error   // whether a tree may have it
	MaxFile() int64                           // bytes in a file
	Now() time.Time
}

// Files are a worktree. All methods are safe for concurrent use. Paths are as billy has them: slashes before and behind
// do not matter, and none leads out. The errors are as those of package os, or the source's.
type Files struct {
	src  Source
	when time.Time // of what was not touched

	mu   sync.RWMutex
	tip  git.Hash // the tree that the worktree began with, or was committed as
	root *node
	last time.Time // of a change
	at   sync.Mutex
}

// New returns a worktree on a tree, which is zero for one without entries, of a time.
func New(src Source, tip git.Hash, when time.Time) *Files {
	f := &Files{src: src}
	f.begin(tip, when)
	return f
}

func (f *Files) begin(tip git.Hash, when time.Time) {
	if tip == git.EmptyTree {
		tip = git.Hash{}
	}
	f.tip, f.when = tip, when
	f.root = &node{mode: git.ModeDir, hash: tip}
}

// A node is a file, symlink, directory or submodule. One that nothing in memory needs is made for a call, and goes with
// it; others are kids of their parents.
type node struct {
	parent *node
	name   string
	mode   git.Mode
	when   time.Time // of the last change but for that of a file's content; zero: it was not touched

	// Of a directory the tree that shows where it has no kids, or zero; of symlinks and submodules that were not touched
	// what they are. Files have a content.
	hash    git.Hash
	kids    map[string]*node // nil for what is gone
	target  string           // of a symlink that was touched
	content *content
}

func (n *node) isDir() bool  { return n.mode == git.ModeDir }
func (n *node) isFile() bool { return git.Entry{Mode: n.mode}.IsFile() }

// get returns an entry of a directory, or nil if there is none.
func (f *Files) get(dir *node, name string) (*node, error) {
	if kid, ok := dir.kids[name]; ok {
		return kid, nil
	}
	if !dir.isDir() || dir.hash.IsZero() {
		return nil, nil
	}
	t, err := f.src.Tree(dir.hash)
	if err != nil {
		return nil, err
	}
	e, ok := t.Find(name)
	if !ok {
		return nil, nil
	}
	return f.stored(dir, e), nil
}

// stored returns the node of an entry that was not touched.
func (f *Files) stored(dir *node, e git.Entry) *node {
	n := &node{parent: dir, name: e.Name, mode: e.Mode, hash: e.Hash}
	if n.isFile() {
		n.content = &content{f: f, base: e.Hash, hash: e.Hash, size: -1}
	}
	return n
}

// attach has a node, and those above it, stay.
func (n *node) attach() {
	for ; n.parent != nil && n.parent.kids[n.name] != n; n = n.parent {
		if n.parent.kids == nil {
			n.parent.kids = map[string]*node{}
		}
		n.parent.kids[n.name] = n
	}
}

// detach has a node go, and those above it, if nothing needs them.
func (f *Files) detach(n *node) {
	for n.parent != nil && n.when.IsZero() && len(n.kids) == 0 && n.parent.kids[n.name] == n &&
		(n.content == nil || n.content.refs == 0 && !n.content.touched()) {
		delete(n.parent.kids, n.name)
		n = n.parent
	}
}

// put makes a node an entry of a directory, in place of any.
func (f *Files) put(dir *node, name string, n *node) {
	if n.parent != nil && n.parent.kids[n.name] == n {
		n.parent.kids[n.name] = nil
	}
	n.parent, n.name = dir, name
	if n.when.IsZero() {
		n.when = f.when
	}
	f.changed(dir)
	dir.kids[name] = n
}

// remove takes an entry from a directory.
func (f *Files) remove(n *node) {
	dir := n.parent
	f.changed(dir)
	dir.kids[n.name] = nil
}

// changed has a directory, and those above it, stay from here on: also without entries, which Git has no name for.
func (f *Files) changed(dir *node) {
	dir.attach()
	if dir.kids == nil {
		dir.kids = map[string]*node{}
	}
	dir.when = f.tick()
}

// tick returns a time that is later than all before: programs tell by it whether a file changed.
func (f *Files) tick() time.Time {
	f.at.Lock()
	defer f.at.Unlock()
	if now := f.src.Now(); now.After(f.last) {
		f.last = now
	} else {
		f.last = f.last.Add(1)
	}
	return f.last
}

// entries returns what a directory has, by name.
func (f *Files) entries(dir *node) ([]*node, error) {
	var all []*node
	if !dir.hash.IsZero() && dir.isDir() {
		t, err := f.src.Tree(dir.hash)
		if err != nil {
			return nil, err
		}
		for i := range t.Len() {
			if e := t.Entry(i); dir.kids == nil {
				all = append(all, f.stored(dir, e))
			} else if _, ok := dir.kids[e.Name]; !ok {
				all = append(all, f.stored(dir, e))
			}
		}
	}
	for kid := range maps.Values(dir.kids) {
		if kid != nil {
			all = append(all, kid)
		}
	}
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// Errors beside those of package os.
var (
	errNotDir   = fault.New(fault.Invalid, "not a directory")
	errIsDir    = fault.New(fault.Invalid, "is a directory")
	errNotEmpty = fault.New(fault.Exists, "directory is not empty")
	errLinks    = fault.New(fault.Invalid, "too many levels of symbolic links")
	errInvalid  = fault.New(fault.Invalid, "invalid argument")
	errTooLarge = fault.New(fault.TooLarge, "too large: the file is over Limits.BlobSize")
	errAccess   = fault.New(fault.Invalid, "the file is not open for that")
)

// clean returns the parts of a path.
func clean(name string) ([]string, error) {
	name = filepath.ToSlash(name)
	if rel := path.Clean(name); rel == ".." || strings.HasPrefix(rel, "../") {
		return nil, billy.ErrCrossedBoundary
	}
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil, nil
	}
	return strings.Split(name, "/"), nil
}

// A place is where a path leads to.
type place struct {
	dir     *node    // nil for the root
	name    string   // in dir
	node    *node    // nil if there is nothing
	missing []string // directories on the way that are not there, below dir
}

const maxLinks = 40 // symlinks that one path may lead through, as on Linux

// lookup returns where a path leads to. It follows the symlinks on the way, and with last also one at its end. With
// missing, directories on the way need not be there.
func (f *Files) lookup(name string, last, missing bool) (place, error) {
	rest, err := clean(name)
	if err != nil {
		return place{}, err
	}
	at, links, ofLink := f.root, 0, 0 // how many of the parts are those of a symlink's target
	p := place{node: f.root}
	for len(rest) > 0 {
		part, linked := rest[0], ofLink > 0
		rest, ofLink = rest[1:], max(0, ofLink-1)
		switch part {
		case "", ".":
			continue
		case "..":
			if at.parent != nil { // the root is its own parent, as on Unix
				at = at.parent
			}
			p = place{dir: at.parent, name: at.name, node: at}
			continue
		}
		if !at.isDir() {
			if at.mode == git.ModeSubmodule {
				return place{}, os.ErrNotExist
			}
			return place{}, errNotDir
		}
		n, err := f.get(at, part)
		if err != nil {
			return place{}, err
		}
		p = place{dir: at, name: part, node: n}
		if n == nil {
			if len(rest) == 0 {
				return p, nil
			}
			switch {
			case missing && linked && len(rest) > ofLink: // the symlink is in the way of a directory
				return place{}, os.ErrExist
			case !missing || linked:
				return place{}, os.ErrNotExist
			}
			p.missing = append([]string{part}, rest[:len(rest)-1]...)
			p.name = rest[len(rest)-1]
			return p, nil
		}
		if n.mode != git.ModeSymlink || len(rest) == 0 && !last {
			at = n
			continue
		}
		if links++; links > maxLinks {
			return place{}, errLinks
		}
		target, err := f.link(n)
		if err != nil {
			return place{}, err
		}
		if strings.HasPrefix(target, "/") {
			at = f.root
		}
		p = place{dir: at.parent, name: at.name, node: at}
		parts := strings.Split(target, "/")
		rest, ofLink = append(parts, rest...), ofLink+len(parts)
	}
	return p, nil
}

// find is lookup of what must be there.
func (f *Files) find(name string, last bool) (*node, error) {
	p, err := f.lookup(name, last, false)
	if err == nil && p.node == nil {
		err = os.ErrNotExist
	}
	return p.node, err
}

// link returns where a symlink leads to.
func (f *Files) link(n *node) (string, error) {
	if n.hash.IsZero() {
		return n.target, nil
	}
	data, err := f.src.Blob(n.hash)
	return string(data), err
}

// path returns the path of an entry of a directory, as Git has it.
func (n *node) path(name string) string {
	for ; n.parent != nil; n = n.parent {
		name = n.name + "/" + name
	}
	return name
}

// makeDirs makes the directories that lead to a place.
func (f *Files) makeDirs(p *place) {
	for _, name := range p.missing {
		dir := &node{mode: git.ModeDir, when: f.tick()}
		f.put(p.dir, name, dir)
		p.dir = dir
	}
	p.missing = nil
}

// check returns an error if a tree may not have an entry at a place.
func (f *Files) check(p *place, mode git.Mode) error {
	name := p.name
	for _, dir := range slices.Backward(p.missing) {
		name = dir + "/" + name
	}
	return f.src.Check(p.dir.path(name), mode)
}

// failed returns the error of an operation on a path, as package os has it.
func failed(op, name string, err error) error {
	if err == nil {
		return nil
	}
	var already *fs.PathError
	if errors.As(err, &already) || err == billy.ErrCrossedBoundary {
		return err
	}
	return &os.PathError{Op: op, Path: name, Err: err}
}
