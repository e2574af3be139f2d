package language

import (
	"bytes"
	"context"
	"errors"

	"github.com/reposit/reposit/internal/attr"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

var errTooLarge = errors.New("languages: tree is too large")

// A walker goes through two trees and finds the files that differ: what is only on the left is to be taken away, what
// is only on the right to be added.
type walker struct {
	ctx         context.Context
	objects     *object.Store
	pool        storage.ID
	jobs        []job
	files, dirs int // how many more there are on the right
	seen        int // entries, on both sides
	attributes  [2]attributeStack
}

const (
	left  = 0
	right = 1
)

// An attributeStack is the .gitattributes files on the way to a directory.
type attributeStack struct {
	matcher *attr.Matcher
	depth   int // how many there are
}

// walk visits a directory of which at least one side is not empty. same says that the attributes above it are the same
// on both sides; depth is how many levels may lie below.
func (w *walker) walk(depth int, dir string, hashes [2]git.Hash, same bool) error {
	if same && hashes[left] == hashes[right] {
		return nil
	}
	if depth < 0 {
		return errTooLarge
	}
	var trees [2]*git.Tree
	var files [2]git.Hash // the .gitattributes
	for side, h := range hashes {
		if h.IsZero() || h == git.EmptyTree {
			continue
		}
		item, err := w.objects.Tree(w.ctx, w.pool, h)
		if err != nil {
			return sided(side, err)
		}
		trees[side] = item.Tree
		if e, ok := item.Tree.Find(attr.File); ok && e.IsFile() {
			files[side] = e.Hash
		}
	}
	for side, h := range files {
		pushed, err := w.push(side, dir, h)
		if err != nil {
			return sided(side, err)
		}
		if pushed {
			defer w.attributes[side].pop()
		}
	}
	if same && files[left] == files[right] {
		return w.visitAll(depth, dir, trees[left], trees[right], true)
	}
	if err := w.visitAll(depth, dir, trees[left], nil, false); err != nil {
		return err
	}
	return w.visitAll(depth, dir, nil, trees[right], false)
}

// visitAll visits the entries that differ between two trees.
func (w *walker) visitAll(depth int, dir string, a, b *git.Tree, same bool) error {
	for x, y := range git.Differences(a, b) {
		if w.seen++; w.seen%1024 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		name := x.Name
		if name == "" {
			name = y.Name
		}
		path := dir + name
		if len(path) > names.MaxPath {
			return errTooLarge
		}
		if x.IsDir() && y.IsDir() {
			if err := w.walk(depth-1, path+"/", [2]git.Hash{x.Hash, y.Hash}, same); err != nil {
				return err
			}
			continue
		}
		if x.IsFile() && y.IsFile() && x.Hash == y.Hash {
			continue // only the mode differs
		}
		for side, e := range [2]git.Entry{x, y} {
			if err := w.visit(depth, side, path, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// visit takes away or adds one entry with all that is below it.
func (w *walker) visit(depth, side int, path string, e git.Entry) error {
	if e.Name == "" {
		return nil
	}
	step := 2*side - 1
	if e.IsDir() {
		if w.dirs += step; w.dirs >= MaxFiles {
			return errTooLarge
		}
		var hashes [2]git.Hash
		hashes[side] = e.Hash
		return w.walk(depth-1, path+"/", hashes, false)
	}
	if w.files += step; w.files >= MaxFiles {
		return errTooLarge
	}
	if !e.IsFile() {
		return nil
	}
	j := job{path: path, hash: e.Hash, side: side}
	if s := &w.attributes[side]; s.depth > 0 {
		values, err := s.matcher.Match(w.ctx, path)
		if err != nil {
			return err
		}
		j.rules = newRules(values)
	}
	w.jobs = append(w.jobs, j)
	return nil
}

// push hears the .gitattributes of a directory, and reports whether there was something to hear. dir ends in a slash
// unless it is the root.
func (w *walker) push(side int, dir string, h git.Hash) (bool, error) {
	if h.IsZero() {
		return false, nil
	}
	t, size, err := w.objects.Stat(w.ctx, w.pool, h)
	if err != nil || t != storage.Blob || size == 0 || size > MaxAttributes {
		return false, err
	}
	data, err := w.objects.Blob(w.ctx, w.pool, h)
	if err != nil {
		return false, err
	}
	s := &w.attributes[side]
	if s.matcher == nil {
		s.matcher = attr.NewMatcher(attributes...)
	}
	// Git passes over a byte order mark in a file of a worktree.
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	s.matcher.Push(dir[:max(len(dir)-1, 0)], data)
	s.depth++
	return true, nil
}

func (s *attributeStack) pop() {
	s.matcher.Pop()
	s.depth--
}

// sided marks what is about the tree whose counts are known.
func sided(side int, err error) error {
	if err != nil && side == left {
		return baseError{err}
	}
	return err
}
