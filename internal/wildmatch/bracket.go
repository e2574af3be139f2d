package wildmatch

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
