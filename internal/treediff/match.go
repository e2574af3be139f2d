package treediff

import "context"

// A Matcher finds which of some files others come from, by the measure of Find, in steps between which the caller may
// decide for itself. Files are named by their place in the slices that NewMatcher got. It is for one goroutine.
type Matcher struct{ r renames }

// NewMatcher returns a Matcher that has matched nothing. Options.Renames and Paths do not count.
func NewMatcher(ctx context.Context, src Source, from, to []File, opts *Options) *Matcher {
	m := &Matcher{renames{ctx: ctx, src: src, copies: opts.Copies, least: opts.least(), limit: opts.limit()}}
	for i, f := range from {
		m.r.sources = append(m.r.sources, &source{File: f, at: i})
	}
	for i, f := range to {
		m.r.targets = append(m.r.targets, &target{File: f, at: i})
	}
	return m
}

// Exact matches files with the same content.
func (m *Matcher) Exact() { m.r.findExact() }

// Similarity returns how similar two files are, or 0 if that can't be as much as least.
func (m *Matcher) Similarity(from, to *File, least int) (int, error) {
	score, err := m.r.similarity(from, to, least)
	m.r.spans.drop(to.Hash)
	return score, err
}

// Match has a file come from another one. Neither may be matched yet.
func (m *Matcher) Match(from, to, score int) {
	for _, s := range m.r.sources {
		if s.at == from {
			m.r.match(m.r.targets[to], s, score)
			return
		}
	}
}

// Keep forgets the sources for which keep reports false, and those from which a file comes.
func (m *Matcher) Keep(keep func(from int) bool) {
	kept := m.r.sources[:0]
	for _, s := range m.r.sources {
		if s.uses == 0 && keep(s.at) {
			kept = append(kept, s)
		}
	}
	m.r.sources = kept
}

// Sources returns the sources that are left.
func (m *Matcher) Sources() []int {
	left := make([]int, len(m.r.sources))
	for i, s := range m.r.sources {
		left[i] = s.at
	}
	return left
}

// Similar matches what is left by similarity, the most similar first, unless there is too much to compare.
func (m *Matcher) Similar() error {
	open := m.r.open()
	if len(open) == 0 || len(m.r.sources) == 0 || m.r.limit > 0 && len(open)*len(m.r.sources) > m.r.limit*m.r.limit {
		return nil
	}
	return m.r.findSimilar(open)
}

// From returns the file that another one comes from, and how similar it is; ok is false if there is none.
func (m *Matcher) From(to int) (from, score int, ok bool) {
	t := m.r.targets[to]
	if t.from == nil {
		return 0, 0, false
	}
	return t.from.at, t.score, true
}
