// Package linemerge merges two texts that come from a common one, line by line, with the outcome of git: of
// git-merge-file, and of the content merges in git-merge. It stores nothing and knows nothing of trees.
package linemerge

import (
	"bytes"
	"context"

	"github.com/reposit/reposit/internal/linediff"
)

// A Style is a way to write a conflict (git's merge.conflictStyle).
type Style int

const (
	Merge  Style = iota // what the two sides have
	Diff3               // and the base between them, with all that each side changed there
	ZDiff3              // as Diff3, without the lines at the ends that both sides have
)

// A Favor decides conflicts.
type Favor int

const (
	None   Favor = iota // they are conflicts
	Ours                // as our side has it
	Theirs              // as their side has it
	Union               // our lines, then theirs
)

// MarkerSize is how many characters a conflict marker has, unless Options say more.
const MarkerSize = 7

// Options say how texts are merged. The zero value is git-merge-file's default, without labels.
type Options struct {
	Algorithm linediff.Algorithm // git-merge-file: Myers; git-merge: Histogram
	Style     Style
	Favor     Favor
	// Whole keeps conflicts apart between which there are more than three lines, as git-merge does. Otherwise they are
	// one if none of these lines has a letter or digit.
	Whole              bool
	Base, Ours, Theirs string // labels of the markers; "": none
	MarkerSize         int
}

// A Result is a merged text.
type Result struct {
	Content   []byte
	Conflicts int // written into Content between markers
}

// Run merges ours and theirs, which both come from base. What just one side changed is taken, and what both changed in
// the same way. Content may be one of the arguments.
//
// It returns ctx.Err() if ctx is done before. Time and memory are those of linediff.Diff. It panics if a text has more
// than linediff.MaxSize bytes.
func Run(ctx context.Context, base, ours, theirs []byte, opts *Options) (Result, error) {
	if opts == nil {
		opts = &Options{}
	}
	table := linediff.NewTable(linediff.Exact)
	m := merge{ctx: ctx, opts: opts, table: table, diff: linediff.Options{Algorithm: opts.Algorithm, NoIndent: true},
		base: table.Text(base), ours: table.Text(ours), theirs: table.Text(theirs)}
	byUs, err := m.compare(m.base, m.ours)
	if err != nil {
		return Result{}, err
	}
	byThem, err := m.compare(m.base, m.theirs)
	switch {
	case err != nil:
		return Result{}, err
	case len(byUs) == 0:
		return Result{Content: theirs}, nil
	case len(byThem) == 0:
		return Result{Content: ours}, nil
	}
	m.combine(byUs, byThem)
	if err := m.refine(); err != nil {
		return Result{}, err
	}
	return m.write(len(ours) + len(theirs)), nil
}

// A merge is one on its way.
type merge struct {
	ctx                context.Context
	opts               *Options
	diff               linediff.Options
	table              *linediff.Table
	base, ours, theirs *linediff.Text
	hunks              []hunk
}

// A hunk is a place where not all three texts are the same. Between two of them, they are.
type hunk struct {
	by                 side
	base, ours, theirs span
}

// A side says who changed a hunk, or from whom it is taken.
type side uint8

const (
	byUs side = 1 << iota
	byThem
	alike                    // both, in the same way
	byBoth   = byUs | byThem // to be taken one after the other
	conflict = side(0)       // both, and not alike
)

// A span is lines of one text, from at to before end.
type span struct{ at, end int }

func (s span) len() int { return s.end - s.at }

func (m *merge) compare(a, b *linediff.Text) ([]linediff.Change, error) {
	return linediff.Diff(m.ctx, a, b, &m.diff)
}

// combine makes hunks of the changes of both sides. Changes that touch each other are one hunk.
func (m *merge) combine(us, them []linediff.Change) {
	var ourShift, theirShift int // from a line of the base to the same one of a side, behind the changes so far
	for len(us) > 0 || len(them) > 0 {
		switch {
		case len(them) == 0 || len(us) > 0 && us[0].A+us[0].ALen < them[0].A:
			c := us[0]
			m.add(hunk{byUs, spanOf(c.A, c.ALen), spanOf(c.B, c.BLen), spanOf(c.A+theirShift, c.ALen)})
			us, ourShift = us[1:], shift(c)
		case len(us) == 0 || them[0].A+them[0].ALen < us[0].A:
			c := them[0]
			m.add(hunk{byThem, spanOf(c.A, c.ALen), spanOf(c.A+ourShift, c.ALen), spanOf(c.B, c.BLen)})
			them, theirShift = them[1:], shift(c)
		default:
			u, t := us[0], them[0]
			if !m.same(u, t) {
				m.add(both(u, t))
			}
			// The longer one may meet another change of the other side.
			if ourEnd, theirEnd := u.A+u.ALen, t.A+t.ALen; ourEnd <= theirEnd {
				us, ourShift = us[1:], shift(u)
				if ourEnd == theirEnd {
					them, theirShift = them[1:], shift(t)
				}
			} else {
				them, theirShift = them[1:], shift(t)
			}
		}
	}
}

