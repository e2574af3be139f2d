// Package patch writes how files differ as git diff does, so that git apply takes it: headers, hunks, and the content
// of binary files.
package patch

import (
	"bytes"
	"context"
	"fmt"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linediff"
	"github.com/reposit/reposit/internal/treediff"
)

// Options say how a patch is made.
type Options struct {
	Context   int // lines around a change
	Algorithm linediff.Algorithm
	Space     linediff.Space
	StatOnly  bool // no text: only what is counted
	Words     bool // Result.Words are found
}

// Limits beyond which content is not compared by lines, but as if it were binary.
const (
	MaxSize  = treediff.MaxContent
	MaxLines = 2_000_000
)

// A Content is one side of a file: that of the zero File is empty.
type Content struct {
	Data   []byte
	Binary bool // it is not to be compared by lines; Data may be missing
}

// Text makes a Content of what a file holds: a binary one if git would say so, or if it is too large.
func Text(data []byte) Content {
	binary := len(data) > MaxSize || treediff.IsBinary(data) || linediff.CountLines(data) > MaxLines
	return Content{data, binary}
}

// Submodule returns the content by which git compares submodules.
func Submodule(commit git.Hash) Content {
	return Content{Data: fmt.Appendf(nil, "Subproject commit %s\n", commit)}
}

// A Result is one file's part of a patch.
type Result struct {
	Text                 []byte
	Additions, Deletions int // lines; 0 for binary content
	Binary               bool
	Words                []Span
}

// A Span is a part of a text: the bytes from Start to before End.
type Span struct{ Start, End int }

// Make writes how a file differs. Hashes are whole. Of binary content, it says only that it differs. What is no change,
// but for ignored white space, has no text.
func Make(ctx context.Context, c *treediff.Change, old, now Content, opts *Options) (*Result, error) {
	w := &writer{ctx: ctx, opts: opts, result: &Result{}}
	if c.Status != treediff.TypeChanged {
		return w.result, w.file(c, old, now)
	}
	gone := treediff.Change{Status: treediff.Deleted, Old: c.Old}
	made := treediff.Change{Status: treediff.Added, New: c.New}
	err := w.file(&gone, old, Content{})
	if err == nil {
		err = w.file(&made, Content{}, now)
	}
	return w.result, err
}

type writer struct {
	ctx    context.Context
	opts   *Options
	result *Result
}

func (w *writer) print(format string, args ...any) {
	if !w.opts.StatOnly {
		w.result.Text = fmt.Appendf(w.result.Text, format, args...)
	}
}

func (w *writer) file(c *treediff.Change, old, now Content) error {
	names := namesOf(c)
	header := Header(c)
	if names.alone {
		w.print("%s", header)
		header = nil
	}
	if c.Old.Hash == c.New.Hash {
		w.result.Binary = w.result.Binary || old.Binary || now.Binary
		return nil
	}
	if old.Binary || now.Binary {
		w.print("%sBinary files %s and %s differ\n", header, names.old, names.now)
		w.result.Binary = true
		return nil
	}
	a, b := old.Data, now.Data
	if w.opts.Context == 0 {
		a, b = linediff.TrimTail(a, b)
	}
	table := linediff.NewTable(w.opts.Space)
	t := texts{table.Text(a), table.Text(b)}
	changes, err := linediff.Diff(w.ctx, t.a, t.b, &linediff.Options{Algorithm: w.opts.Algorithm})
	if err != nil || len(changes) == 0 {
		return err
	}
	w.print("%s--- %s%s\n+++ %s%s\n", header, names.old, tab(names.old), names.now, tab(names.now))
	for _, c := range changes {
		w.result.Deletions += c.ALen
		w.result.Additions += c.BLen
	}
	if w.opts.StatOnly {
		return nil
	}
	return w.hunks(t, changes)
}

// tab returns what ends a name that has a space, for programs that expect a time behind it.
func tab(name string) string {
	if bytes.IndexByte([]byte(name), ' ') >= 0 {
		return "\t"
	}
	return ""
}

// Names are what a patch calls the two sides of a file.
type names struct {
	old, now string
	alone    bool // the header says something also without hunks
}

const nothing = "/dev/null"

func namesOf(c *treediff.Change) names {
	n := names{nothing, nothing, true}
	if c.Status != treediff.Added {
		n.old = Quote("a/", c.Old.Path)
	}
	if c.Status != treediff.Deleted {
		n.now = Quote("b/", c.New.Path)
	}
	if c.Status == treediff.Modified {
		n.alone = c.Old.Mode != c.New.Mode
	}
	return n
}

// Header returns the lines that stand before the hunks of a file, those with "---" and "+++" left out.
func Header(c *treediff.Change) []byte {
	old, now := c.Old.Path, c.New.Path
	var b []byte
	switch c.Status {
	case treediff.Added:
		old = now
	case treediff.Deleted:
		now = old
	}
	b = fmt.Appendf(b, "diff --git %s %s\n", Quote("a/", old), Quote("b/", now))
	switch {
	case c.Status == treediff.Added:
		b = fmt.Appendf(b, "new file mode %06o\n", c.New.Mode)
	case c.Status == treediff.Deleted:
		b = fmt.Appendf(b, "deleted file mode %06o\n", c.Old.Mode)
	case c.Old.Mode != c.New.Mode:
		b = fmt.Appendf(b, "old mode %06o\nnew mode %06o\n", c.Old.Mode, c.New.Mode)
	}
	switch c.Status {
	case treediff.Renamed, treediff.Copied:
		what := "rename"
		if c.Status == treediff.Copied {
			what = "copy"
		}
		b = fmt.Appendf(b, "similarity index %d%%\n%s from %s\n%s to %s\n",
			c.Percent(), what, Quote("", old), what, Quote("", now))
	}
	if c.Old.Hash != c.New.Hash {
		b = fmt.Appendf(b, "index %s..%s", c.Old.Hash, c.New.Hash)
		if c.Old.Mode == c.New.Mode {
			b = fmt.Appendf(b, " %06o", c.Old.Mode)
		}
		b = append(b, '\n')
	}
	return b
}

var escapes = [256]byte{'\a': 'a', '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', '"': '"',
	'\\': '\\'}

// Quote returns a prefix and a path as git prints them: in double quotes if there is a byte that must be escaped, as
// are all that are not ASCII (git's core.quotePath).
func Quote(prefix, path string) string {
	plain := true
	for i := 0; i < len(path) && plain; i++ {
		c := path[i]
		plain = c >= ' ' && c < 0x7f && escapes[c] == 0
	}
	if plain {
		return prefix + path
	}
	b := append([]byte{'"'}, prefix...)
	for i := range len(path) {
		switch c := path[i]; {
		case escapes[c] != 0:
			b = append(b, '\\', escapes[c])
		case c < ' ' || c >= 0x7f:
			b = fmt.Appendf(b, `\%03o`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
