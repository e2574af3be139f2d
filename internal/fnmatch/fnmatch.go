// Package fnmatch matches slash-separated names with patterns as Ruby's File.fnmatch does with FNM_PATHNAME and
// FNM_DOTMATCH (docs.ruby-lang.org, "File.fnmatch"), which is what GitHub matches names of branches with
// (docs.github.com, "Managing a branch protection rule"). Package wildmatch has git's own patterns.
//
//	?        one character but "/"
//	*        any number of characters but "/"
//	[a-z]    one character of a set, [!a-z] and [^a-z] one that is not in it
//	\x       the character x
//	**       as a whole component: any number of components; as the last one, at least one
package fnmatch

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// ErrMalformed says that a pattern has a bracket that nothing closes, or nothing behind a backslash.
var ErrMalformed = errors.New("malformed pattern")

// Special are the characters that stand for something else than themselves.
const Special = `*?[\`

// Match reports whether the pattern matches the whole of text. A malformed bracket matches nothing. Its time is at most
// proportional to the product of the lengths of both, and it allocates nothing.
func Match(pattern, text string) bool {
	p, t := 0, 0
	wildP, wildT := -1, 0 // where to go on if what follows the last "**" does not match
	for t <= len(text) {
		if p <= len(pattern) {
			end := componentEnd(pattern, p)
			if pattern[p:end] == "**" {
				if end == len(pattern) {
					return true
				}
				p = end + 1
				wildP, wildT = p, t
				continue
			}
			if last := componentEnd(text, t); matchComponent(pattern[p:end], text[t:last]) {
				p, t = end+1, last+1
				continue
			}
		}
		if wildP < 0 {
			return false
		}
		wildT = componentEnd(text, wildT) + 1
		p, t = wildP, wildT
	}
	return p > len(pattern)
}

// componentEnd returns where the component of s that begins at at ends.
func componentEnd(s string, at int) int {
	if i := strings.IndexByte(s[at:], '/'); i >= 0 {
		return at + i
	}
	return len(s)
}

func matchComponent(pattern, text string) bool {
	p, t := 0, 0
	starP, starT := -1, 0
	for t < len(text) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				p++
				starP, starT = p, t
				continue
			}
			if n, size := matchOne(pattern[p:], text[t:]); size > 0 {
				p, t = p+n, t+size
				continue
			}
		}
		if starP < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(text[starT:])
		starT += size
		p, t = starP, starT
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches the first item of pattern, which is no star, with the beginning of text, which is not empty. It
// returns the lengths of both, or a size of 0 for no match.
func matchOne(pattern, text string) (n, size int) {
	switch pattern[0] {
	case '?':
		_, size = utf8.DecodeRuneInString(text)
		return 1, size
	case '[':
		c, size := utf8.DecodeRuneInString(text)
		if end, in := bracket(pattern, c); in {
			return end, size
		}
		return 0, 0
	case '\\':
		if len(pattern) > 1 && pattern[1] == text[0] {
			return 2, 1
		}
		return 0, 0
	}
	if pattern[0] == text[0] {
		return 1, 1
	}
	return 0, 0
}

// bracket matches c with the bracket that p begins with, and returns where that ends: 0 if nothing closes it.
func bracket(p string, c rune) (end int, in bool) {
	at := 1
	negated := at < len(p) && (p[at] == '!' || p[at] == '^')
	if negated {
		at++
	}
	matched := false
	for first := true; ; first = false {
		if at >= len(p) {
			return 0, false
		}
		if p[at] == ']' && !first {
			return at + 1, matched != negated
		}
		lo, n := member(p[at:])
		at += n
		hi := lo
		if at+1 < len(p) && p[at] == '-' && p[at+1] != ']' {
			hi, n = member(p[at+1:])
			at += 1 + n
		}
		matched = matched || lo <= c && c <= hi
	}
}

// member returns the character that stands first in the inside of a bracket, and its length there.
func member(p string) (rune, int) {
	if p[0] == '\\' && len(p) > 1 {
		c, size := utf8.DecodeRuneInString(p[1:])
		return c, 1 + size
	}
	return utf8.DecodeRuneInString(p)
}

// Check returns ErrMalformed for a pattern with a part that can't match.
func Check(pattern string) error {
	for component := range strings.SplitSeq(pattern, "/") {
		for at := 0; at < len(component); {
			switch component[at] {
			case '[':
				end, _ := bracket(component[at:], 0)
				if end == 0 {
					return ErrMalformed
				}
				at += end
			case '\\':
				if at+1 == len(component) {
					return ErrMalformed
				}
				at += 2
			default:
				at++
			}
		}
	}
	return nil
}

// Quote returns a pattern that matches text alone.
func Quote(text string) string {
	if !strings.ContainsAny(text, Special) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		if strings.IndexByte(Special, text[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