func spanOf(at, n int) span { return span{at, at + n} }

func shift(c linediff.Change) int { return c.B + c.BLen - c.A - c.ALen }

// both returns the conflict of two changes that touch each other: each is extended to where the other one begins and
// ends.
func both(u, t linediff.Change) hunk {
	at, end := min(u.A, t.A), max(u.A+u.ALen, t.A+t.ALen)
	extend := func(c linediff.Change) span {
		return span{c.B - (c.A - at), c.B + c.BLen + end - (c.A + c.ALen)}
	}
	return hunk{conflict, span{at, end}, extend(u), extend(t)}
}

// same reports whether two changes put the same lines in the same place.
func (m *merge) same(u, t linediff.Change) bool {
	if u.A != t.A || u.ALen != t.ALen || u.BLen != t.BLen {
		return false
	}
	for i := range u.BLen {
		if m.ours.IDs[u.B+i] != m.theirs.IDs[t.B+i] {
			return false
		}
	}
	return true
}

// add adds a hunk, to the last one if they touch. What different sides did is a conflict then.
func (m *merge) add(h hunk) {
	if n := len(m.hunks); n > 0 {
		last := &m.hunks[n-1]
		if h.ours.at <= last.ours.end || h.theirs.at <= last.theirs.end {
			if h.by != last.by {
				last.by = conflict
			}
			last.base.end, last.ours.end, last.theirs.end = h.base.end, h.ours.end, h.theirs.end
			return
		}
	}
	m.hunks = append(m.hunks, h)
}

// refine makes conflicts as small as their style lets them be.
func (m *merge) refine() error {
	switch m.opts.Style {
	case Diff3:
		return nil
	case ZDiff3:
		for i := range m.hunks {
			if m.hunks[i].by == conflict {
				m.trim(&m.hunks[i])
			}
		}
		return nil
	}
	var refined []hunk
	for _, h := range m.hunks {
		if h.by != conflict || h.ours.len() == 0 || h.theirs.len() == 0 {
			refined = append(refined, h)
			continue
		}
		// What both sides have is no conflict.
		changes, err := m.compare(m.part(m.ours, h.ours), m.part(m.theirs, h.theirs))
		if err != nil {
			return err
		}
		if len(changes) == 0 {
			h.by = alike
			refined = append(refined, h)
		}
		for _, c := range changes {
			refined = append(refined, hunk{conflict, h.base, spanOf(h.ours.at+c.A, c.ALen), spanOf(h.theirs.at+c.B, c.BLen)})
		}
	}
	m.hunks = m.join(refined)
	return nil
}

func (m *merge) part(t *linediff.Text, s span) *linediff.Text {
	return m.table.Text(t.Lines(s.at, s.end))
}

// trim takes from a conflict the lines at its beginning and end that both sides have.
func (m *merge) trim(h *hunk) {
	equal := func(i, j int) bool { return m.ours.IDs[i] == m.theirs.IDs[j] }
	for h.ours.len() > 0 && h.theirs.len() > 0 && equal(h.ours.at, h.theirs.at) {
		h.ours.at++
		h.theirs.at++
	}
	for h.ours.len() > 0 && h.theirs.len() > 0 && equal(h.ours.end-1, h.theirs.end-1) {
		h.ours.end--
		h.theirs.end--
	}
}

// maxBetween is how many lines may lie between two conflicts that are shown as one: they would make it less readable,
// not more.
const maxBetween = 3

// join makes one of conflicts that are near each other.
func (m *merge) join(hunks []hunk) []hunk {
	joined := hunks[:0]
	for _, h := range hunks {
		if n := len(joined); n > 0 && h.by == conflict && joined[n-1].by == conflict {
			last := &joined[n-1]
			between := span{last.ours.end, h.ours.at}
			if between.len() <= maxBetween || !m.opts.Whole && !hasWord(m.ours.Lines(between.at, between.end)) {
				last.ours.end, last.theirs.end = h.ours.end, h.theirs.end
				continue
			}
		}
		joined = append(joined, h)
	}
	return joined
}

// hasWord reports whether there is an ASCII letter or digit in lines.
func hasWord(lines []byte) bool {
	return bytes.ContainsFunc(lines, func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	})
}
