// Package grep finds lines of the files of a tree, as git grep does with a revision: in the order of the paths, without
// binary files, symlinks and submodules. It reads on all cores, a bounded number of files ahead, and only while
// somebody asks: between two calls of Next nothing of it runs.
package grep

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/treediff"
)

// A Source is what is read from. It must be safe for concurrent use. Its errors end the search.
type Source interface {
	Tree(ctx context.Context, h git.Hash) (*git.Tree, error)
	// Blob returns the content of a file, which must not be changed.
	Blob(ctx context.Context, h git.Hash) ([]byte, error)
	Size(ctx context.Context, h git.Hash) (int64, error)
}

// Options say what is looked for.
type Options struct {
	Pattern       *Pattern
	Paths         []string // as git's pathspecs, without "magic"; none: all files
	Before, After int      // lines around each match that come with it
	Limit         int      // of matches; 0: none
}

// A Match is a line that matches. Line and Column count from 1, Column in bytes.
type Match struct {
	Path          string
	Line, Column  int
	Text          string // without the newline
	Before, After []string
}

// ErrEnd says that there are no more matches.
var ErrEnd = errors.New("no more matches")

const (
	maxContent = treediff.MaxContent // larger files count as binary
	firstBatch = 8                   // files that are looked at ahead, at first
	maxBatch   = 512
	maxFound   = 1024 // lines of a file that are found ahead
)

// A Search is on its way through a tree. It is for one goroutine.
type Search struct {
	src     Source
	opts    Options
	walk    *walk
	batch   int
	files   []*file   // that matched, or are not read to their end
	buffers sync.Pool // of text in lower case
	left    int       // matches before the limit; negative: no limit
}

// A file is one that is looked at.
type file struct {
	dir, name string
	hash      git.Hash
	kind      kind
	err       error
	text      text
	buffer    *[]byte
	found     []match
	next      int // of found
	at        int // where to go on in the data
	line      int // the number of the line there, from 0
	counted   int // up to where lines are counted
	more      bool
}

// New returns a Search in the tree root. It returns ErrPath.
func New(src Source, root git.Hash, opts *Options) (*Search, error) {
	p, err := newPaths(opts.Paths)
	if err != nil {
		return nil, err
	}
	s := &Search{src: src, opts: *opts, walk: newWalk(src, root, p), batch: firstBatch, left: -1}
	if opts.Limit > 0 {
		s.left = opts.Limit
	}
	return s, nil
}

// Next returns the next match, or ErrEnd. With paused it returns an empty Match and no error once it has looked at a
// bounded number of files without one; the next call goes on.
func (s *Search) Next(ctx context.Context) (m Match, paused bool, err error) {
	if s.left == 0 {
		return Match{}, false, ErrEnd
	}
	if len(s.files) == 0 {
		if err := s.ahead(ctx); err != nil {
			return Match{}, false, err
		}
	}
	for len(s.files) > 0 {
		f := s.files[0]
		switch {
		case f.err != nil:
			return Match{}, false, f.err
		case f.next < len(f.found):
			m := s.match(f)
			s.left--
			return m, false, nil
		case f.more:
			if err := ctx.Err(); err != nil {
				return Match{}, false, err
			}
			s.find(f)
		default:
			s.drop(f)
			s.files[0] = nil
			s.files = s.files[1:]
		}
	}
	return Match{}, true, nil
}

// ahead looks at some files on all cores.
func (s *Search) ahead(ctx context.Context) error {
	files, err := s.walk.next(ctx, s.batch)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return ErrEnd
	}
	s.batch = min(2*s.batch, maxBatch)
	var taken atomic.Int64
	var group sync.WaitGroup
	work := func() {
		for {
			i := int(taken.Add(1)) - 1
			if i >= len(files) {
				return
			}
			if files[i].err = s.look(ctx, files[i]); files[i].err != nil {
				taken.Store(int64(len(files))) // the files before this one are taken
				return
			}
		}
	}
	for range min(runtime.GOMAXPROCS(0), len(files)) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	for _, f := range files {
		if f.err != nil || len(f.found) > 0 {
			s.files = append(s.files, f)
		}
		if f.err != nil {
			break
		}
	}
	return nil
}

// look finds the first matches of a file.
func (s *Search) look(ctx context.Context, f *file) error {
	if err := ctx.Err(); err != nil || f.kind == binary {
		return err
	}
	size, err := s.src.Size(ctx, f.hash)
	if err != nil || size > maxContent {
		return err
	}
	data, err := s.src.Blob(ctx, f.hash)
	if err != nil {
		return err
	}
	if f.buffer, _ = s.buffers.Get().(*[]byte); f.buffer == nil {
		f.buffer = new([]byte)
	}
	f.text.lower = *f.buffer
	s.opts.Pattern.fill(&f.text, data)
	*f.buffer = f.text.lower
	s.find(f)
	if len(f.found) > 0 && f.kind == unknown && treediff.IsBinary(data) {
		f.found, f.more = nil, false
	}
	if len(f.found) == 0 {
		s.drop(f)
	}
	return nil
}

// drop gives back what a file holds.
func (s *Search) drop(f *file) {
	s.buffers.Put(f.buffer)
	f.buffer, f.text = nil, text{}
}

// find finds the next matches of a file.
func (s *Search) find(f *file) {
	f.found, f.next, f.more = f.found[:0], 0, false
	for {
		m, ok := s.opts.Pattern.next(&f.text, f.at)
		if !ok {
			return
		}
		f.found = append(f.found, m)
		f.at = m.end + 1
		if len(f.found) == maxFound || len(f.found) == s.left {
			f.more = true
			return
		}
	}
}

// match makes a Match of the next one that was found.
func (s *Search) match(f *file) Match {
	m := f.found[f.next]
	f.next++
	data := f.text.data
	f.line += count(data[f.counted:m.begin])
	f.counted = m.begin
	return Match{
		Path: f.dir + f.name, Line: f.line + 1, Column: m.column + 1, Text: string(data[m.begin:m.end]),
		Before: before(data[:m.begin], s.opts.Before), After: after(data[min(m.end+1, len(data)):], s.opts.After),
	}
}

// before returns the last lines of data.
func before(data []byte, n int) []string {
	begin, lines := len(data), 0
	for lines < n && begin > 0 {
		begin = lastLine(data[:begin])
		lines++
	}
	return split(data[begin:], lines)
}

// after returns the first lines of data.
func after(data []byte, n int) []string {
	end, lines := 0, 0
	for lines < n && end < len(data) {
		end = firstEnd(data, end)
		lines++
	}
	return split(data[:end], lines)
}

// split returns the lines of data, of which there are n.
func split(data []byte, n int) []string {
	if n == 0 {
		return nil
	}
	lines := make([]string, 0, n)
	for line := range strings.Lines(string(data)) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}
