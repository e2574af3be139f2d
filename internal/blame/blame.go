// Package blame finds, for each line of a file, the commit that brought it, as git blame does: from the file's commit,
// lines are passed on to the parents that have them too, by the differences that git finds, through renames of the
// whole file and through merges. What no parent has is a commit's own.
//
// How a line goes does not depend on the others, nor on the order in which commits are looked at: it goes to the first
// parent that has it. The order, by date, has what goes different ways to a commit arrive there together.
package blame

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/treediff"
)

// A Source is what is read from. Its errors end the search.
type Source interface {
	Node(ctx context.Context, h git.Hash) (history.Node, error)
	Tree(ctx context.Context, h git.Hash) (*git.Tree, error)
	// Blob returns the content of a file, which must not be changed.
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
	Size(ctx context.Context, h git.Hash) (int64, error)
	// Filter is that of history.Source.
	Filter(path string) func(commit git.Hash) bool
}

// A File is a file, or a symlink, of a commit.
type File struct {
	Commit git.Hash
	Path   string
	Mode   git.Mode
	Hash   git.Hash
}

// Options say what is asked for.
type Options struct {
	From, To int // lines, from 0 and before To; both 0: all
	// Ignore are commits that bring nothing: their lines go to what they most likely were in a parent, as with git
	// blame --ignore-rev. Lines that were nothing in any parent stay.
	Ignore map[git.Hash]bool
}

// A Hunk is lines of a file that came, in a row, from one place. Lines count from 0.
type Hunk struct {
	Line, Len int
	Commit    git.Hash
	Path      string // what the file was called in Commit
	At        int    // where Line was in that file
}

// MaxContent is how many bytes a version of the file may have.
const MaxContent = treediff.MaxContent

// ErrTooLarge says that a version of a file has more than MaxContent bytes.
var ErrTooLarge = fault.New(fault.TooLarge, "too large: a version of the file has more than 64 MiB")

// Find returns where the lines of a file came from, in their order.
//
// Each commit on the way costs a look at the trees on the path, as far as they differ from those of its child, one
// that changed the file a comparison with what it was, and one that made it a look at all that it changed. What is
// found is not looked for any further, so a range of lines costs less. Memory is that of some versions of the file, and
// what is known of the commits that lines wait at. It returns ErrTooLarge.
func Find(ctx context.Context, src Source, file File, opts *Options) ([]Hunk, error) {
	b := &blame{
		ctx: ctx, src: src, ignore: opts.Ignore, commits: map[git.Hash]*commit{}, filters: map[string]func(git.Hash) bool{},
		texts: newTexts(ctx, src),
	}
	c, err := b.commit(file.Commit)
	if err != nil {
		return nil, err
	}
	o := c.origin(file.Path)
	o.entry = entry{file.Mode, file.Hash}
	from, to := opts.From, opts.To
	if from == 0 && to == 0 {
		text, err := b.texts.text(file.Hash, nil)
		if err != nil {
			return nil, err
		}
		to = text.Len()
	}
	if from < to {
		b.queueLines(o, []lines{{from, from, to - from}})
	}
	for len(b.queue.all) > 0 {
		if err := b.settle(b.queue.pop()); err != nil {
			return nil, err
		}
	}
	return joined(b.found), nil
}

// blame is a search on its way.
type blame struct {
	ctx     context.Context
	src     Source
	ignore  map[git.Hash]bool
	commits map[git.Hash]*commit // that lines wait at
	queue   queue
	filters map[string]func(git.Hash) bool
	texts   *texts
	found   []Hunk
}

// Lines of the file that is asked about, and where they are in an origin.
type lines struct{ line, at, n int }

// An origin is a file of a commit, and the lines that may come from there.
type origin struct {
	commit *commit
	path   string
	entry
	trail    []git.Hash // the trees on the path, the root first; nil: not looked at
	suspects []lines    // by where they are in the origin; they may overlap
}

// An entry is what a tree has at a path.
type entry struct {
	mode git.Mode
	hash git.Hash
}

// queueLines adds lines, by where they are in the origin, to those that may come from there.
func (b *blame) queueLines(o *origin, more []lines) {
	if len(more) == 0 {
		return
	}
	o.suspects = merge(o.suspects, more)
	if !o.commit.queued {
		o.commit.queued = true
		b.queue.push(o.commit)
	}
}

