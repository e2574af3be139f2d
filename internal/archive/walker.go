package archive

import (
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/attr"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// An entry is one that the archive will have.
type entry struct {
	path  string // with the prefix; directories and submodules end in a slash
	mode  git.Mode
	hash  storage.Hash
	treat treatment
}

// A walker goes through the tree in Git's order and finds the entries to write.
type walker struct {
	ctx        context.Context
	src        Source
	prefix     string
	tree       storage.Hash
	maxEntries int64
	seen       int64
	matcher    *attr.Matcher
	attributes int // bytes of the files in matcher
	stack      []level
}

// A level is a directory that the walker is in.
type level struct {
	entry
	tree       *git.Tree
	next       int
	selected   *selection
	attributes int  // bytes of its .gitattributes; 0 if it has none
	announced  bool // the entry has been yielded
	last       git.Entry
	files      []string // names of entries that are no trees and begin the last name: none may be a tree's too
}

func newWalker(ctx context.Context, src Source, opts *Options, selected *selection) *walker {
	w := &walker{
		ctx: ctx, src: src, prefix: opts.Prefix, tree: opts.Tree, maxEntries: opts.MaxEntries,
		matcher: attr.NewMatcher(attributes...),
	}
	if w.maxEntries <= 0 {
		w.maxEntries = maxEntries
	}
	root := level{entry: entry{path: opts.Prefix, mode: git.ModeDir, hash: opts.Tree}, selected: selected}
	root.announced = !strings.HasSuffix(opts.Prefix, "/")
	w.stack = append(w.stack, root)
	return w
}

// countFiles returns how many entries other than directories the archive will have.
func countFiles(ctx context.Context, src Source, opts *Options, selected *selection) (int64, error) {
	var n int64
	err := newWalker(ctx, src, opts, selected).walk(func(e entry) error {
		if e.mode != git.ModeDir {
			n++
		}
		return nil
	})
	return n, err
}

// walk calls yield with the entries. As with git, a directory comes, unless it is the prefix, only if something in it
// that is no directory is selected, be it ignored or not.
func (w *walker) walk(yield func(entry) error) error {
	if root := &w.stack[0]; !root.announced {
		root.announced = true
		if err := yield(root.entry); err != nil {
			return err
		}
	}
	if err := w.enter(&w.stack[0]); err != nil {
		return err
	}
	for len(w.stack) > 0 {
		top := &w.stack[len(w.stack)-1]
		if top.next == top.tree.Len() {
			w.leave(top)
			continue
		}
		found := top.tree.Entry(top.next)
		top.next++
		e, below, err := w.visit(top, found)
		if err != nil {
			return err
		}
		switch {
		case e.path == "" || e.mode == git.ModeDir && e.treat.ignore:
		case e.mode == git.ModeDir:
			w.stack = append(w.stack, level{entry: e, selected: below})
			if err := w.enter(&w.stack[len(w.stack)-1]); err != nil {
				return err
			}
		default:
			if err := w.announce(yield); err != nil {
				return err
			}
			if e.treat.ignore {
				continue
			}
			if err := yield(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// announce yields the directories on the way that were not yet.
func (w *walker) announce(yield func(entry) error) error {
	first := len(w.stack)
	for first > 0 && !w.stack[first-1].announced {
		first--
	}
	for i := first; i < len(w.stack); i++ {
		w.stack[i].announced = true
		if err := yield(w.stack[i].entry); err != nil {
			return err
		}
	}
	return nil
}

// enter reads the tree of a level that was just pushed.
func (w *walker) enter(l *level) error {
	if len(w.stack)-1 > names.MaxDepth {
		return fmt.Errorf("%w: %.80q lies deeper than %d directories", ErrTooLarge, l.path, names.MaxDepth)
	}
	tree, err := w.src.Tree(w.ctx, l.hash)
	if err != nil {
		return fmt.Errorf("tree %q: %w", l.path, err)
	}
	l.tree = tree
	e, ok := tree.Find(attr.File)
	if !ok || e.Mode == git.ModeDir || e.Mode == git.ModeSubmodule {
		return nil
	}
	path := l.path + attr.File
	size, data, err := w.src.Blob(w.ctx, e.Hash, int64(maxAttributes-w.attributes))
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	if data == nil && size > 0 {
		return fmt.Errorf("%w: %q and those above it have more than %d bytes", ErrTooLarge, path, maxAttributes)
	}
	if len(data) > 0 {
		l.attributes = len(data)
		w.attributes += len(data)
		w.matcher.Push(strings.TrimSuffix(l.path[len(w.prefix):], "/"), data)
	}
	return nil
}

func (w *walker) leave(l *level) {
	if l.attributes > 0 {
		w.attributes -= l.attributes
		w.matcher.Pop()
	}
	*l = level{}
	w.stack = w.stack[:len(w.stack)-1]
}

// visit judges an entry of the tree at l. It returns one without a path if it is not selected, and, for a directory,
// what is selected in it.
func (w *walker) visit(l *level, found git.Entry) (e entry, below *selection, err error) {
	if w.seen++; w.seen > w.maxEntries {
		return entry{}, nil, fmt.Errorf("%w: more than %d entries", ErrTooLarge, w.maxEntries)
	}
	if w.seen%1024 == 0 && w.ctx.Err() != nil {
		return entry{}, nil, w.ctx.Err()
	}
	mode := canonical(found.Mode)
	if err := l.checkOrder(found, mode); err != nil {
		return entry{}, nil, err
	}
	below, ok := l.selected.take(found.Name)
	if !ok {
		return entry{}, nil, nil
	}
	if err := w.checkName(found.Name); err != nil {
		return entry{}, nil, fmt.Errorf("entry of %q: %w", l.path, err)
	}
	e = entry{path: l.path + found.Name, mode: mode, hash: found.Hash}
	if mode == git.ModeDir || mode == git.ModeSubmodule {
		e.path += "/"
	}
	if len(e.path) > names.MaxPath {
		return entry{}, nil, fmt.Errorf("%w: path %.80q... has more than %d bytes", ErrTooLarge, e.path, names.MaxPath)
	}
	if w.attributes > 0 {
		values, err := w.matcher.Match(w.ctx, e.path[len(w.prefix):])
		if err != nil {
			return entry{}, nil, err
		}
		e.treat = newTreatment(values)
	}
	return e, below, nil
}

// checkName refuses names by which an entry could leave the directory that an archive is unpacked in.
func (w *walker) checkName(name string) error {
	if err := names.CheckEntry(name); err != nil {
		return err
	}
	if len(w.stack) == 1 { // a prefix without slash at its end becomes part of the name
		name = w.prefix[strings.LastIndexByte(w.prefix, '/')+1:] + name
		if err := names.CheckEntry(name); err != nil {
			return err
		}
	}
	if names.Climbs(name) {
		return fmt.Errorf("%w: %q leads upwards behind a backslash", names.ErrMalformed, name)
	}
	return nil
}

// checkOrder refuses trees that are out of order or have a name twice. An unpacker that meets a symbolic link, and
// then a directory of the same name, may write where the link points to.
func (l *level) checkOrder(found git.Entry, mode git.Mode) error {
	found.Mode = mode
	if l.next > 1 && !git.Less(l.last, found) {
		return fmt.Errorf("%w: tree %q has %q after %q", git.ErrMalformed, l.path, found.Name, l.last.Name)
	}
	l.last = found
	for n := len(l.files); n > 0 && !strings.HasPrefix(found.Name, l.files[n-1]); n-- {
		l.files = l.files[:n-1]
	}
	if mode != git.ModeDir {
		l.files = append(l.files, found.Name)
	} else if n := len(l.files); n > 0 && l.files[n-1] == found.Name {
		return fmt.Errorf("%w: tree %q has %q twice", git.ErrMalformed, l.path, found.Name)
	}
	return nil
}

// canonical returns the mode that git takes an entry's for.
func canonical(m git.Mode) git.Mode {
	switch m & 0o170000 {
	case 0o100000:
		if m&0o100 != 0 {
			return git.ModeExecutable
		}
		return git.ModeRegular
	case git.ModeSymlink:
		return git.ModeSymlink
	case git.ModeDir:
		return git.ModeDir
	}
	return git.ModeSubmodule
}
