package treemerge

import (
	"context"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// A Need is what a rename would be needed for.
type need uint8

const (
	noNeed      need = iota
	forAncestor      // of a directory: to tell where one above it went
	forContent       // of a file: the other side changed it
	forLocation      // of a file: to tell where its directory went; of a directory: the other side put files into it
)

// Renames are what one side moved.
type renames struct {
	from, to []treediff.File // deleted and added ones
	needed   map[string]need // of from: those whose new place makes a difference
	// gone are the directories of the base that the side has not, with what their new place is needed for.
	gone map[string]need
	// counts says of such directories how many of their files went to which one.
	counts map[string]map[string]int
	came   map[int]int       // what in to comes from what in from
	moved  map[string]string // directories with their new place
}

func newRenames() *renames {
	return &renames{needed: map[string]need{}, gone: map[string]need{}, counts: map[string]map[string]int{},
		came: map[int]int{}, moved: map[string]string{}}
}

// noteRow notes what an entry means for renames, and returns whose files below it decide where it was moved to, if it
// is a directory (see walk).
func (m *merge) noteRow(dir string, e *entry, whose uint8) uint8 {
	if m.opts.NoRenames {
		return 0
	}
	if whose != all && (e.dirs == bit(Base)|bit(Ours) || e.dirs == bit(Base)|bit(Theirs)) {
		whose = e.dirs &^ bit(Base)
	}
	for side := Ours; side <= Theirs; side++ {
		r := m.sides[side]
		had, has := e.files&bit(Base) != 0, e.files&bit(side) != 0
		if e.dirs&bit(Base) != 0 && e.dirs&bit(side) == 0 {
			r.gone[e.path] = noNeed
			if whose == all {
				r.gone[e.path] = forAncestor
			}
		}
		if whose == all && e.files == bit(other(side)) {
			r.gone[strings.TrimSuffix(dir, "/")] = forLocation
		}
		switch {
		case e.files == all:
		case had && !has:
			r.from = append(r.from, e.file(Base))
			if e.same&e.files == 0 {
				r.needed[e.path] = forContent
			} else if whose == all {
				r.needed[e.path] = forLocation
			}
		case !had && has:
			r.to = append(r.to, e.file(side))
		}
	}
	return whose
}

func (e *entry) file(side int) treediff.File {
	v := e.stages[side]
	return treediff.File{Path: e.path, Mode: v.Mode, Hash: v.Hash}
}

// maxCandidates bounds the comparisons of contents, by their square root (git's merge.renameLimit).
const maxCandidates = 7000

var emptyBlob, _ = git.ParseHash("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")

// find finds out which added files come from which deleted ones, as far as it is needed.
func (r *renames) find(ctx context.Context, src treediff.Source) error {
	if len(r.needed) == 0 {
		return nil
	}
	from, fromAt := filled(r.from)
	to, toAt := filled(r.to)
	if len(from) == 0 || len(to) == 0 {
		return nil
	}
	m := treediff.NewMatcher(ctx, src, from, to, &treediff.Options{MaxCandidates: maxCandidates})
	m.Exact()
	m.Keep(func(int) bool { return true })
	counted := make([]bool, len(to))
	count := func() {
		for i := range to {
			if f, _, ok := m.From(i); ok && !counted[i] {
				counted[i] = true
				r.count(from[f].Path, to[i].Path)
			}
		}
	}
	count()
	if err := r.findByName(m, from, to); err != nil {
		return err
	}
	count()
	m.Keep(func(i int) bool { return r.needed[from[i].Path] != noNeed })
	r.dropKnown(m, from)
	if err := m.Similar(); err != nil {
		return err
	}
	count()
	for i := range to {
		if f, _, ok := m.From(i); ok {
			r.came[toAt[i]] = fromAt[f]
		}
	}
	for dir := range r.counts {
		if r.gone[dir] == noNeed {
			delete(r.counts, dir)
		}
	}
	return nil
}

// filled returns the files that have content, since any two others are the same, and their places among all.
func filled(files []treediff.File) (some []treediff.File, at []int) {
	for i, f := range files {
		if f.Hash != emptyBlob {
			some, at = append(some, f), append(at, i)
		}
	}
	return some, at
}

// findByName matches files that kept their name, where just one has it on either side, or where others of their
// directory show to which one it went. They must be more similar than others.
func (r *renames) findByName(m *treediff.Matcher, from, to []treediff.File) error {
	const least = treediff.DefaultScore + (treediff.MaxScore-treediff.DefaultScore)/2
	guess := make(map[string]string, len(r.counts))
	for dir, counts := range r.counts {
		best := 0
		for to, n := range counts {
			if n > best || n == best && to < guess[dir] {
				best, guess[dir] = n, to
			}
		}
	}
	sources := m.Sources()
	names, places := map[string]int{}, map[string]int{}
	for _, i := range sources {
		names[baseName(from[i].Path)]++
	}
	open := map[string]int{} // by name: which one, or -1 if there are several
	for i := range to {
		if _, _, ok := m.From(i); ok {
			continue
		}
		name := baseName(to[i].Path)
		places[to[i].Path] = i
		if _, again := open[name]; again {
			open[name] = -1
		} else {
			open[name] = i
		}
	}
	for _, i := range sources {
		if r.needed[from[i].Path] == noNeed {
			continue
		}
		name := baseName(from[i].Path)
		at, ok := open[name]
		if !ok {
			continue
		}
		if names[name] > 1 || at < 0 {
			dir, ok := guess[dirName(from[i].Path)]
			if !ok {
				continue
			}
			if at, ok = places[dir+"/"+name]; !ok {
				continue
			}
		}
		if _, _, taken := m.From(at); taken {
			continue
		}
		score, err := m.Similarity(&from[i], &to[at], least)
		if err != nil {
			return err
		}
		if score >= least {
			m.Match(i, at, score)
		}
	}
	return nil
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func dirName(path string) string { return path[:max(strings.LastIndexByte(path, '/'), 0)] }

// count counts a rename for the directories that it may be part of the move of: a/b/c/file to x/b/c/file is one for
// a/b/c, a/b and a, to x/b/c, x/b and x.
func (r *renames) count(from, to string) {
	for first := true; ; first = false {
		fromName, toName := baseName(from), baseName(to)
		from, to = dirName(from), dirName(to)
		why, gone := r.gone[from]
		if !gone || !first && fromName != toName {
			return
		}
		if why == forLocation || first {
			if r.counts[from] == nil {
				r.counts[from] = map[string]int{}
			}
			r.counts[from][to]++
		}
		if why == noNeed || from == "" || to == "" {
			return
		}
	}
}

// dropKnown forgets the sources that would only tell where directories went of which that is known without them: most
// of their files went to one place.
func (r *renames) dropKnown(m *treediff.Matcher, from []treediff.File) {
	unknown := map[string]int{}
	for _, i := range m.Sources() {
		for dir := dirName(from[i].Path); dir != "" && r.gone[dir] != noNeed; dir = dirName(dir) {
			unknown[dir]++
		}
	}
	for dir, counts := range r.counts {
		first, second := 0, 0
		for _, n := range counts {
			if n >= first {
				first, second = n, first
			} else {
				second = max(second, n)
			}
		}
		if r.gone[dir] == forLocation && first > second+unknown[dir] {
			r.gone[dir] = forAncestor
		}
	}
	m.Keep(func(i int) bool {
		if r.needed[from[i].Path] != forLocation {
			return true
		}
		for dir := dirName(from[i].Path); ; dir = dirName(dir) {
			switch r.gone[dir] {
			case noNeed:
				return false
			case forLocation:
				return true
			}
			if dir == "" {
				return false
			}
		}
	})
}

// findMoved finds out where the directories that are gone went: to where most of their files did. It returns those of
// which that can't be told.
func (r *renames) findMoved() (split []string) {
	for dir, counts := range r.counts {
		best, ties := 0, false
		for to, n := range counts {
			if n == best {
				ties = true
			} else if n > best {
				best, ties, r.moved[dir] = n, false, to
			}
		}
		if ties {
			delete(r.moved, dir)
			split = append(split, dir)
		}
	}
	slices.Sort(split)
	return split
}

// movedTo returns the closest directory above a path that was moved, and its new place.
func (r *renames) movedTo(path string) (dir, to string, ok bool) {
	for dir = dirName(path); dir != ""; dir = dirName(dir) {
		if to, ok = r.moved[dir]; ok {
			return dir, to, true
		}
	}
	return "", "", false
}

// follow returns where a path would be if it followed a directory above it.
func follow(path, dir, to string) string {
	rest := path[len(dir):]
	if to == "" {
		return rest[1:]
	}
	return to + rest
}
