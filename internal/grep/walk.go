package grep

import (
	"bytes"
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/attr"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// A kind is what the attributes of a file say that it is.
type kind int

const (
	unknown kind = iota // the content tells
	isText
	binary
)

// A walk goes through the files of a tree, in order.
type walk struct {
	src   Source
	paths *paths
	attrs *attr.Matcher // of "diff"
	files int           // of attributes that hold now
	stack []level
	root  git.Hash
	begun bool
}

// A level is a directory that a walk is in.
type level struct {
	dir   string // with a slash at its end; "" for the root
	tree  *git.Tree
	next  int
	attrs bool // it has a file of attributes
}

func newWalk(src Source, root git.Hash, p *paths) *walk {
	return &walk{src: src, paths: p, attrs: attr.NewMatcher("diff"), root: root}
}

// next returns the next files, at most n, or none at the end.
func (w *walk) next(ctx context.Context, n int) ([]*file, error) {
	if !w.begun {
		w.begun = true
		if w.root.IsZero() {
			return nil, nil
		}
		if err := w.enter(ctx, "", w.root); err != nil {
			return nil, err
		}
	}
	var found []*file
	for len(w.stack) > 0 && len(found) < n {
		at := &w.stack[len(w.stack)-1]
		if at.next == at.tree.Len() {
			w.leave()
			continue
		}
		mode, name, h := at.tree.At(at.next)
		at.next++
		switch treediff.Canonical(mode) {
		case git.ModeDir:
			dir := at.dir + string(name) + "/"
			if !w.paths.leadsTo(dir) {
				continue
			}
			if err := w.enter(ctx, dir, h); err != nil {
				return nil, err
			}
		case git.ModeRegular, git.ModeExecutable:
			f := &file{dir: at.dir, name: string(name), hash: h}
			if len(w.paths.specs) > 0 && !w.paths.covers(f.dir+f.name) {
				continue
			}
			if w.files > 0 {
				if err := w.judge(ctx, f); err != nil {
					return nil, err
				}
			}
			found = append(found, f)
		}
	}
	return found, nil
}

// enter goes into a directory.
func (w *walk) enter(ctx context.Context, dir string, h git.Hash) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(w.stack) > git.MaxDepth {
		return fmt.Errorf("%.80q: %w", dir, treediff.ErrTooDeep)
	}
	tree := &git.Tree{}
	if h != git.EmptyTree {
		var err error
		if tree, err = w.src.Tree(ctx, h); err != nil {
			return err
		}
	}
	l := level{dir: dir, tree: tree}
	if e, ok := tree.Find(attr.File); ok && e.IsFile() {
		size, err := w.src.Size(ctx, e.Hash)
		if err != nil {
			return err
		}
		if size < attr.MaxFile {
			data, err := w.src.Blob(ctx, e.Hash)
			if err != nil {
				return err
			}
			if l.attrs = len(data) > 0; l.attrs {
				w.attrs.Push(dir[:max(len(dir)-1, 0)], data)
				w.files++
			}
		}
	}
	w.stack = append(w.stack, l)
	return nil
}

func (w *walk) leave() {
	last := len(w.stack) - 1
	if w.stack[last].attrs {
		w.attrs.Pop()
		w.files--
	}
	w.stack[last] = level{}
	w.stack = w.stack[:last]
}

// judge asks the attributes what a file is.
func (w *walk) judge(ctx context.Context, f *file) error {
	values, err := w.attrs.Match(ctx, f.dir+f.name)
	if err != nil {
		return err
	}
	switch {
	case values[0].IsSet():
		f.kind = isText
	case values[0].IsUnset():
		f.kind = binary
	}
	return nil
}

// count returns how many lines end in data.
func count(data []byte) int { return bytes.Count(data, []byte{'\n'}) }

// lastLine returns where the last line of data begins.
func lastLine(data []byte) int { return bytes.LastIndexByte(data[:len(data)-1], '\n') + 1 }

// firstEnd returns where the line of data ends that begins at a place, behind its newline.
func firstEnd(data []byte, from int) int {
	if i := bytes.IndexByte(data[from:], '\n'); i >= 0 {
		return from + i + 1
	}
	return len(data)
}
