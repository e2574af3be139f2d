package history

import (
	"context"
	"path"
	"strings"

	"github.com/reposit/reposit/internal/git"
)

// Similarity returns how alike two files are, from 0 to MaxScore, by git's similarity index. It may return 0 for less
// than least.
type Similarity func(ctx context.Context, from, to git.Hash, least int) (int, error)

// Scores of Similarity, as git counts them.
const (
	MaxScore   = 60000
	leastScore = MaxScore / 2
)

// A follower follows a file through the commits of a walk. Like git-log it knows one name at a time, which changes for
// all commits that come later, on whatever line of history they are.
type follower struct {
	src     Source
	path    string
	similar Similarity
	set     *pathSet
	views   map[git.Hash]*view // by root tree, of the current path
}

func newFollower(src Source, path string, similar Similarity) *follower {
	f := &follower{src: src, similar: similar}
	f.to(path)
	return f
}

// keptViews bounds how many views are kept, each of which is mostly of use to the next commit or never.
const keptViews = 1024

func (f *follower) to(path string) {
	f.path, f.set, f.views = path, newPathSet(f.src, []string{path}), map[git.Hash]*view{}
}

func (f *follower) view(ctx context.Context, root git.Hash, other *view) (*view, error) {
	v := f.views[root]
	if v == nil {
		if len(f.views) >= keptViews {
			clear(f.views)
		}
		v = &view{root: root}
		f.views[root] = v
	}
	return v, f.set.load(ctx, v, other)
}

// changes reports whether a commit changes the file. A commit that makes it may take it from another one, which is then
// the one to follow. Of merges nothing is shown, unless firstParent says that they are compared with that.
func (f *follower) changes(ctx context.Context, h git.Hash, firstParent bool) (bool, error) {
	c, err := f.src.Node(ctx, h)
	if err != nil || len(c.Parents) > 1 && !firstParent || !f.set.filter.mayChange(h) {
		return false, err
	}
	from := Node{Tree: git.EmptyTree}
	if len(c.Parents) > 0 {
		if from, err = f.src.Node(ctx, c.Parents[0]); err != nil {
			return false, err
		}
	}
	if from.Tree == c.Tree {
		return false, nil
	}
	new, err := f.view(ctx, c.Tree, nil)
	if err != nil {
		return false, err
	}
	old, err := f.view(ctx, from.Tree, new)
	if err != nil || f.set.same(old, new) {
		return false, err
	}
	last := len(f.set.parts) - 1
	is, was := new.entries[last], old.entries[last]
	if is == (entry{}) || is.mode == git.ModeDir || was != (entry{}) {
		return true, nil // a file in place of a directory is none that was renamed, to git
	}
	s := search{follower: f, made: is}
	if err := s.walk(ctx, from.Tree, c.Tree, "", 0); err != nil {
		return false, err
	}
	source, err := s.source(ctx)
	if err == nil && source != "" {
		f.to(source)
	}
	return true, err
}

// A search looks for the file that another one was made of, among all files of the tree before (git-log's --follow is
// -C -C for one file).
type search struct {
	*follower
	made entry
	all  []candidate
}

type candidate struct {
	path string
	entry
	kept bool // it is still there, so the file would be its copy
}

// walk collects the files of the tree from. The tree to is what they became; zero: nothing.
func (s *search) walk(ctx context.Context, from, to git.Hash, dir string, depth int) error {
	if from.IsZero() || depth > git.MaxDepth {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	old, err := s.src.Tree(ctx, from)
	if err != nil {
		return err
	}
	var new *git.Tree
	if !to.IsZero() && to != from {
		if new, err = s.src.Tree(ctx, to); err != nil {
			return err
		}
	}
	for i := range old.Len() {
		e := old.Entry(i)
		at := e.Hash // what became of a directory
		kept := from == to
		if new != nil {
			is, ok := new.Find(e.Name)
			kept = ok && is.IsDir() == e.IsDir()
			if at = is.Hash; !kept {
				at = git.Hash{}
			}
		} else if !kept {
			at = git.Hash{}
		}
		if e.IsDir() {
			if err := s.walk(ctx, e.Hash, at, dir+e.Name+"/", depth+1); err != nil {
				return err
			}
			continue
		}
		s.all = append(s.all, candidate{dir + e.Name, entry{canonical(e.Mode), e.Hash}, kept})
	}
	return nil
}

// source returns the path of the file that the made one comes from, or "". Of several that are the same, one that is
// gone is preferred, and one of the same name in another directory. (git's diffcore_rename)
func (s *search) source(ctx context.Context) (string, error) {
	best, most := "", -1
	for i := range s.all {
		c := &s.all[i]
		if c.hash != s.made.hash || (!isFile(c.mode) || !isFile(s.made.mode)) && c.mode != s.made.mode {
			continue
		}
		score := s.nameScore(c)
		if !c.kept {
			score++
		}
		if score > most {
			best, most = c.path, score
		}
	}
	if most >= 0 || s.similar == nil || !isFile(s.made.mode) {
		return best, nil
	}
	return s.similarSource(ctx)
}

func isFile(m git.Mode) bool { return m == git.ModeRegular || m == git.ModeExecutable }

func (s *search) nameScore(c *candidate) int {
	if path.Base(c.path) == path.Base(s.path) {
		return 1
	}
	return 0
}

const (
	maxCandidates = 1000 * 1000 // git's diff.renameLimit, for one file
	keptBest      = 4           // git's NUM_CANDIDATE_PER_DST
)

// A match is how alike a candidate is. The zero match is of none.
type match struct {
	*candidate
	score, name int
}

// worse reports whether m is worse than another match.
func (m match) worse(than match) bool {
	switch {
	case m.candidate == nil || than.candidate == nil:
		return m.candidate == nil && than.candidate != nil
	case m.score != than.score:
		return m.score < than.score
	}
	return m.name < than.name
}

// similarSource is source for files that are not the same but alike.
func (s *search) similarSource(ctx context.Context) (string, error) {
	if len(s.all) > maxCandidates {
		return "", nil
	}
	var best [keptBest]match
	for i := range s.all {
		c := &s.all[i]
		if !isFile(c.mode) {
			continue
		}
		score, err := s.similar(ctx, c.hash, s.made.hash, leastScore)
		if err != nil {
			return "", err
		}
		m, worst := match{c, score, s.nameScore(c)}, 0
		for i := range best {
			if best[i].worse(best[worst]) {
				worst = i
			}
		}
		if best[worst].worse(m) {
			best[worst] = m
		}
	}
	for _, copies := range [2]bool{false, true} {
		var top match
		for _, m := range best {
			if m.candidate != nil && m.score >= leastScore && (copies || !m.kept) && top.worse(m) {
				top = m
			}
		}
		if top.candidate != nil {
			return strings.Clone(top.path), nil
		}
	}
	return "", nil
}
