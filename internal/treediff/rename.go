package treediff

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/git"
)

// MaxScore is the similarity of files that are the same (git's MAX_SCORE).
const MaxScore = 60000

// DefaultScore is the similarity from which on a file counts as renamed by default: half.
const DefaultScore = MaxScore / 2

// Options say which renames and copies Find looks for.
type Options struct {
	Paths    []string // as Walk takes them
	Renames  bool     // added files are compared with deleted ones
	Copies   bool     // and with what modified ones were; it implies Renames
	MinScore int      // 0: DefaultScore
	Only     string   // the path of an added file, for which alone a source is looked for; "": for all
	// MaxCandidates bounds the comparisons of contents, by their square root, as git's diff.renameLimit: if there are
	// more, only renames without a change and of files that keep a unique name are found. 0: 1000; negative: none
	MaxCandidates int
}

const maxCandidates = 1000

func (o *Options) least() int { return cmp.Or(o.MinScore, DefaultScore) }

func (o *Options) limit() int { return cmp.Or(o.MaxCandidates, maxCandidates) }

// Find returns what Walk yields, with renames and copies, as git diff-tree finds them with -M and -C.
//
// The cost beyond that of Walk is a read of each file that was added, deleted or, with Copies, modified, unless another
// has the same content, and a comparison of each of the ones with each of the others.
func Find(ctx context.Context, src Source, from, to git.Hash, opts *Options) ([]Change, error) {
	var changes []Change
	for c, err := range Walk(ctx, src, from, to, opts.Paths) {
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	if !opts.Renames && !opts.Copies {
		return changes, nil
	}
	r := &renames{ctx: ctx, src: src, copies: opts.Copies, least: opts.least(), limit: opts.limit()}
	for i := range changes {
		if c := &changes[i]; c.Status != Added || opts.Only == "" || opts.Only == c.New.Path {
			r.add(i, c)
		}
	}
	if err := r.find(); err != nil {
		return nil, err
	}
	return r.apply(changes), nil
}

// A source is a file of the old tree that others may come from.
type source struct {
	File
	at   int // of its own change
	uses int // of the file: for what it still is, and for each target
}

// A target is a file that was added.
type target struct {
	File
	at    int
	from  *source // nil: none found
	score int
}

// Renames finds them.
type renames struct {
	ctx     context.Context
	src     Source
	copies  bool
	least   int // score
	limit   int
	sources []*source
	targets []*target
	spans   spanCache
}

func (r *renames) add(at int, c *Change) {
	switch {
	case c.Status == Added:
		r.targets = append(r.targets, &target{File: c.New, at: at})
	case c.Status == Deleted:
		r.sources = append(r.sources, &source{File: c.Old, at: at})
	case r.copies:
		r.sources = append(r.sources, &source{File: c.Old, at: at, uses: 1})
	}
}

func (r *renames) find() error {
	if len(r.sources) == 0 || len(r.targets) == 0 {
		return nil
	}
	r.findExact()
	if r.least >= MaxScore {
		return nil
	}
	if !r.copies {
		r.dropUsed()
		if err := r.findByName(); err != nil {
			return err
		}
		r.dropUsed()
	}
	open := r.open()
	if len(open) == 0 || len(r.sources) == 0 || r.limit > 0 && len(open)*len(r.sources) > r.limit*r.limit {
		return nil
	}
	return r.findSimilar(open)
}

// open returns the targets whose source is not known.
func (r *renames) open() []*target {
	var open []*target
	for _, t := range r.targets {
		if t.from == nil {
			open = append(open, t)
		}
	}
	return open
}

// dropUsed forgets the sources that are where they belong.
func (r *renames) dropUsed() {
	r.sources = slices.DeleteFunc(r.sources, func(s *source) bool { return s.uses > 0 })
}

func (r *renames) match(t *target, s *source, score int) {
	s.uses++
	t.from, t.score = s, score
}

const maxAlike = 100 // sources with the same content that are looked at for one target

// findExact finds files with the same content: of several, one that nothing came from yet, and of these one of the same
// name.
func (r *renames) findExact() {
	byHash := make(map[git.Hash][]*source, len(r.sources))
	for _, s := range r.sources {
		byHash[s.Hash] = append(byHash[s.Hash], s)
	}
	for _, t := range r.targets {
		alike := byHash[t.Hash]
		best, bestFit, looked := -1, -1, 0
		for i, s := range alike {
			if (!s.IsRegular() || !t.IsRegular()) && s.Mode != t.Mode {
				continue
			}
			fit := btoi(s.uses == 0) + btoi(baseName(s.Path) == baseName(t.Path))
			if fit > bestFit {
				best, bestFit = i, fit
			}
			if looked++; fit == 2 || looked == maxAlike {
				break
			}
		}
		if best < 0 {
			continue
		}
		s := alike[best]
		r.match(t, s, MaxScore)
		if !r.copies { // it is used up. Those before it are few, those behind it may be many
			copy(alike[1:best+1], alike[:best])
			byHash[t.Hash] = alike[1:]
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// findByName finds files that were moved to another directory, if no other source and no other target has their name.
// They must be more similar than others: as much above the least score as below the greatest.
func (r *renames) findByName() error {
	least := r.least + (MaxScore-r.least)/2
	open := r.open()
	from, to := map[string]int{}, map[string]*target{}
	for _, s := range r.sources {
		from[baseName(s.Path)]++
	}
	for _, t := range open {
		name := baseName(t.Path)
		if _, again := to[name]; again {
			t = nil
		}
		to[name] = t
	}
	for _, s := range r.sources {
		name := baseName(s.Path)
		t := to[name]
		if t == nil || from[name] > 1 {
			continue
		}
		score, err := r.similarity(&s.File, &t.File, least)
		if err != nil {
			return err
		}
		r.spans.drop(t.Hash)
		if score >= least {
			r.match(t, s, score)
		}
	}
	return nil
}

const perTarget = 4 // sources that are remembered for each target

// A candidate is a source that a target may come from.
type candidate struct {
	*target
	from     *source
	score    int
	sameName bool
}

// compare orders candidates, the best first.
func (c *candidate) compare(other *candidate) int {
	return cmp.Or(cmp.Compare(other.score, c.score), btoi(other.sameName)-btoi(c.sameName))
}

// findSimilar compares all open targets with all sources, and matches the most similar first.
func (r *renames) findSimilar(open []*target) error {
	var all []candidate
	for _, t := range open {
		var few []candidate
		for _, s := range r.sources {
			score, err := r.similarity(&s.File, &t.File, r.least)
			if err != nil {
				return err
			}
			few = remember(few, candidate{t, s, score, baseName(s.Path) == baseName(t.Path)})
		}
		r.spans.drop(t.Hash)
		all = append(all, few...)
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return a.compare(&b) })
	r.matchAll(all, false)
	if r.copies {
		r.matchAll(all, true)
	}
	return nil
}

// remember adds a candidate in the place of the worst of few, if there is no other place and it is better.
func remember(few []candidate, c candidate) []candidate {
	if len(few) < perTarget {
		return append(few, c)
	}
	worst := 0
	for i := range few {
		if few[i].compare(&few[worst]) > 0 {
			worst = i
		}
	}
	if few[worst].compare(&c) > 0 {
		few[worst] = c
	}
	return few
}

func (r *renames) matchAll(all []candidate, again bool) {
	for i := range all {
		c := &all[i]
		if c.score < r.least {
			return
		}
		if c.target.from == nil && (again || c.from.uses == 0) {
			r.match(c.target, c.from, c.score)
		}
	}
}

// apply returns the changes with what was found. Of several files that come from one which is gone, the last is the
// renamed one.
func (r *renames) apply(changes []Change) []Change {
	gone := map[int]bool{}
	for _, t := range r.targets {
		if t.from == nil {
			continue
		}
		from := t.from
		c := &changes[t.at]
		c.Old, c.Score, c.Status = from.File, t.score, Copied
		if from.uses--; from.uses == 0 {
			c.Status = Renamed
		}
		if changes[from.at].Status == Deleted {
			gone[from.at] = true
		}
	}
	if len(gone) == 0 {
		return changes
	}
	kept := changes[:0]
	for i, c := range changes {
		if !gone[i] {
			kept = append(kept, c)
		}
	}
	return kept
}
