package treemerge

import (
	"cmp"
	"context"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// A rename is a file that one side moved, or that follows a directory which the other side moved. Then from may be
// where the side put it, where it is no more.
type rename struct {
	from, to string
	side     int
}

// diffSource reads for renames what the merge reads.
type diffSource struct{ *merge }

func (s diffSource) Tree(ctx context.Context, h git.Hash) (*git.Tree, error) {
	item, err := s.src.Tree(ctx, h)
	if err != nil {
		return nil, err
	}
	return item.Tree, nil
}

func (s diffSource) Size(ctx context.Context, h git.Hash) (int64, error) { return s.src.Size(ctx, h) }

func (s diffSource) Blob(ctx context.Context, h git.Hash) ([]byte, error) { return s.src.Blob(ctx, h) }

// followRenames brings together what the sides did to a file under different names.
func (m *merge) followRenames() error {
	possible := false
	for side := Ours; side <= Theirs; side++ {
		r := m.sides[side]
		possible = possible || len(r.needed) > 0
		if err := r.find(m.ctx, diffSource{m}); err != nil {
			return err
		}
	}
	if !possible {
		return nil
	}
	if m.opts.inner == 0 {
		m.findMoved()
	}
	all := m.renames()
	for i := 0; i < len(all); i++ {
		r := all[i]
		old, now := m.paths[r.from], m.paths[r.to]
		if old == nil || now == nil || old.clean {
			continue
		}
		if i+1 < len(all) && all[i+1].from == r.from {
			i++
			if err := m.renamedTwice(old, now, m.paths[all[i].to]); err != nil {
				return err
			}
			continue
		}
		if err := m.renamed(old, now, r.side); err != nil {
			return err
		}
	}
	return nil
}

// findMoved finds the directories that one side moved. What both moved, or to several places, is left alone.
func (m *merge) findMoved() {
	for side := Ours; side <= Theirs; side++ {
		for _, dir := range m.sides[side].findMoved() {
			m.result.Conflicts = append(m.result.Conflicts, Conflict{Path: dir, Kind: DirectoryRenameSplit})
		}
	}
	for dir := range m.sides[Ours].moved {
		if _, both := m.sides[Theirs].moved[dir]; both {
			delete(m.sides[Ours].moved, dir)
			delete(m.sides[Theirs].moved, dir)
		}
	}
}

// renames returns what was moved, by the old path; of two of the same, ours comes first.
func (m *merge) renames() []rename {
	var all []rename
	var wanted [3]map[string][]string
	for side := Ours; side <= Theirs; side++ {
		wanted[side] = m.wanted(side)
	}
	taken := map[string]bool{}
	for side := Ours; side <= Theirs; side++ {
		r := m.sides[side]
		for i, to := range r.to {
			at, isRename := r.came[i]
			new := ""
			if len(wanted[other(side)][to.Path]) == 0 {
				new = m.followed(to.Path, side, wanted[side], taken)
			}
			switch {
			case new != "":
				m.relocate(to.Path, new, side)
			case !isRename:
				continue
			default:
				new = to.Path
			}
			from := to.Path
			if isRename {
				from = r.from[at].Path
			}
			all = append(all, rename{from, new, side})
		}
	}
	slices.SortStableFunc(all, func(a, b rename) int { return cmp.Compare(a.from, b.from) })
	return all
}

// wanted returns which files of a side would follow directories that the other side moved, by their new paths.
func (m *merge) wanted(side int) map[string][]string {
	moved := m.sides[other(side)]
	if len(moved.moved) == 0 {
		return nil
	}
	all := map[string][]string{}
	for _, to := range m.sides[side].to {
		if dir, new, ok := moved.movedTo(to.Path); ok {
			path := follow(to.Path, dir, new)
			all[path] = append(all[path], to.Path)
		}
	}
	return all
}

// followed returns where a file of a side shall be since the other one moved a directory above it; "" for where it is.
func (m *merge) followed(path string, side int, wanted map[string][]string, taken map[string]bool) string {
	dir, to, ok := m.sides[other(side)].movedTo(path)
	if !ok {
		return ""
	}
	// The side itself moved the directory on, and with it all that comes there.
	if _, ok := m.sides[side].moved[to]; ok {
		return ""
	}
	new := follow(path, dir, to)
	if taken[new] {
		return ""
	}
	if m.inTheWay(new, side) || len(wanted[new]) > 1 {
		taken[new] = true
		m.result.Conflicts = append(m.result.Conflicts, Conflict{Path: new, Kind: DirectoryCollision})
		return ""
	}
	return new
}

// inTheWay reports whether a path is taken, so that a file of a side can't go there.
func (m *merge) inTheWay(path string, side int) bool {
	if e := m.paths[path]; e != nil {
		return e.clean || (e.files|e.dirs)&bit(side) != 0
	}
	return m.exists(path)
}

// relocate has a file that a side added follow a directory that the other side moved. That is a conflict: the merge can
// only suppose that it should.
func (m *merge) relocate(path, to string, side int) {
	e := m.paths[path]
	delete(m.paths, path)
	if side == Ours {
		m.took = append(m.took, placed{path: path})
	}
	for dir := dirName(to); dir != ""; dir = dirName(dir) {
		at := m.paths[dir]
		if at == nil {
			if m.exists(dir) {
				break
			}
			m.paths[dir] = &entry{path: dir, names: [3]string{dir, dir, dir}, dirs: e.files}
			continue
		}
		if at.files != 0 && at.dirs == 0 {
			at.dirs = e.files
		}
		break
	}
	if at := m.paths[to]; at != nil {
		at.files |= e.files
		at.stages[side], at.names[side] = e.stages[side], e.names[side]
		e = at
	} else {
		e.path = to
		m.paths[to] = e
	}
	e.moved = true
	e.note(FileLocation)
}

// renamedTwice merges a file that both sides moved.
func (m *merge) renamedTwice(old, ours, theirs *entry) error {
	if theirs == nil {
		return nil
	}
	if ours == theirs {
		ours.stages[Base] = old.stages[Base]
		ours.files |= bit(Base)
		old.settle()
		return nil
	}
	versions := [3]Version{old.stages[Base], ours.stages[Ours], theirs.stages[Theirs]}
	merged, clean, _, err := m.content(old.path, versions, [3]string{old.path, ours.path, theirs.path}, 1)
	if err != nil {
		return err
	}
	isOurs := !clean && merged == versions[Ours]
	ours.stages[Ours] = merged
	if isOurs { // it can't be merged: each keeps its own
		merged = versions[Theirs]
	}
	theirs.stages[Theirs] = merged
	for _, e := range []*entry{old, ours, theirs} {
		e.moved = true
		e.note(RenameRename)
	}
	return nil
}

// settle says that nothing is left of a file at its place.
func (e *entry) settle() {
	e.clean = true
	e.stages = [3]Version{}
}

const modeType = 0o170000

// isFile reports whether a version is a file, and no symlink or submodule.
func (v Version) isFile() bool { return v.Mode&modeType == git.ModeRegular&modeType }

// renamed merges a file that one side moved with what the other one did to it.
func (m *merge) renamed(old, now *entry, side int) error {
	their := other(side)
	deleted := old.files == bit(Base)
	collides := now.files&bit(their) != 0
	retyped := !deleted && old.stages[their].isFile() != now.stages[side].isFile()
	if retyped {
		// The other side, too, moved the file, and put something of another kind in its place.
		collides = false
	}
	switch {
	case collides && !deleted:
		// What came of the file collides with another one.
		var versions [3]Version
		var names [3]string
		versions[Base], versions[their], versions[side] = old.stages[Base], old.stages[their], now.stages[side]
		names[Base], names[their], names[side] = old.path, old.path, now.path
		merged, clean, _, err := m.content(old.path, versions, names, 1)
		if err != nil {
			return err
		}
		now.stages[side] = merged
		if !clean {
			now.note(RenameCollision)
		}
	case collides:
		now.moved = true
		now.note(RenameDelete)
	default:
		now.stages[Base], now.names[Base] = old.stages[Base], old.path
		now.files |= bit(Base)
		switch {
		case retyped:
			old.stages[Base] = Version{}
			old.files &^= bit(Base)
		case deleted:
			now.moved = true
			now.note(RenameDelete)
		default:
			now.stages[their], now.names[their] = old.stages[their], old.path
			now.files |= bit(their)
		}
	}
	if !retyped {
		old.settle()
	}
	return nil
}

var _ treediff.Source = diffSource{}
