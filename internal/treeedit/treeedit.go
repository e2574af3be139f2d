// Package treeedit changes trees. It reads and rewrites only the trees on the changed paths: their siblings are kept by
// hash. The cost of an edit is that of the directories on its path, whatever the whole tree holds.
package treeedit

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// Errors of edits that do not fit the tree. They are wrapped by ones that name a path, if it is another one than that
// of the edit.
var (
	ErrExists   = fault.New(fault.Exists, "")
	ErrNotFound = fault.New(fault.NotFound, "")
	ErrInside   = fault.New(fault.Invalid, "a path can't be put into itself")
	ErrNotFile  = fault.New(fault.Invalid, "only a file has a mode to choose")
)

// MaxDelta bounds how many deltas a reader applies to arrive at a tree. Every so many commits, a tree is stored whole.
const MaxDelta = 24

// A Source reads trees.
type Source interface {
	Tree(ctx context.Context, h git.Hash) (*object.Item, error)
}

// A Tree is a tree under edit. It is for one goroutine.
type Tree struct {
	source Source
	root   directory
}

// A directory is a tree that was opened: what it was, and what differs.
type directory struct {
	base     *object.Item // nil: a new directory, or the tree of no commit
	baseHash git.Hash
	changed  map[string]*child
	count    int // entries, as it stands now
	dirty    bool
}

// A child overrides the entry of its name.
type child struct {
	entry git.Entry // Mode 0: removed
	dir   *directory
}

// Open returns the tree called root, or an empty one for the zero hash.
func Open(ctx context.Context, source Source, root git.Hash) (*Tree, error) {
	t := &Tree{source: source}
	if err := t.load(ctx, &t.root, root); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Tree) load(ctx context.Context, d *directory, h git.Hash) error {
	d.baseHash = h
	if h.IsZero() {
		return nil
	}
	item, err := t.source.Tree(ctx, h)
	if err != nil {
		return err
	}
	d.base, d.count = item, item.Tree.Len()
	return nil
}

// find returns the entry called name as it stands now.
func (d *directory) find(name string) (git.Entry, *directory, bool) {
	if c := d.changed[name]; c != nil {
		return c.entry, c.dir, c.entry.Mode != 0
	}
	if d.base == nil {
		return git.Entry{}, nil, false
	}
	e, ok := d.base.Tree.Find(name)
	return e, nil, ok
}

func (d *directory) set(name string, c *child) {
	if d.changed == nil {
		d.changed = map[string]*child{}
	}
	_, _, was := d.find(name)
	switch is := c.entry.Mode != 0; {
	case is && !was:
		d.count++
	case was && !is:
		d.count--
	}
	d.changed[name] = c
}

// enter returns the directory called name, opened, or nil if there is nothing of that name.
func (t *Tree) enter(ctx context.Context, d *directory, name string) (*directory, error) {
	e, sub, ok := d.find(name)
	if !ok || sub != nil {
		return sub, nil
	}
	if !e.IsDir() {
		return nil, ErrExists
	}
	sub = &directory{}
	if err := t.load(ctx, sub, e.Hash); err != nil {
		return nil, err
	}
	d.set(name, &child{entry: e, dir: sub})
	return sub, nil
}

// Find returns the entry at path. A path below a file does not exist.
func (t *Tree) Find(ctx context.Context, path string) (git.Entry, bool, error) {
	e, _, ok, err := t.lookup(ctx, path)
	return e, ok, err
}

func (t *Tree) lookup(ctx context.Context, path string) (git.Entry, *directory, bool, error) {
	d := &t.root
	for {
		name, rest, more := strings.Cut(path, "/")
		if !more {
			e, sub, ok := d.find(name)
			return e, sub, ok, nil
		}
		next, err := t.enter(ctx, d, name)
		if errors.Is(err, ErrExists) || err == nil && next == nil {
			return git.Entry{}, nil, false, nil
		}
		if err != nil {
			return git.Entry{}, nil, false, err
		}
		d, path = next, rest
	}
}

// Put makes path the entry with the given mode and hash, and the directories that lead there. It returns an error
// that wraps ErrExists if path is a directory, or leads through something that is none: a symlink is never followed.
func (t *Tree) Put(ctx context.Context, path string, mode git.Mode, h git.Hash) error {
	return t.put(ctx, path, &child{entry: git.Entry{Mode: mode, Hash: h}})
}

func (t *Tree) put(ctx context.Context, path string, c *child) error {
	return t.place(ctx, path, c, false)
}

// Graft is Put of an entry of any mode, which may be a directory, and which replaces a directory, too.
func (t *Tree) Graft(ctx context.Context, path string, mode git.Mode, h git.Hash) error {
	return t.place(ctx, path, &child{entry: git.Entry{Mode: mode, Hash: h}}, true)
}

// Reset makes the tree the one called root, or an empty one for the zero hash. It forgets all edits so far.
func (t *Tree) Reset(ctx context.Context, root git.Hash) error {
	old := t.root
	t.root = directory{dirty: root.IsZero()}
	if err := t.load(ctx, &t.root, root); err != nil {
		t.root = old
		return err
	}
	return nil
}

