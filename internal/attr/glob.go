package attr

// A globber matches patterns as git's wildmatch does, but in time proportional to the product of the lengths of
// pattern and text at worst, whatever the pattern: it follows all ways to match at once instead of one after the
// other. What it has allocated it uses again. It is for one goroutine.
type globber struct {
	pattern   string
	pathname  bool
	now, next []uint16 // offsets in pattern at which a match may go on
	seen      []uint32 // per offset, the round in which it was last added
	round     uint32
	steps     int // offsets looked at in all, as a measure of time
}

// match reports whether pattern matches the whole of text. With pathname, "?", "*" and brackets don't match a slash,
// and "**" does where it stands between slashes or ends of the pattern.
func (g *globber) match(pattern, text string, pathname bool) bool {
	g.pattern, g.pathname = pattern, pathname
	if n := len(pattern) + 1; len(g.seen) < n {
		g.seen = make([]uint32, n)
		g.round = 0
	}
	if g.round > 1<<31 {
		clear(g.seen)
		g.round = 0
	}
	g.round++
	g.next = g.next[:0]
	g.add(0)
	for i := range len(text) {
		if len(g.next) == 0 {
			return false
		}
		g.now, g.next = g.next, g.now[:0]
		g.round++
		g.steps += len(g.now)
		for _, at := range g.now {
			g.step(int(at), text[i])
		}
	}
	return g.seen[len(pattern)] == g.round
}

// add makes the offset one of the next round's, together with those that are reached from it by matching nothing.
func (g *globber) add(at int) {
	for g.seen[at] != g.round {
		g.seen[at] = g.round
		if at == len(g.pattern) {
			return
		}
		if g.pattern[at] != '*' {
			g.next = append(g.next, uint16(at))
			return
		}
		end, deep := g.star(at)
		if deep && g.pathname && end < len(g.pattern) && g.pattern[end] == '/' {
			g.add(end + 1) // "**/" may match nothing at all
		}
		g.stay(end-1, at)
		at = end
	}
}

// stay adds the last star of a run. It stands for the run once that has matched something, which is not the same as
// its first: "**/" can't match a part of a name and then nothing.
func (g *globber) stay(last, first int) {
	if last == first || g.seen[last] != g.round {
		g.seen[last] = g.round
		g.next = append(g.next, uint16(last))
	}
}

// star returns where the run of stars around at ends, and whether it matches slashes too.
func (g *globber) star(at int) (end int, deep bool) {
	p := g.pattern
	start := at
	for start > 0 && p[start-1] == '*' {
		start--
	}
	for end = at + 1; end < len(p) && p[end] == '*'; end++ {
	}
	switch {
	case !g.pathname:
		return end, true
	case end == start+1 || start > 0 && p[start-1] != '/':
		return end, false
	}
	return end, end == len(p) || p[end] == '/' || p[end] == '\\' && end+1 < len(p) && p[end+1] == '/'
}

// step adds the offsets that are reached from at by matching c.
func (g *globber) step(at int, c byte) {
	p := g.pattern
	switch p[at] {
	case '*':
		if end, deep := g.star(at); deep || c != '/' {
			g.stay(at, -1)
			g.add(end)
		}
	case '?':
		if !g.pathname || c != '/' {
			g.add(at + 1)
		}
	case '\\':
		if at+1 < len(p) && p[at+1] == c {
			g.add(at + 2)
		}
	case '[':
		end, ok := bracket(p, at+1, c)
		g.steps += end - at
		if ok && !(g.pathname && c == '/') {
			g.add(end)
		}
	default:
		if p[at] == c {
			g.add(at + 1)
		}
	}
}

// bracket matches c with the bracket expression whose inside begins at i, and returns where it ends. One that is
// malformed matches nothing.
func bracket(p string, i int, c byte) (end int, ok bool) {
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	matched := false
	var prev byte // what a range would begin with; 0 after a range or a class
	for first := true; ; first = false {
		if i >= len(p) {
			return i, false
		}
		if p[i] == ']' && !first {
			return i + 1, matched != negated
		}
		switch ch := p[i]; {
		case ch == '\\':
			i++
			if i >= len(p) {
				return i, false
			}
			matched = matched || p[i] == c
			prev = p[i]
		case ch == '-' && prev != 0 && i+1 < len(p) && p[i+1] != ']':
			i++
			if p[i] == '\\' {
				i++
				if i >= len(p) {
					return i, false
				}
			}
			matched = matched || prev <= c && c <= p[i]
			prev = 0
		case ch == '[' && i+1 < len(p) && p[i+1] == ':':
			last, in, ok := class(p, i+2, c)
			if !ok {
				return len(p), false
			}
			matched = matched || in
			if last == i {
				prev = '['
			} else {
				prev = 0
			}
			i = last
		default:
			matched = matched || ch == c
			prev = ch
		}
		i++
	}
}

// class matches c with the class whose name begins at i, after "[:", and returns the offset of its last byte. If
// nothing closes it with ":]", its "[" stands for itself, and that is its last byte.
func class(p string, i int, c byte) (last int, in, ok bool) {
	end := i
	for end < len(p) && p[end] != ']' {
		end++
	}
	if end == len(p) {
		return 0, false, false
	}
	if end == i || p[end-1] != ':' {
		return i - 2, c == '[', true
	}
	in, ok = inClass(p[i:end-1], c)
	return end, in, ok
}

// inClass reports whether c is in the POSIX class of that name, in the C locale, and whether there is such a class.
// Space is git's: blank, tab, newline and carriage return only.
func inClass(name string, c byte) (in, ok bool) {
	lower := 'a' <= c && c <= 'z'
	upper := 'A' <= c && c <= 'Z'
	digit := '0' <= c && c <= '9'
	graph := '!' <= c && c <= '~'
	switch name {
	case "alnum":
		in = lower || upper || digit
	case "alpha":
		in = lower || upper
	case "blank":
		in = c == ' ' || c == '\t'
	case "cntrl":
		in = c < ' ' || c == 0x7f
	case "digit":
		in = digit
	case "graph":
		in = graph
	case "lower":
		in = lower
	case "print":
		in = graph || c == ' '
	case "punct":
		in = graph && !lower && !upper && !digit
	case "space":
		in = c == ' ' || c == '\t' || c == '\n' || c == '\r'
	case "upper":
		in = upper
	case "xdigit":
		in = digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	default:
		return false, false
	}
	return in, true
}

// WildMatch reports whether pattern matches the whole of text as git's wildmatch does without WM_PATHNAME: slashes are
// like other bytes. Its time is bounded by the product of the two lengths. A pattern of 64 KiB or more matches nothing.
func WildMatch(pattern, text string) bool {
	if len(pattern) >= 1<<16 {
		return false
	}
	var g globber
	return g.match(pattern, text, false)
}
