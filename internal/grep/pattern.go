package grep

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/reposit/reposit/internal/fault"
)

// A Pattern is what lines are looked for by. It is safe for concurrent use.
type Pattern struct {
	text []byte         // what a line has, as it is; nil if expr says it
	expr *regexp.Regexp // never matches a newline; "^" and "$" are ends of lines
	rest *regexp.Regexp // expr for what follows the beginning of a line
	word bool
	need []byte // a text that each line has which matches; nil: none is known
	fold bool   // need is in lower case, and the line may have it in either
}

const maxPattern = 1024 // bytes

// Errors of Compile.
var (
	ErrPattern = fault.New(fault.Invalid, "malformed pattern")
	ErrLong    = fault.New(fault.TooLarge, "too large: a pattern of more than 1 KiB")
)

// PatternOptions say how a pattern is read.
type PatternOptions struct {
	Fixed      bool // it is a text, not a regular expression (RE2)
	IgnoreCase bool
	Word       bool // a match begins and ends at the ends of words, as with git grep -w
}

// Compile reads a pattern.
func Compile(pattern string, o PatternOptions) (*Pattern, error) {
	switch {
	case len(pattern) > maxPattern:
		return nil, ErrLong
	case o.Fixed && strings.Contains(pattern, "\n"):
		return nil, fmt.Errorf("%w: a line has no newline", ErrPattern)
	case o.Fixed && !o.IgnoreCase:
		return &Pattern{text: []byte(pattern), need: []byte(pattern), word: o.Word}, nil
	case o.Fixed:
		pattern = regexp.QuoteMeta(pattern)
	}
	flags := syntax.Perl
	if o.IgnoreCase {
		flags |= syntax.FoldCase
	}
	tree, err := syntax.Parse(pattern, flags)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPattern, err)
	}
	inLines(tree)
	if tree.Op == syntax.OpLiteral && tree.Flags&syntax.FoldCase == 0 {
		text := []byte(string(tree.Rune))
		return &Pattern{text: text, need: text, word: o.Word}, nil
	}
	p := &Pattern{word: o.Word}
	p.need, p.fold = needed(tree)
	if p.expr, err = compile(tree, o.Word); err != nil {
		return nil, err
	}
	if o.Word {
		notAtBegin(tree)
		p.rest, err = compile(tree, true)
	}
	return p, err
}

// compile makes an expression of a tree, which finds the longest of the matches that begin first, as git does, or the
// one that is preferred.
func compile(tree *syntax.Regexp, longest bool) (*regexp.Regexp, error) {
	expr, err := regexp.Compile(tree.String())
	if err != nil { // what was parsed can become too large where it is repeated
		return nil, fmt.Errorf("%w: %w", ErrPattern, err)
	}
	if longest {
		expr.Longest()
	}
	return expr, nil
}

// inLines has an expression match within one line of a text as it would match that line alone.
func inLines(tree *syntax.Regexp) {
	switch tree.Op {
	case syntax.OpBeginText:
		tree.Op = syntax.OpBeginLine
	case syntax.OpEndText:
		tree.Op, tree.Flags = syntax.OpEndLine, tree.Flags&^syntax.WasDollar
	case syntax.OpAnyChar:
		tree.Op = syntax.OpAnyCharNotNL
	case syntax.OpLiteral:
		for _, r := range tree.Rune {
			if r == '\n' {
				*tree = syntax.Regexp{Op: syntax.OpNoMatch}
				return
			}
		}
	case syntax.OpCharClass:
		withoutNewline(tree)
	}
	for _, sub := range tree.Sub {
		inLines(sub)
	}
}

// withoutNewline takes the newline out of a class of characters.
func withoutNewline(tree *syntax.Regexp) {
	var ranges []rune
	for i := 0; i < len(tree.Rune); i += 2 {
		lo, hi := tree.Rune[i], tree.Rune[i+1]
		if lo > '\n' || hi < '\n' {
			ranges = append(ranges, lo, hi)
			continue
		}
		if lo < '\n' {
			ranges = append(ranges, lo, '\n'-1)
		}
		if hi > '\n' {
			ranges = append(ranges, '\n'+1, hi)
		}
	}
	if tree.Rune = ranges; len(ranges) == 0 {
		*tree = syntax.Regexp{Op: syntax.OpNoMatch}
	}
}

// notAtBegin has no beginning of a line match.
func notAtBegin(tree *syntax.Regexp) {
	if tree.Op == syntax.OpBeginLine {
		*tree = syntax.Regexp{Op: syntax.OpNoMatch}
	}
	for _, sub := range tree.Sub {
		notAtBegin(sub)
	}
}

