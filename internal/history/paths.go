package history

import (
	"context"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
)

// A pathSet is the paths of a walk, as a tree of their components in preorder.
type pathSet struct {
	src    Source
	parts  []part
	filter filter
}

type part struct {
	name string
	leaf bool // a path ends here
	next int  // the part behind all that is below this one
}

// A view is what the tree of a commit has at the parts of a pathSet. Views of commits that agree share their entries.
type view struct {
	root    git.Hash
	entries []entry // nil: not read yet
}

// An entry is what a tree has at a path; zero: nothing.
type entry struct {
	mode git.Mode
	hash git.Hash
}

func newPathSet(src Source, paths []string) *pathSet {
	s := &pathSet{src: src, filter: newFilter(src, paths)}
	split := make([][]string, 0, len(paths))
	for _, p := range paths {
		split = append(split, strings.Split(p, "/"))
	}
	slices.SortFunc(split, slices.Compare)
	s.add(split, 0)
	return s
}

// add adds the components of sorted paths that agree in those before depth.
func (s *pathSet) add(split [][]string, depth int) {
	for len(split) > 0 {
		name, n := split[0][depth], 1
		for n < len(split) && split[n][depth] == name {
			n++
		}
		at := len(s.parts)
		s.parts = append(s.parts, part{name: name, leaf: len(split[0]) == depth+1})
		if !s.parts[at].leaf { // else it covers what is below
			s.add(split[:n], depth+1)
		}
		s.parts[at].next = len(s.parts)
		split = split[n:]
	}
}

// load reads what v lacks. What it has in common with other, which is loaded if it isn't nil, it takes from there.
func (s *pathSet) load(ctx context.Context, v, other *view) error {
	if v.entries != nil {
		return nil
	}
	tree, err := s.src.Tree(ctx, v.root)
	if err != nil {
		return err
	}
	entries := make([]entry, len(s.parts))
	if err := s.fill(ctx, tree, 0, len(s.parts), entries, other); err != nil {
		return err
	}
	if other != nil && slices.Equal(entries, other.entries) {
		entries = other.entries
	}
	v.entries = entries
	return nil
}

// fill finds the parts from one up to another in their directory.
func (s *pathSet) fill(ctx context.Context, tree *git.Tree, from, to int, entries []entry, other *view) error {
	for i := from; i < to; i = s.parts[i].next {
		found, ok := tree.Find(s.parts[i].name)
		if !ok || found.Hash == git.EmptyTree && found.IsDir() {
			continue
		}
		entries[i] = entry{canonical(found.Mode), found.Hash}
		below := s.parts[i].next
		if below == i+1 || !found.IsDir() {
			continue
		}
		if other != nil && other.entries[i] == entries[i] {
			copy(entries[i+1:below], other.entries[i+1:below])
			continue
		}
		sub, err := s.src.Tree(ctx, found.Hash)
		if err != nil {
			return err
		}
		if err := s.fill(ctx, sub, i+1, below, entries, other); err != nil {
			return err
		}
	}
	return nil
}

// canonical returns the mode that git takes a mode for (canon_mode).
func canonical(m git.Mode) git.Mode {
	switch {
	case m&0o170000 == 0o100000:
		if m&0o100 != 0 {
			return git.ModeExecutable
		}
		return git.ModeRegular
	case m&0o170000 == git.ModeSymlink:
		return git.ModeSymlink
	case m&0o170000 == git.ModeDir:
		return git.ModeDir
	}
	return git.ModeSubmodule
}

// same reports whether two views that are loaded agree at all paths.
func (s *pathSet) same(a, b *view) bool {
	if &a.entries[0] == &b.entries[0] {
		return true
	}
	for i, p := range s.parts {
		if p.leaf && a.entries[i] != b.entries[i] {
			return false
		}
	}
	return true
}

// empty reports whether a view that is loaded has nothing at any path.
func (s *pathSet) empty(v *view) bool {
	for i, p := range s.parts {
		if p.leaf && v.entries[i] != (entry{}) {
			return false
		}
	}
	return true
}

// view returns the view of a commit that was read.
func (w *Walk) view(ctx context.Context, n uint32) (*view, error) {
	if v := w.views[n]; v != nil {
		return v, nil
	}
	read, err := w.src.Node(ctx, w.nodes.at(n).hash) // it left the queue before one of its children did
	return &view{root: read.Tree}, err
}

// agree reports whether a commit is the same as a parent at all paths.
func (w *Walk) agree(ctx context.Context, n, p uint32, first bool) (bool, error) {
	v, err := w.view(ctx, n)
	if err != nil {
		return false, err
	}
	of, err := w.view(ctx, p)
	if err != nil {
		return false, err
	}
	if v.root == of.root || first && !w.paths.filter.mayChange(w.nodes.at(n).hash) {
		if of.entries == nil {
			of.root, of.entries = v.root, v.entries // what was read of one is read of the other
		}
		return true, nil
	}
	if err := w.paths.load(ctx, v, nil); err != nil {
		return false, err
	}
	if err := w.paths.load(ctx, of, v); err != nil {
		return false, err
	}
	return w.paths.same(v, of), nil
}

// simplify finds out whether a commit changes nothing at the paths. If it agrees there with a parent, the rest of its
// parents are left out (git-log, "Default mode" of history simplification).
func (w *Walk) simplify(ctx context.Context, n uint32) error {
	parents := w.nodes.parents(nil, n)
	if len(parents) == 0 {
		return w.simplifyRoot(ctx, n)
	}
	var relevant int
	var relevantChange, otherChange bool
	for i, p := range parents {
		// What is excluded does not count, unless it was named as such.
		counts := w.nodes.at(p).flags&(excluded|bottom) != excluded
		if counts {
			relevant++
		}
		if i == 1 && w.FirstParent {
			break
		}
		if err := w.parse(ctx, p); err != nil {
			return err
		}
		agrees, err := w.agree(ctx, n, p, i == 0)
		switch {
		case err != nil:
			return err
		case agrees && counts:
			w.nodes.setParents(n, []uint32{p})
			w.nodes.at(n).flags |= same
			return nil
		case agrees:
		case counts:
			relevantChange = true
		default:
			otherChange = true
		}
	}
	if relevant > 0 && !relevantChange || relevant == 0 && !otherChange {
		w.nodes.at(n).flags |= same
	}
	return nil
}

func (w *Walk) simplifyRoot(ctx context.Context, n uint32) error {
	unchanged := !w.paths.filter.mayChange(w.nodes.at(n).hash)
	if !unchanged {
		v, err := w.view(ctx, n)
		if err == nil {
			err = w.paths.load(ctx, v, nil)
		}
		if err != nil {
			return err
		}
		unchanged = w.paths.empty(v)
	}
	if unchanged {
		w.nodes.at(n).flags |= same
	}
	return nil
}
