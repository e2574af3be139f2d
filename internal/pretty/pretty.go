// Package pretty expands the placeholders of git-log ("PRETTY FORMATS" in git-log(1), git's pretty.c), as git log does
// for --format and git archive for export-subst.
//
// What is not the same: %(trailers) is left as it stands; %G? says E of every signed commit, since no signature is
// verified; reflogs (%g) and sources (%S) are as where there are none; colors are those of no terminal; relative
// dates and %ah are in UTC.
package pretty

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

// A Repository answers what is asked about the repository that a commit is in. All of it may be left out.
type Repository struct {
	// Abbrev returns the shortest text that names an object, of at least 7 digits; by default the first 7.
	Abbrev func(storage.Hash) string

	// Refs returns the refs that point to the commit, in git log's words and order: "HEAD -> main", "tag: v1", "side".
	// It is called once, and only where a format asks for them.
	Refs func() []string

	// Describe answers %(describe), given the options of git describe that it asks for. By default, nothing describes
	// the commit.
	Describe func(options []string) string

	// Mailmap returns the name and address to show for those in the commit; by default, the same.
	Mailmap func(name, mail string) (string, string)

	// Notes returns the commit's notes for %N, which is left as it stands without it, as git archive does.
	Notes func() string

	// Now is the time that relative dates start from; by default, the commit's.
	Now time.Time
}

// An Expander expands formats for one commit. It is for one goroutine.
type Expander struct {
	// Describes is how many more %(describe) are answered; the others are left as they stand. Git archive answers one in
	// all, as each may cost a walk through the history.
	Describes int

	// Work bounds, in all, the bytes that are looked at again for placeholders which act on what stands before them. A
	// format that asks for more is not expanded.
	Work int

	// Encode has what Append returns encoded as the commit is, where it has something of the commit's text, as git
	// archive does. Git log writes UTF-8.
	Encode bool

	commit   *Commit
	repo     *Repository
	subject  string // as one line
	fileName string // the subject's first line, fit for one
	body     string
	refs     *string // as soon as they were asked for

	// The state of one expansion.
	limit     int // length that the output may have
	overflow  bool
	decoded   bool   // the commit's text was asked for
	base      int    // how much of what was there before still stands
	cut       []byte // what stood there and was cut off
	pad       padding
	wrap      wrapping
	wrapStart int
}

// DefaultWork is an Expander's Work at first.
const DefaultWork = 64 << 20

// New returns an Expander for a commit, which answers every %(describe). The commit and the repository must not change
// as long as it is used.
func New(c *Commit, r *Repository) *Expander {
	x := &Expander{Describes: math.MaxInt, Work: DefaultWork, commit: c, repo: r}
	x.subject, x.fileName, x.body = splitMessage(c.message)
	return x
}

// Append appends what format stands for to dst, the end of which it may change, since some placeholders act on what
// stands before them. A NUL ends the format. It reports false and leaves dst as it was if dst would grow by more than
// limit bytes, or Work be exceeded.
func (x *Expander) Append(dst []byte, format string, limit int) ([]byte, bool) {
	x.limit, x.overflow, x.decoded = len(dst)+limit, false, false
	x.base, x.cut = len(dst), nil
	x.pad, x.wrap, x.wrapStart = padding{}, wrapping{}, len(dst)
	format, _, _ = strings.Cut(format, "\x00")
	for !x.overflow {
		text, rest, more := strings.Cut(format, "%")
		dst = x.add(dst, text)
		if !more {
			dst = x.rewrap(dst, wrapping{})
			break
		}
		if strings.HasPrefix(rest, "%") {
			dst, format = x.add(dst, "%"), rest[1:]
			continue
		}
		var n int
		if dst, n = x.item(dst, rest); n == 0 {
			dst = x.add(dst, "%")
		}
		format = rest[n:]
	}
	if x.overflow {
		return append(dst[:x.base], x.cut...), false
	}
	if x.Encode && x.decoded {
		dst = encode(dst, x.commit.encoding) // all that is there, as git does
	}
	return dst, true
}

// truncate cuts dst to n bytes, and remembers what it cuts of what was there before.
func (x *Expander) truncate(dst []byte, n int) []byte {
	if n < x.base {
		x.cut = append(bytes.Clone(dst[n:x.base]), x.cut...)
		x.base = n
	}
	return dst[:n]
}

// add appends s unless the output gets too long.
func (x *Expander) add(dst []byte, s string) []byte {
	if x.overflow = x.overflow || len(s) > x.limit-len(dst); x.overflow {
		return dst
	}
	return append(dst, s...)
}

// item appends one placeholder with the modifier before it, and returns its length, or 0 if there is none.
func (x *Expander) item(dst []byte, s string) ([]byte, int) {
	modifier := byte(0)
	if s != "" && strings.IndexByte("-+ ", s[0]) >= 0 {
		modifier = s[0]
		s = s[1:]
		if strings.HasPrefix(s, "w") {
			return dst, 0
		}
	}
	before := len(dst)
	n := 0
	if x.pad.flush != flushNone {
		dst, n = x.padded(dst, s)
	} else {
		dst, n = x.one(dst, s)
	}
	switch {
	case modifier == 0:
		return dst, n
	case modifier == '-' && len(dst) == before:
		dst = x.truncate(dst, len(bytes.TrimRight(dst, "\n")))
	case modifier == '+' && len(dst) != before:
		dst = x.insert(dst, before, "\n")
	case modifier == ' ' && len(dst) != before:
		dst = x.insert(dst, before, " ")
	}
	return dst, n + 1
}

func (x *Expander) insert(dst []byte, at int, s string) []byte {
	if at > len(dst) { // the placeholder took spaces from before it
		at = len(dst)
	}
	tail := string(dst[at:])
	return x.add(x.add(dst[:at], s), tail)
}

// one appends the placeholder that s begins with, and returns its length, or 0 if there is none.
func (x *Expander) one(dst []byte, s string) ([]byte, int) {
	if s == "" {
		return dst, 0
	}
	switch s[0] {
	case 'n':
		return x.add(dst, "\n"), 1
	case 'x':
		if len(s) >= 3 {
			if v, err := strconv.ParseUint(s[1:3], 16, 8); err == nil && s[1] != '+' {
				return x.add(dst, string([]byte{byte(v)})), 3
			}
		}
	case 'C':
		return x.color(dst, s)
	case 'w':
		return x.wrapAt(dst, s)
	case '<', '>':
		return dst, x.pad.parse(s)
	case '(':
		return x.describe(dst, s)
	}
	return x.field(dst, s)
}