// needed returns the longest text that whatever matches has, in lower case if it may be in either, or nil.
func needed(tree *syntax.Regexp) (text []byte, fold bool) {
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase != 0 {
			return longestFolded(tree.Rune), true
		}
		return []byte(string(tree.Rune)), false
	case syntax.OpCapture, syntax.OpPlus:
		return needed(tree.Sub[0])
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return needed(tree.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			if t, f := needed(sub); len(t) > len(text) {
				text, fold = t, f
			}
		}
	}
	return text, fold
}

// longestFolded returns, in lower case, the longest part of a text that is in either case nothing but ASCII: K and S
// have further forms.
func longestFolded(runes []rune) []byte {
	var longest, now []byte
	for _, r := range runes {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		if r >= 0x80 || r == 'k' || r == 's' {
			now = nil
			continue
		}
		if now = append(now, byte(r)); len(now) > len(longest) {
			longest = bytes.Clone(now)
		}
	}
	return longest
}

// A match is a line that has what is looked for: where it is in the data, without its newline, and where in the line
// the first match begins.
type match struct{ begin, end, column int }

// text is data in which lines are looked for.
type text struct {
	data  []byte
	lower []byte // data in lower case, where that is asked for
}

// fill makes text of data, with memory that it used before.
func (p *Pattern) fill(t *text, data []byte) {
	t.data = data
	if t.lower = t.lower[:0]; !p.fold || len(p.need) == 0 {
		return
	}
	if cap(t.lower) < len(data) {
		t.lower = make([]byte, 0, len(data)+len(data)/4)
	}
	t.lower = t.lower[:len(data)]
	for i, c := range data {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		t.lower[i] = c
	}
}

// next returns the first line that matches, of those that begin at a place or behind it.
func (p *Pattern) next(t *text, from int) (match, bool) {
	if len(p.need) == 0 {
		return p.scan(t.data, from)
	}
	in := t.data
	if p.fold {
		in = t.lower
	}
	for from < len(in) {
		at := bytes.Index(in[from:], p.need)
		if at < 0 {
			return match{}, false
		}
		at += from
		m := lineAround(t.data, from, at)
		if p.text != nil && !p.word {
			m.column = at - m.begin
			return m, true
		}
		if m.column = p.inLine(t.data[m.begin:m.end]); m.column >= 0 {
			return m, true
		}
		from = m.end + 1
	}
	return match{}, false
}

// lineAround returns the line that has a place, where a line begins at from.
func lineAround(data []byte, from, at int) match {
	m := match{begin: from + bytes.LastIndexByte(data[from:at], '\n') + 1, end: len(data)}
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		m.end = at + i
	}
	return m
}

// chunk is how many bytes an expression is asked about at once: it is fastest for small texts.
const chunk = 2 << 10

// scan is next where all lines have to be looked at.
func (p *Pattern) scan(data []byte, from int) (match, bool) {
	for from < len(data) {
		if p.word || p.text != nil {
			m := lineAround(data, from, from)
			if m.column = p.inLine(data[m.begin:m.end]); m.column >= 0 {
				return m, true
			}
			from = m.end + 1
			continue
		}
		end := min(from+chunk, len(data))
		if i := bytes.IndexByte(data[end:], '\n'); i >= 0 && data[end-1] != '\n' {
			end += i
		} else if i < 0 {
			end = len(data)
		}
		if data[end-1] == '\n' {
			end--
		}
		if found := p.expr.FindIndex(data[from:end]); found != nil {
			m := lineAround(data, from, from+found[0])
			m.column = from + found[0] - m.begin
			return m, true
		}
		if from = end; from < len(data) && data[from] == '\n' {
			from++
		}
	}
	return match{}, false
}

// inLine returns where in a line the first match begins, or -1.
func (p *Pattern) inLine(line []byte) int {
	begin, end := p.find(line, 0)
	if !p.word {
		return begin
	}
	// A match that is not of whole words is none. The next one may begin at the next word, within the first one (git's
	// grep.c, headerless_match_one_pattern).
	for begin >= 0 {
		if begin < end && (begin == 0 || !isWord(line[begin-1])) && (end == len(line) || !isWord(line[end])) {
			return begin
		}
		from := begin + 1
		for from < len(line) && isWord(line[from-1]) {
			from++
		}
		if from >= len(line) {
			return -1
		}
		begin, end = p.find(line, from)
	}
	return -1
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// find returns where the first match of a line is that begins at a place or behind it, or -1. Unless that is 0, no word
// goes on there.
func (p *Pattern) find(line []byte, from int) (begin, end int) {
	if p.text != nil {
		if i := bytes.Index(line[from:], p.text); i >= 0 {
			return from + i, from + i + len(p.text)
		}
		return -1, -1
	}
	expr := p.expr
	if from > 0 {
		expr = p.rest
	}
	found := expr.FindIndex(line[from:])
	if found == nil {
		return -1, -1
	}
	return from + found[0], from + found[1]
}
