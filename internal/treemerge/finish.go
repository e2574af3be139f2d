package treemerge

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// finish decides what becomes of each path, and returns the outcome.
func (m *merge) finish() (*Result, error) {
	// A file of ours is out of the way before what theirs has below it comes there.
	for _, e := range m.paths {
		if e.dirs != 0 {
			if err := m.put(e.path, Version{}); err != nil {
				return nil, err
			}
		}
	}
	for _, t := range m.took {
		if err := m.set(t.path, t.Version); err != nil {
			return nil, err
		}
	}
	entries := make([]*entry, 0, len(m.paths))
	for _, e := range m.paths {
		entries = append(entries, e)
	}
	// What lies in a directory comes before it.
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(b.path+"/", a.path+"/") })
	for _, e := range entries {
		if err := m.decide(e); err != nil {
			return nil, err
		}
	}
	if m.failed != nil {
		return nil, m.failed
	}
	r := &m.result
	var err error
	if r.Tree, r.Trees, err = m.tree.Write(m.ctx); err != nil {
		return nil, err
	}
	slices.SortStableFunc(r.Conflicts, func(a, b Conflict) int { return cmp.Compare(a.Path, b.Path) })
	r.Clean = len(r.Conflicts) == 0
	return r, nil
}

// set makes a path of the outcome a version, whatever was there.
func (m *merge) set(path string, v Version) error {
	if v.Mode != 0 {
		return m.tree.Graft(m.ctx, path, v.Mode, v.Hash)
	}
	_, found, err := m.tree.Find(m.ctx, path)
	if err != nil || !found {
		return err
	}
	return m.tree.Remove(m.ctx, path)
}

// put makes a path a file, or removes the file that it is.
func (m *merge) put(path string, v Version) error {
	if v.Mode == 0 {
		if is, _, err := m.tree.Find(m.ctx, path); err != nil || is.IsDir() {
			return err
		}
	}
	return m.set(path, v)
}

// decide decides what becomes of a path.
func (m *merge) decide(e *entry) error {
	if e.files == 0 && !e.clean { // a directory alone
		return nil
	}
	if e.clean {
		return m.put(e.path, Version{})
	}
	path, gaveWay, from := e.path, false, Base
	if e.dirs != 0 {
		is, _, err := m.tree.Find(m.ctx, path)
		if err != nil {
			return err
		}
		if gaveWay = is.IsDir(); gaveWay {
			if e.files == bit(Base) {
				return nil
			}
			from = Ours
			if e.dirs&bit(Ours) != 0 {
				from = Theirs
			}
			path = m.unique(path, from)
			e.note(FileDirectory)
		}
		e.same &^= e.dirs
		for i := range e.stages {
			if e.files&bit(i) == 0 {
				e.stages[i] = Version{}
			}
		}
	}
	clean := !gaveWay && !e.moved
	ours, theirs := e.stages[Ours], e.stages[Theirs]
	both := bit(Ours) | bit(Theirs)
	switch {
	case e.same == both:
		return m.conclude(e, path, ours, clean)
	case e.same != 0:
		v := theirs
		if e.same&bit(Theirs) != 0 {
			v = ours
		}
		return m.conclude(e, path, v, clean || v.Mode == 0)
	case e.files&both == both && ours.Mode&modeType != theirs.Mode&modeType:
		return m.distinct(e, path)
	case e.files&both == both:
		v, ok, kind, err := m.content(path, e.stages, e.names, 0)
		if err != nil {
			return err
		}
		if ok && gaveWay {
			e.files = bit(from)
			e.stages[from] = v
		}
		if !ok {
			if kind == Content && e.files == both {
				kind = AddAdd
			}
			e.note(kind)
		}
		return m.conclude(e, path, v, clean && ok)
	case e.files == bit(Base):
		return m.conclude(e, path, Version{}, !e.moved)
	case e.files&bit(Base) != 0: // one side deleted it
		side := Ours
		if e.files&bit(Theirs) != 0 {
			side = Theirs
		}
		v := e.stages[side]
		if !e.moved || v.Hash != e.stages[Base].Hash {
			e.note(ModifyDelete)
		}
		if m.opts.inner > 0 {
			v = e.stages[Base]
		}
		return m.conclude(e, path, v, false)
	case e.files == bit(Ours):
		return m.conclude(e, path, ours, clean)
	}
	return m.conclude(e, path, theirs, clean)
}

// conclude notes what becomes of a path.
func (m *merge) conclude(e *entry, path string, v Version, clean bool) error {
	if err := m.put(path, v); err != nil || clean {
		return err
	}
	c := Conflict{Path: path, Kind: e.kind, Result: v}
	for i, stage := range e.stages {
		if e.files&bit(i) != 0 {
			c.Stages[i] = stage
		}
	}
	m.result.Conflicts = append(m.result.Conflicts, c)
	return nil
}

// distinct decides on a path that is of different types on the two sides: a file gets another path, or both if none is.
func (m *merge) distinct(e *entry, path string) error {
	if m.opts.inner > 0 {
		return m.conclude(e, path, e.stages[Base], false)
	}
	e.note(DistinctTypes)
	base := e.stages[Base]
	var halves [3]*entry
	for side := Ours; side <= Theirs; side++ {
		half := *e
		half.stages[other(side)] = Version{}
		half.files = bit(Base) | bit(side)
		if half.stages[side].Mode&modeType != base.Mode&modeType {
			half.stages[Base] = Version{}
			half.files = bit(side)
		}
		half.path = path
		halves[side] = &half
	}
	us, them := e.stages[Ours].isFile(), e.stages[Theirs].isFile()
	if us || !them {
		halves[Ours].path = m.unique(path, Ours)
	}
	if !us {
		halves[Theirs].path = m.unique(path, Theirs)
	}
	if !us && !them {
		if err := m.put(path, Version{}); err != nil {
			return err
		}
	}
	for side := Ours; side <= Theirs; side++ {
		half := halves[side]
		if err := m.conclude(half, half.path, half.stages[side], false); err != nil {
			return err
		}
	}
	return nil
}

// unique returns a path for a file of a side that can't be where it was.
func (m *merge) unique(path string, side int) string {
	stem := path + "~" + strings.ReplaceAll(m.opts.Labels[side], "/", "_")
	try := stem
	for i := 0; m.paths[try] != nil || m.exists(try); i++ {
		try = stem + "_" + strconv.Itoa(i)
	}
	m.paths[try] = &entry{path: try, clean: true}
	return try
}
