package treemerge

import (
	"bytes"
	"fmt"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
	"github.com/reposit/reposit/internal/treeedit"
)

// A deferred directory is one that a side alone changed. What lies in it counts only if that side may have moved files
// there which the other one changed.
type deferred struct {
	path  string
	trees [3]Version
	need  uint8 // see walk
}

const all = 1<<Base | 1<<Ours | 1<<Theirs

// collect finds the paths on which the trees don't agree.
func (m *merge) collect(roots [3]git.Hash) error {
	m.roots = roots
	var err error
	if m.tree, err = treeedit.Open(m.ctx, m.src, roots[Ours]); err != nil {
		return err
	}
	var trees [3]Version
	for i, h := range roots {
		if !h.IsZero() {
			trees[i] = Version{git.ModeDir, h}
		}
	}
	if err := m.walk("", trees, 0, 0); err != nil {
		return err
	}
	for side := Ours; side <= Theirs; side++ {
		look := len(m.sides[side].needed) > 0
		for _, d := range m.trivial[side] {
			if !look {
				if side == Theirs {
					m.took = append(m.took, placed{d.path, d.trees[side]})
				}
				delete(m.paths, d.path)
				continue
			}
			m.now = true
			e := m.paths[d.path]
			e.same &= e.files
			if err := m.walk(d.path+"/", d.directories(), d.need, depth(d.path)); err != nil {
				return err
			}
		}
	}
	return nil
}

// directories returns the versions that are directories.
func (d *deferred) directories() (trees [3]Version) {
	for i, v := range d.trees {
		if v.Mode == git.ModeDir {
			trees[i] = v
		}
	}
	return trees
}

func depth(path string) int { return bytes.Count([]byte(path), []byte("/")) + 1 }

// walk compares the trees of one directory, whose path ends in a slash unless it is the root's. need says whose files
// below it decide where the directory was moved to: none, those of the one side that still has it, or all, if that side
// also put files into it, which shall follow.
func (m *merge) walk(dir string, versions [3]Version, need uint8, depth int) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if depth > git.MaxDepth {
		return fmt.Errorf("%.80q: %w", dir, treediff.ErrTooDeep)
	}
	rows, err := m.rows(versions)
	if err != nil {
		return err
	}
	if need != 0 && need != all {
		for i := range rows {
			if rows[i].files == need {
				need = all
				break
			}
		}
	}
	for i := range rows {
		if err := m.compare(dir, &rows[i], need, depth); err != nil {
			return err
		}
	}
	return nil
}

// A row is the entries of one name in three trees, not all the same.
type row struct {
	name        string
	versions    [3]Version
	files, dirs uint8
}

// rows returns the rows of three trees in the order in which git walks them: by name, but what stands behind a
// directory because of the slash that it is sorted with stands behind it.
func (m *merge) rows(versions [3]Version) ([]row, error) {
	var trees [3]cursor
	for i, v := range versions {
		if v.Mode == 0 || v.Hash == git.EmptyTree {
			continue
		}
		if j := same(versions, i); j < i {
			trees[i] = trees[j]
			continue
		}
		item, err := m.src.Tree(m.ctx, v.Hash)
		if err != nil {
			return nil, err
		}
		trees[i] = cursor{tree: item.Tree, size: item.Tree.Len()}
	}
	var rows []row
	for {
		if trees[Base].alike(&trees[Ours]) && trees[Base].alike(&trees[Theirs]) {
			for i := range trees {
				trees[i].at++
			}
			continue
		}
		var first []byte
		for i := range trees {
			if name := trees[i].name(); name != nil && (first == nil || bytes.Compare(name, first) < 0) {
				first = name
			}
		}
		if first == nil {
			return rows, nil
		}
		r := row{name: string(first)}
		for i := range trees {
			v, ok := trees[i].take(r.name)
			if !ok {
				continue
			}
			r.versions[i] = v
			if v.Mode == git.ModeDir {
				r.dirs |= bit(i)
			} else {
				r.files |= bit(i)
			}
		}
		if v := r.versions; v[Base] != v[Ours] || v[Base] != v[Theirs] {
			rows = append(rows, r)
		}
	}
}

