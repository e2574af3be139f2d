package note

import (
	"context"
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treeedit"
)

// A walker is called with what the tree of notes has to hold.
type walker struct {
	*Tree
	ctx  context.Context
	keep bool // directories that can stay as they are need not be read
	fn   func(l *leaf, levels int) error
}

// levels returns how many levels of directories the notes below a node get: one more where all of its slots have more
// than a note, which means that there are many.
func (n *node) levels(depth, levels int) int {
	if depth%2 == 1 || depth > 2*levels {
		return levels
	}
	for _, s := range n {
		if s.below == nil && (s.leaf == nil || !s.leaf.isDir()) {
			return levels
		}
	}
	return levels + 1
}

func (w *walker) walk(at *node, depth, levels int) error {
	levels = at.levels(depth, levels)
	for i := range at {
		for s := &at[i]; ; {
			switch {
			case s.below != nil:
				if err := w.walk(s.below, depth+1, levels); err != nil {
					return err
				}
			case s.leaf == nil:
			case s.leaf.isDir() && (!w.keep || depth >= 2*levels):
				dir := s.leaf
				s.leaf = nil
				if err := w.load(w.ctx, dir, at, depth); err != nil {
					return err
				}
				continue
			default:
				if err := w.fn(s.leaf, levels); err != nil {
					return err
				}
			}
			break
		}
	}
	return nil
}

// A Note is an object, and the blob that is the note on it.
type Note struct {
	Object, Blob git.Hash
}

// All returns all notes, by their objects. It reads all directories.
func (t *Tree) All(ctx context.Context) (all []Note, err error) {
	w := walker{Tree: t, ctx: ctx, fn: func(l *leaf, _ int) error {
		all = append(all, Note{l.name, l.hash})
		return ctx.Err()
	}}
	return all, w.walk(&t.root, 0, 0)
}

// A Written is what a tree of notes became.
type Written struct {
	Tree  git.Hash
	Trees []treeedit.New // those that are new, children first
	Blobs map[git.Hash][]byte
}

// Write writes the notes as changes of the tree was, from which they were read.
func (t *Tree) Write(ctx context.Context, was git.Hash) (*Written, error) {
	want := map[string]git.Entry{}
	for _, o := range t.others {
		want[o.path] = o.entry
	}
	w := walker{Tree: t, ctx: ctx, keep: true, fn: func(l *leaf, levels int) error {
		if l.isDir() {
			want[strings.TrimSuffix(l.path(), "/")] = git.Entry{Mode: git.ModeDir, Hash: l.hash}
			return nil
		}
		want[notePath(l.name, levels)] = git.Entry{Mode: git.ModeRegular, Hash: l.hash}
		return nil
	}}
	if err := w.walk(&t.root, 0, 0); err != nil {
		return nil, err
	}
	for _, o := range t.others { // those that lie in directories which were read only now
		want[o.path] = o.entry
	}
	if was == git.EmptyTree {
		was = git.Hash{} // it need not be stored
	}
	tree, err := treeedit.Open(ctx, t.src, was)
	if err != nil {
		return nil, err
	}
	if err := t.change(ctx, tree, was, "", want); err != nil {
		return nil, err
	}
	for path, e := range want {
		if err := tree.Graft(ctx, path, e.Mode, e.Hash); err != nil {
			return nil, fmt.Errorf("note at %q: %w", path, err)
		}
	}
	out := &Written{Blobs: t.blobs}
	out.Tree, out.Trees, err = tree.Write(ctx)
	return out, err
}

// change removes from a tree what is not wanted of a directory, and forgets of what is wanted that which is there.
func (t *Tree) change(ctx context.Context, tree *treeedit.Tree, dir git.Hash, prefix string,
	want map[string]git.Entry) error {
	if dir.IsZero() {
		return nil
	}
	item, err := t.src.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for i := range item.Tree.Len() {
		e := item.Tree.Entry(i)
		path := prefix + e.Name
		is, ok := want[path]
		switch {
		case ok && is.Hash == e.Hash && is.Mode == e.Mode:
			delete(want, path)
		case ok:
		case e.IsDir():
			err = t.change(ctx, tree, e.Hash, path+"/", want)
		default:
			err = tree.Remove(ctx, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notePath returns where the note on an object lies.
func notePath(name git.Hash, levels int) string {
	var b strings.Builder
	digits := name.String()
	for range levels {
		b.WriteString(digits[:2] + "/")
		digits = digits[2:]
	}
	b.WriteString(digits)
	return b.String()
}