// place puts a child at path. With replace, whatever is there goes.
func (t *Tree) place(ctx context.Context, path string, c *child, replace bool) error {
	d := &t.root
	for at := 0; ; {
		d.dirty = true
		name, _, more := strings.Cut(path[at:], "/")
		if !more {
			if e, _, ok := d.find(name); ok && !replace && (e.IsDir() || c.entry.IsDir()) {
				return ErrExists
			}
			c.entry.Name = name
			d.set(name, c)
			return nil
		}
		at += len(name) + 1
		next, err := t.enter(ctx, d, name)
		if errors.Is(err, ErrExists) {
			return fmt.Errorf("%q is not a directory: %w", path[:at-1], ErrExists)
		}
		if err != nil {
			return err
		}
		if next == nil {
			next = &directory{}
			d.set(name, &child{entry: git.Entry{Name: name, Mode: git.ModeDir}, dir: next})
		}
		d = next
	}
}

// Remove takes out the file or the whole directory at path, and the directories that it leaves empty: Git has none.
func (t *Tree) Remove(ctx context.Context, path string) error {
	if _, ok, err := t.Find(ctx, path); err != nil || !ok {
		if err == nil {
			err = ErrNotFound
		}
		return err
	}
	return t.remove(ctx, &t.root, path)
}

func (t *Tree) remove(ctx context.Context, d *directory, path string) error {
	d.dirty = true
	name, rest, more := strings.Cut(path, "/")
	if more {
		next, err := t.enter(ctx, d, name)
		if err == nil {
			err = t.remove(ctx, next, rest)
		}
		if err != nil || next.count > 0 {
			return err
		}
	}
	d.set(name, &child{entry: git.Entry{Name: name}})
	return nil
}

// Copy puts what is at from, a file or a directory, also at to, where nothing may be. A mode other than 0 is given
// to the copy, which must be of a file.
func (t *Tree) Copy(ctx context.Context, from, to string, mode git.Mode) error {
	if to == from || strings.HasPrefix(to, from+"/") {
		return fmt.Errorf("%q to %q: %w", from, to, ErrInside)
	}
	e, sub, ok, err := t.lookup(ctx, from)
	if err != nil || !ok {
		if err == nil {
			err = fmt.Errorf("%q: %w", from, ErrNotFound)
		}
		return err
	}
	if mode != 0 {
		if !e.IsFile() {
			return fmt.Errorf("%q: %w", from, ErrNotFile)
		}
		e.Mode = mode
	}
	if _, taken, err := t.Find(ctx, to); err != nil || taken {
		if err == nil {
			err = ErrExists
		}
		return err
	}
	return t.put(ctx, to, &child{entry: e, dir: sub.clone()})
}

// clone copies what differs, so that the copies can go on to differ from each other.
func (d *directory) clone() *directory {
	if d == nil {
		return nil
	}
	c := *d
	c.changed = make(map[string]*child, len(d.changed))
	for name, ch := range d.changed {
		c.changed[name] = &child{entry: ch.entry, dir: ch.dir.clone()}
	}
	return &c
}

// Move is Copy and Remove.
func (t *Tree) Move(ctx context.Context, from, to string, mode git.Mode) error {
	if err := t.Copy(ctx, from, to, mode); err != nil {
		return err
	}
	return t.Remove(ctx, from)
}

// A New tree is one that the edits made.
type New struct {
	Hash  git.Hash
	Item  *object.Item
	Delta *storage.Delta
}

// Write returns the hash of the edited tree, and the trees that are new, children first.
func (t *Tree) Write(ctx context.Context) (git.Hash, []New, error) {
	var made []New
	h, err := t.root.write(ctx, &made)
	return h, made, err
}

func (d *directory) write(ctx context.Context, made *[]New) (git.Hash, error) {
	if !d.dirty && d.base != nil {
		return d.baseHash, nil
	}
	edits := make([]git.Edit, 0, len(d.changed))
	for name, c := range d.changed {
		e := c.entry
		e.Name = name
		if c.dir != nil && e.Mode != 0 {
			var err error
			if e.Hash, err = c.dir.write(ctx, made); err != nil {
				return git.Hash{}, err
			}
		}
		edits = append(edits, e)
	}
	if err := ctx.Err(); err != nil {
		return git.Hash{}, err
	}
	return d.apply(edits, made)
}

var noTree, _ = git.ParseTree(nil)

func (d *directory) apply(edits []git.Edit, made *[]New) (git.Hash, error) {
	base, depth := noTree, MaxDelta
	if d.base != nil {
		base, depth = d.base.Tree, d.base.Depth
	}
	tree, ops := base.Apply(edits)
	h, err := tree.Sum()
	if err != nil {
		return git.Hash{}, err
	}
	if h == d.baseHash {
		return h, nil
	}
	n := New{Hash: h, Item: &object.Item{Type: storage.Tree, Size: int64(len(tree.Raw())), Data: tree.Raw(), Tree: tree}}
	if ops != nil && depth < MaxDelta {
		n.Item.Depth = depth + 1
		n.Delta = &storage.Delta{Base: d.baseHash, Depth: depth + 1, Ops: ops}
	}
	*made = append(*made, n)
	return h, nil
}