// merge returns all of two ordered series, in order.
func merge(a, b []lines) []lines {
	if len(a) == 0 {
		return b
	}
	if a[len(a)-1].at <= b[0].at {
		return append(a, b...)
	}
	all := make([]lines, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].at <= b[0].at {
			all, a = append(all, a[0]), a[1:]
		} else {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// settle passes the lines that wait at a commit on to its parents, and keeps what is its own.
func (b *blame) settle(c *commit) error {
	c.queued = false
	for i := 0; i < len(c.origins); i++ {
		o := c.origins[i]
		if len(o.suspects) == 0 {
			continue
		}
		if err := b.ctx.Err(); err != nil {
			return err
		}
		if err := b.pass(o); err != nil {
			return err
		}
		for _, l := range o.suspects {
			b.found = append(b.found, Hunk{l.line, l.n, c.hash, o.path, l.at})
		}
		o.suspects = nil
	}
	delete(b.commits, c.hash)
	for _, h := range c.node.Parents { // those that nothing was passed to
		if p := b.commits[h]; p != nil && !p.queued {
			delete(b.commits, h)
		}
	}
	return nil
}

// pass passes the lines of an origin on to the parents that have them.
func (b *blame) pass(o *origin) error {
	parents, whole, err := b.parents(o)
	if err != nil {
		return err
	}
	if whole != nil {
		b.queueLines(whole, o.suspects)
		o.suspects = nil
		return nil
	}
	for _, p := range parents {
		if err := b.passSome(o, p, false); err != nil || len(o.suspects) == 0 {
			return err
		}
	}
	if b.ignore[o.commit.hash] {
		for _, p := range parents {
			if err := b.passSome(o, p, true); err != nil || len(o.suspects) == 0 {
				return err
			}
		}
	}
	return nil
}

// passSome passes what did not change since a parent on to that, or with guess what changed, too, by what it most
// likely was.
func (b *blame) passSome(o, p *origin, guess bool) error {
	is, err := b.texts.text(o.hash, nil)
	if err != nil {
		return err
	}
	was, err := b.texts.text(p.hash, is)
	if err != nil {
		return err
	}
	if is, err = b.texts.text(o.hash, was); err != nil { // the table may be a new one
		return err
	}
	x, y := linediff.TrimTailLines(was, is)
	changes, err := linediff.Diff(b.ctx, x, y, nil)
	if err != nil {
		return err
	}
	s := &split{changes: changes}
	if guess {
		if s.guesses, err = guesses(b.ctx, was, is, changes); err != nil {
			return err
		}
	}
	passed, kept := s.split(o.suspects)
	o.suspects = kept
	b.queueLines(p, passed)
	return nil
}

// A split divides lines by how a file changed.
type split struct {
	changes      []linediff.Change
	guesses      [][]int // for each change and line of it, where that was, or -1; nil: nowhere
	passed, kept []lines
}

// split returns which lines a parent has, by where they are there, and the rest.
func (s *split) split(all []lines) (passed, kept []lines) {
	first := 0 // change that any of the lines that follow may be in
	for _, l := range all {
		for first < len(s.changes) && s.end(first) <= l.at {
			first++
		}
		for i := first; l.n > 0; i++ {
			offset := 0
			if i > 0 {
				c := &s.changes[i-1]
				offset = c.A + c.ALen - c.B - c.BLen
			}
			before := l.n
			if i < len(s.changes) {
				before = min(l.n, max(s.changes[i].B-l.at, 0))
			}
			s.passed = add(s.passed, lines{l.line, l.at + offset, before})
			l = l.behind(before)
			if i < len(s.changes) {
				within := min(l.n, s.end(i)-l.at)
				s.within(i, lines{l.line, l.at, within})
				l = l.behind(within)
			}
		}
	}
	return inOrder(s.passed), inOrder(s.kept)
}

// end returns where a change ends.
func (s *split) end(i int) int { return s.changes[i].B + s.changes[i].BLen }

// within divides lines of one change.
func (s *split) within(i int, l lines) {
	if s.guesses == nil {
		s.kept = add(s.kept, l)
		return
	}
	for ; l.n > 0; l = l.behind(1) {
		one := lines{l.line, l.at, 1}
		if was := s.guesses[i][l.at-s.changes[i].B]; was >= 0 {
			one.at = was
			s.passed = add(s.passed, one)
		} else {
			s.kept = add(s.kept, one)
		}
	}
}

// inOrder sorts lines, which are out of order if some overlapped.
func inOrder(all []lines) []lines {
	if !slices.IsSortedFunc(all, byPlace) {
		slices.SortStableFunc(all, byPlace)
	}
	return all
}

// behind returns the lines without the first n of them.
func (l lines) behind(n int) lines { return lines{l.line + n, l.at + n, l.n - n} }

// add appends lines, joined with the last ones if they follow these, unless there are none.
func add(all []lines, l lines) []lines {
	if l.n == 0 {
		return all
	}
	if n := len(all); n > 0 {
		if last := &all[n-1]; last.line+last.n == l.line && last.at+last.n == l.at {
			last.n += l.n
			return all
		}
	}
	return append(all, l)
}

func byPlace(a, b lines) int { return cmp.Compare(a.at, b.at) }

// joined returns the hunks in the order of their lines, those that follow each other as one.
func joined(all []Hunk) []Hunk {
	slices.SortFunc(all, func(a, b Hunk) int { return cmp.Compare(a.Line, b.Line) })
	out := all[:0]
	for _, h := range all {
		if n := len(out); n > 0 {
			last := &out[n-1]
			if last.Commit == h.Commit && last.At+last.Len == h.At && strings.Compare(last.Path, h.Path) == 0 {
				last.Len += h.Len
				continue
			}
		}
		out = append(out, h)
	}
	return out
}
