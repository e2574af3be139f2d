package blame

import (
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// parents returns what a file was in the parents of its commit: under the same name or, where that had none, under
// another one. Of several with the same content there is the first one. If it was the same in one of them, that is
// whole, and the others do not matter.
func (b *blame) parents(o *origin) (found []*origin, whole *origin, err error) {
	byParent := make([]*origin, len(o.commit.node.Parents))
	for i := range byParent {
		if byParent[i], err = b.sameName(o, i); err != nil {
			return nil, nil, err
		}
		if p := byParent[i]; p != nil && p.hash == o.hash {
			return nil, p, nil
		}
	}
	for i := range byParent {
		if byParent[i] != nil {
			continue
		}
		if byParent[i], err = b.renamed(o, i); err != nil {
			return nil, nil, err
		}
		if p := byParent[i]; p != nil && p.hash == o.hash {
			return nil, p, nil
		}
	}
	for i, p := range byParent {
		if p != nil && !contains(byParent[:i], p.hash) {
			found = append(found, p)
		}
	}
	return found, nil, nil
}

func contains(all []*origin, content git.Hash) bool {
	for _, o := range all {
		if o != nil && o.hash == content {
			return true
		}
	}
	return false
}

// sameName returns the file of the same name in a parent, by number, or nil if that has none of the same kind.
func (b *blame) sameName(o *origin, parent int) (*origin, error) {
	c, err := b.commit(o.commit.node.Parents[parent])
	if err != nil {
		return nil, err
	}
	if p := c.known(o.path); p != nil {
		return p, nil
	}
	e, trail := o.entry, o.trail
	if c.node.Tree != o.commit.node.Tree {
		if parent == 0 && !b.mayChange(o) {
			trail = nil
		} else if e, trail, err = b.descend(c.node.Tree, o); err != nil {
			return nil, err
		}
	}
	if e == (entry{}) || !sameKind(e.mode, o.mode) {
		return nil, nil
	}
	p := c.origin(o.path)
	p.entry, p.trail = e, trail
	return p, nil
}

// sameKind reports whether both modes are of regular files, or both of symlinks.
func sameKind(a, b git.Mode) bool {
	return (treediff.Canonical(a)^treediff.Canonical(b))&0o170000 == 0
}

// mayChange reports whether the commit of an origin may have changed the file since its first parent.
func (b *blame) mayChange(o *origin) bool {
	filter, known := b.filters[o.path]
	if !known {
		filter = b.src.Filter(o.path)
		b.filters[o.path] = filter
	}
	return filter == nil || filter(o.commit.hash)
}

// descend returns what a root tree has at the path of an origin, zero for nothing, and the trees on the way. What is
// the same as in the origin's tree is not read.
func (b *blame) descend(root git.Hash, o *origin) (entry, []git.Hash, error) {
	if o.trail == nil {
		_, trail, err := b.walk(o.commit.node.Tree, &origin{path: o.path})
		if err != nil {
			return entry{}, nil, err
		}
		o.trail = trail
	}
	return b.walk(root, o)
}

// walk is descend, where the origin may have no trail.
func (b *blame) walk(root git.Hash, o *origin) (entry, []git.Hash, error) {
	trail := make([]git.Hash, 0, max(len(o.trail), 1+strings.Count(o.path, "/")))
	at, rest := root, o.path
	for {
		if n := len(trail); n < len(o.trail) && o.trail[n] == at {
			return o.entry, append(trail, o.trail[n:]...), nil
		}
		trail = append(trail, at)
		tree, err := b.src.Tree(b.ctx, at)
		if err != nil {
			return entry{}, nil, err
		}
		name, below, deeper := strings.Cut(rest, "/")
		e, ok := tree.Find(name)
		switch {
		case !ok || e.IsDir() != deeper || treediff.Canonical(e.Mode) == git.ModeSubmodule:
			return entry{}, nil, nil
		case !deeper:
			return entry{e.Mode, e.Hash}, trail, nil
		}
		at, rest = e.Hash, below
	}
}

// renamed returns the file of a parent that became an origin's, which the parent has under no such name, or nil.
func (b *blame) renamed(o *origin, parent int) (*origin, error) {
	c, err := b.commit(o.commit.node.Parents[parent])
	if err != nil {
		return nil, err
	}
	changes, err := treediff.Find(b.ctx, b.src, c.node.Tree, o.commit.node.Tree,
		&treediff.Options{Renames: true, Only: o.path})
	if err != nil {
		return nil, err
	}
	for i := range changes {
		if change := &changes[i]; change.Status == treediff.Renamed && change.New.Path == o.path {
			p := c.origin(change.Old.Path)
			p.entry = entry{change.Old.Mode, change.Old.Hash}
			return p, nil
		}
	}
	return nil, nil
}
