// Package wildmatch matches names with patterns as git's wildmatch does (git's wildmatch.c; the patterns are those of
// gitignore(5), glob(7) and git-describe's --match).
//
//	?        one byte
//	*        any number of bytes
//	[a-z]    one byte of a set, [!a-z] and [^a-z] one that is not in it; [[:alpha:]] and its like are classes
//	\x       the byte x
//	**       in a path, between slashes or the ends of the pattern: any number of components
//
// Bytes are compared, not characters, and in the C locale. A malformed bracket, or a backslash at the end, matches
// nothing.
package wildmatch

// MaxPattern is the length in bytes of the longest pattern that can match. A longer one matches nothing.
const MaxPattern = 1<<16 - 1

// Match reports whether the pattern matches the whole of text, as wildmatch does without flags: slashes are like other
// bytes. Its time is at most proportional to the product of the lengths of both.
func Match(pattern, text string) bool {
	var m Matcher
	return m.Match(pattern, text)
}

// MatchPath reports whether the pattern matches the whole of path, as wildmatch does with WM_PATHNAME: "?", "*" and
// brackets match no slash, and "**" does where it stands between slashes or the ends of the pattern. Its time is at
// most proportional to the product of the lengths of both.
func MatchPath(pattern, path string) bool {
	var m Matcher
	return m.MatchPath(pattern, path)
}

// A Matcher matches with memory that it uses again. It follows all ways to match at once instead of one after the
// other, since git's own way takes time beyond any bound for some patterns. The zero Matcher is ready to be used. It
// is for one goroutine.
type Matcher struct {
	// Steps counts the offsets of patterns that were looked at, as a measure of time. Setting it is free.
	Steps int

	pattern   string
	pathname  bool
	now, next []uint16 // offsets in pattern at which a match may go on
	seen      []uint32 // per offset, the round in which it was last added
	round     uint32
}

// Match is the function Match.
func (m *Matcher) Match(pattern, text string) bool { return m.match(pattern, text, false) }

// MatchPath is the function MatchPath.
func (m *Matcher) MatchPath(pattern, path string) bool { return m.match(pattern, path, true) }

func (m *Matcher) match(pattern, text string, pathname bool) bool {
	if len(pattern) > MaxPattern {
		return false
	}
	m.pattern, m.pathname = pattern, pathname
	if n := len(pattern) + 1; len(m.seen) < n {
		m.seen = make([]uint32, n)
		m.round = 0
	}
	if m.round > 1<<31 {
		clear(m.seen)
		m.round = 0
	}
	m.round++
	m.next = m.next[:0]
	m.add(0)
	for i := range len(text) {
		if len(m.next) == 0 {
			return false
		}
		m.now, m.next = m.next, m.now[:0]
		m.round++
		m.Steps += len(m.now)
		for _, at := range m.now {
			m.step(int(at), text[i])
		}
	}
	return m.seen[len(pattern)] == m.round
}

// add makes the offset one of the next round's, together with those that are reached from it by matching nothing.
func (m *Matcher) add(at int) {
	for m.seen[at] != m.round {
		m.seen[at] = m.round
		if at == len(m.pattern) {
			return
		}
		if m.pattern[at] != '*' {
			m.next = append(m.next, uint16(at))
			return
		}
		end, deep := m.star(at)
		if deep && m.pathname && end < len(m.pattern) && m.pattern[end] == '/' {
			m.add(end + 1) // "**/" may match nothing at all
		}
		m.stay(end-1, at)
		at = end
	}
}

// stay adds the last star of a run. It stands for the run once that has matched something, which is not the same as
// its first: "**/" can't match a part of a name and then nothing.
func (m *Matcher) stay(last, first int) {
	if last == first || m.seen[last] != m.round {
		m.seen[last] = m.round
		m.next = append(m.next, uint16(last))
	}
}

// star returns where the run of stars around at ends, and whether it matches slashes too.
func (m *Matcher) star(at int) (end int, deep bool) {
	p := m.pattern
	start := at
	for start > 0 && p[start-1] == '*' {
		start--
	}
	for end = at + 1; end < len(p) && p[end] == '*'; end++ {
	}
	switch {
	case !m.pathname:
		return end, true
	case end == start+1 || start > 0 && p[start-1] != '/':
		return end, false
	}
	return end, end == len(p) || p[end] == '/' || p[end] == '\\' && end+1 < len(p) && p[end+1] == '/'
}

// step adds the offsets that are reached from at by matching c.
func (m *Matcher) step(at int, c byte) {
	p := m.pattern
	switch p[at] {
	case '*':
		if end, deep := m.star(at); deep || c != '/' {
			m.stay(at, -1)
			m.add(end)
		}
	case '?':
		if !m.pathname || c != '/' {
			m.add(at + 1)
		}
	case '\\':
		if at+1 < len(p) && p[at+1] == c {
			m.add(at + 2)
		}
	case '[':
		end, ok := bracket(p, at+1, c)
		m.Steps += end - at
		if ok && !(m.pathname && c == '/') {
			m.add(end)
		}
	default:
		if p[at] == c {
			m.add(at + 1)
		}
	}
}