// same returns the first version that is the same as version i.
func same(versions [3]Version, i int) int {
	for j := range i {
		if versions[j] == versions[i] {
			return j
		}
	}
	return i
}

// A cursor goes through a tree.
type cursor struct {
	tree     *git.Tree
	at, size int
	early    []string // names behind at that were taken
}

// skip leaves behind what was taken early.
func (c *cursor) skip() {
	for len(c.early) > 0 && c.at < c.size {
		_, name, _ := c.tree.At(c.at)
		i := 0
		for i < len(c.early) && c.early[i] != string(name) {
			i++
		}
		if i == len(c.early) {
			return
		}
		c.early = append(c.early[:i:i], c.early[i+1:]...)
		c.at++
	}
}

// name returns the name of the next entry, or nil.
func (c *cursor) name() []byte {
	c.skip()
	if c.at >= c.size {
		return nil
	}
	_, name, _ := c.tree.At(c.at)
	return name
}

// take returns the entry of a name, and goes on behind it if it is the next one.
func (c *cursor) take(name string) (Version, bool) {
	if string(c.name()) == name && c.at < c.size {
		mode, _, h := c.tree.At(c.at)
		c.at++
		return Version{treediff.Canonical(mode), h}, true
	}
	if c.at >= c.size {
		return Version{}, false
	}
	// A file and a directory of one name stand at different places.
	e, ok := c.tree.Find(name)
	if !ok || !c.behind(name) {
		return Version{}, false
	}
	c.early = append(c.early, name)
	return Version{treediff.Canonical(e.Mode), e.Hash}, true
}

// behind reports whether an entry is yet to come.
func (c *cursor) behind(name string) bool {
	for i := c.at; i < c.size; i++ {
		_, other, _ := c.tree.At(i)
		if string(other) == name {
			return true
		}
		if !bytes.HasPrefix(other, []byte(name)) {
			return false
		}
	}
	return false
}

// alike reports whether the next entries of two trees are the same.
func (c *cursor) alike(d *cursor) bool {
	if c.at >= c.size || d.at >= d.size || len(c.early) > 0 || len(d.early) > 0 {
		return false
	}
	if c.tree == d.tree {
		return c.at == d.at
	}
	return c.tree.Same(c.at, d.tree, d.at)
}

// compare looks at one row of a directory.
func (m *merge) compare(dir string, r *row, need uint8, depth int) error {
	v := r.versions
	byUs, byThem := v[Ours] != v[Base], v[Theirs] != v[Base]
	path := dir + r.name
	if r.files == all {
		switch {
		case v[Ours] == v[Theirs], !byThem: // as we have it
			return nil
		case !byUs:
			m.took = append(m.took, placed{path, v[Theirs]})
			return nil
		}
	}
	e := &entry{path: path, stages: v, names: [3]string{path, path, path}, files: r.files, dirs: r.dirs}
	switch has := r.files | r.dirs; {
	case !byUs && has&(bit(Base)|bit(Ours)) == bit(Base)|bit(Ours):
		e.same = bit(Base) | bit(Ours)
	case !byThem && has&(bit(Base)|bit(Theirs)) == bit(Base)|bit(Theirs):
		e.same = bit(Base) | bit(Theirs)
	case v[Ours] == v[Theirs] && v[Ours].Mode != 0:
		e.same = bit(Ours) | bit(Theirs)
	}
	m.paths[path] = e
	need = m.noteRow(dir, e, need)
	if r.dirs == 0 {
		return nil
	}

	side := Base // that alone changed the directory
	switch {
	case e.same == bit(Base)|bit(Ours):
		side = Theirs
	case e.same == bit(Base)|bit(Theirs):
		side = Ours
	}
	if r.files == 0 && (r.dirs == bit(Ours) || r.dirs == bit(Theirs)) {
		side = int(r.dirs / 2)
	}
	d := deferred{path, v, need}
	if need != all && side != Base && !m.now {
		m.trivial[side] = append(m.trivial[side], d)
		return nil
	}
	e.same &= e.files
	return m.walk(path+"/", d.directories(), need, depth+1)
}
