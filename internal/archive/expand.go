package archive

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/reposit/reposit/internal/git"
)

// An expander expands the pretty formats of git-log for one commit, the way git archive does. It is for one
// goroutine.
type expander struct {
	commit        *commit
	subst         *Subst
	subject       string // as one line
	fileName      string // the subject's first line, fit for one
	body          string
	refs          *string // as soon as they were asked for
	describesLeft int
	work          int // bytes that may still be looked at again in this file

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

// newExpander returns nil without a commit, as there is nothing to expand then.
func newExpander(c *commit, s *Subst) *expander {
	if c == nil {
		return nil
	}
	x := &expander{commit: c, subst: s, describesLeft: 1}
	message := skipBlankLines(c.message)
	x.subject, x.fileName = joinLines(message), sanitize(message)
	for message != "" {
		line, rest, _ := strings.Cut(message, "\n")
		message = rest
		if strings.TrimRight(line, blank) == "" {
			break
		}
	}
	x.body = skipBlankLines(message)
	return x
}

// expand appends what format stands for to dst, the end of which it may change. It reports false and leaves dst as it
// was if the output would grow by more than limit bytes.
func (x *expander) expand(dst []byte, format string, limit int) ([]byte, bool) {
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
	if x.decoded && parseEncoding(x.commit.encoding) == latin1 {
		dst = encode(dst, latin1) // all that is there, as git does
	}
	return dst, true
}

// truncate cuts dst to n bytes, and remembers what it cuts of what was there before.
func (x *expander) truncate(dst []byte, n int) []byte {
	if n < x.base {
		x.cut = append(bytes.Clone(dst[n:x.base]), x.cut...)
		x.base = n
	}
	return dst[:n]
}

// add appends s unless the output gets too long.
func (x *expander) add(dst []byte, s string) []byte {
	if x.overflow = x.overflow || len(s) > x.limit-len(dst); x.overflow {
		return dst
	}
	return append(dst, s...)
}

// item appends one placeholder with the modifier before it, and returns its length, or 0 if there is none.
func (x *expander) item(dst []byte, s string) ([]byte, int) {
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

func (x *expander) insert(dst []byte, at int, s string) []byte {
	if at > len(dst) { // the placeholder took spaces from before it
		at = len(dst)
	}
	tail := string(dst[at:])
	return x.add(x.add(dst[:at], s), tail)
}

// one appends the placeholder that s begins with, and returns its length, or 0 if there is none.
func (x *expander) one(dst []byte, s string) ([]byte, int) {
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

// field appends a placeholder for something of the commit.
func (x *expander) field(dst []byte, s string) ([]byte, int) {
	c := x.commit
	switch s[0] {
	case 'H':
		return x.add(dst, c.hash.String()), 1
	case 'h':
		return x.add(dst, x.abbrev(c.hash.String())), 1
	case 'T':
		return x.add(dst, c.tree), 1
	case 't':
		return x.add(dst, x.abbrev(c.tree)), 1
	case 'P':
		return x.add(dst, strings.Join(c.parents, " ")), 1
	case 'p':
		for i, p := range c.parents {
			if i > 0 {
				dst = x.add(dst, " ")
			}
			dst = x.add(dst, x.abbrev(p))
		}
		return dst, 1
	case 'm':
		return x.add(dst, ">"), 1
	case 'd':
		if refs := x.decoration(); refs != "" {
			dst = x.add(dst, " ("+refs+")")
		}
		return dst, 1
	case 'D':
		return x.add(dst, x.decoration()), 1
	case 'g':
		if len(s) > 1 && strings.IndexByte("dDsnNeE", s[1]) >= 0 {
			return dst, 2 // there is no reflog to tell of
		}
		return dst, 0
	case 'G':
		return x.signature(dst, s)
	case 'N', 'S':
		return dst, 0 // git archive has no notes, and no source
	}
	return x.text(dst, s)
}

// text appends a placeholder for something that the commit's text says.
func (x *expander) text(dst []byte, s string) ([]byte, int) {
	c := x.commit
	x.decoded = true
	switch s[0] {
	case 'a':
		return x.person(dst, c.author, s)
	case 'c':
		return x.person(dst, c.committer, s)
	case 'e':
		return x.add(dst, c.encoding), 1
	case 'B':
		return x.add(dst, c.message), 1
	case 's':
		return x.add(dst, x.subject), 1
	case 'f':
		return x.add(dst, x.fileName), 1
	case 'b':
		return x.add(dst, x.body), 1
	}
	return dst, 0
}

// decoration returns the refs that point to the commit.
func (x *expander) decoration() string {
	if x.refs == nil {
		refs := ""
		if x.subst.Refs != nil {
			refs = strings.Join(x.subst.Refs(), ", ")
		}
		x.refs = &refs
	}
	return *x.refs
}

func (x *expander) abbrev(hash string) string {
	h, ok := git.ParseHash(hash)
	if ok && x.subst.Abbrev != nil {
		return x.subst.Abbrev(h)
	}
	return hash[:min(7, len(hash))]
}

// person appends the part of an author or committer that is asked for.
func (x *expander) person(dst []byte, p person, s string) ([]byte, int) {
	if len(s) < 2 {
		return dst, 0
	}
	if p.valid {
		if x.subst.Mailmap != nil && strings.IndexByte("NEL", s[1]) >= 0 {
			p.name, p.mail = x.subst.Mailmap(p.name, p.mail)
		}
		switch s[1] {
		case 'n', 'N':
			return x.add(dst, p.name), 2
		case 'e', 'E':
			return x.add(dst, p.mail), 2
		case 'l', 'L':
			return x.add(dst, p.local()), 2
		}
	}
	if p.date != "" {
		switch style := dateStyle(s[1]); style {
		case 't':
			return x.add(dst, p.date), 2
		case dateNormal, dateRFC2822, dateRelative, dateISO, dateISOStrict, dateHuman, dateShort:
			now := x.subst.Now
			if now.IsZero() {
				now = person{date: strconv.FormatUint(x.commit.when, 10)}.stamp().Time
			}
			return x.add(dst, p.stamp().format(style, now)), 2
		}
	}
	if strings.IndexByte("netdDri", s[1]) >= 0 {
		return dst, 2
	}
	return dst, 0
}

// signature appends what is known of the commit's signature without verifying it.
func (x *expander) signature(dst []byte, s string) ([]byte, int) {
	if len(s) < 2 {
		return dst, 0
	}
	switch s[1] {
	case '?':
		if x.commit.signed {
			return x.add(dst, "E"), 2
		}
		return x.add(dst, "N"), 2
	case 'T':
		return x.add(dst, "undefined"), 2
	case 'G', 'S', 'K', 'F', 'P':
		return dst, 2
	}
	return dst, 0
}

// describe appends the answer to %(describe...).
func (x *expander) describe(dst []byte, s string) ([]byte, int) {
	rest, ok := strings.CutPrefix(s, "(describe")
	if !ok || x.describesLeft == 0 {
		return dst, 0
	}
	x.describesLeft--
	var options []string
	if after, ok := strings.CutPrefix(rest, ":"); ok {
		options, rest = describeOptions(after)
	}
	if !strings.HasPrefix(rest, ")") {
		return dst, 0
	}
	if x.subst.Describe != nil {
		dst = x.add(dst, strings.TrimRight(x.subst.Describe(options), blank))
	}
	return dst, len(s) - len(rest) + 1
}

// describeOptions reads "name[=value],..." up to what is none, or an option that is used wrongly.
func describeOptions(s string) (options []string, rest string) {
	for {
		end := strings.IndexAny(s, ",)")
		if end < 0 {
			return options, s
		}
		name, value, hasValue := strings.Cut(s[:end], "=")
		var option string
		switch name {
		case "tags":
			on, ok := parseBool(value)
			if !hasValue {
				on, ok = true, true
			}
			if !ok {
				return options, s
			}
			option = "--no-tags"
			if on {
				option = "--tags"
			}
		case "abbrev", "exclude", "match":
			if _, err := strconv.Atoi(value); value == "" || name == "abbrev" && err != nil {
				return options, s
			}
			option = "--" + name + "=" + value
		default:
			return options, s
		}
		options = append(options, option)
		if s[end] == ')' {
			return options, s[end:]
		}
		s = s[end+1:]
	}
}

func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0", "":
		return false, true
	}
	return false, false
}

func skipBlankLines(s string) string {
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		if strings.TrimRight(line, blank) != "" {
			break
		}
		s = rest
	}
	return s
}

// joinLines returns the lines up to the first blank one, without space at their ends, as one line.
func joinLines(s string) string {
	var lines []string
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		line = strings.TrimRight(line, blank)
		if line == "" {
			break
		}
		lines = append(lines, line)
		s = rest
	}
	return strings.Join(lines, " ")
}

// sanitize makes the first line of s fit to be part of a file's name.
func sanitize(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	var b strings.Builder
	gap := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_':
		default:
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(c)
		for c == '.' && i+1 < len(s) && s[i+1] == '.' {
			i++
		}
	}
	return strings.TrimRight(b.String(), ".-")
}
