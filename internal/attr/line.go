package attr

import "strings"

const (
	blanks      = " \t\r\n"
	macroPrefix = "[attr]"
)

// A line is one line of a file: a pattern, or the name of a macro, and what it says of attributes.
type line struct {
	pattern pattern
	macro   string
	assigns []assign
}

// An assign is what a line says of one attribute.
type assign struct {
	name  string
	value Value
}

// parse reads s, which has no newline, into l, whose slice it reuses. It reports whether s says anything that counts:
// Git drops a line as a whole if it is too long, negates its pattern, names an attribute that can't be, or defines
// a macro below the root.
func (l *line) parse(s string, atRoot bool) bool {
	s = strings.TrimLeft(s, blanks)
	if s == "" || s[0] == '#' {
		return false
	}
	name, rest, quoted := unquote(s)
	if !quoted {
		end := blankIndex(s)
		name, rest = s[:end], s[end:]
	}
	l.macro = ""
	if len(name) > len(macroPrefix) && strings.HasPrefix(name, macroPrefix) {
		name = strings.TrimLeft(name[len(macroPrefix):], blanks)
		l.macro = name[:blankIndex(name)]
		if !atRoot || !validName(l.macro) {
			return false
		}
	}
	if !l.parseAssigns(rest) {
		return false
	}
	return l.macro != "" || l.pattern.parse(name)
}

func (l *line) parseAssigns(s string) bool {
	l.assigns = l.assigns[:0]
	for s = strings.TrimLeft(s, blanks); s != ""; s = strings.TrimLeft(s, blanks) {
		end := blankIndex(s)
		word := s[:end]
		s = s[end:]
		name, value, hasValue := strings.Cut(word, "=")
		a := assign{name: name}
		switch {
		case word[0] == '-':
			a.name, a.value.state = name[min(1, len(name)):], unset
		case word[0] == '!':
			a.name = name[min(1, len(name)):]
		case hasValue:
			a.value = Value{state: text, text: value}
		default:
			a.value.state = set
		}
		if !validName(a.name) {
			return false
		}
		l.assigns = append(l.assigns, a)
	}
	return true
}

func blankIndex(s string) int {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return i
	}
	return len(s)
}

func validName(s string) bool {
	if s == "" || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

// unquote reads a pattern in double quotes, with C's escapes (git's quote.c), from the start of s. It returns what
// follows the closing quote, or false if s does not begin with a well-formed one.
func unquote(s string) (name, rest string, ok bool) {
	if s[0] != '"' {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			// To git, which takes the pattern as a C string, a NUL ends it.
			name, _, _ = strings.Cut(b.String(), "\x00")
			return name, s[i+1:], true
		case '\\':
			c, n, ok := unescape(s[i+1:])
			if !ok {
				return "", "", false
			}
			b.WriteByte(c)
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// unescape reads what follows a backslash, and returns the byte it stands for and its length.
func unescape(s string) (c byte, n int, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	if i := strings.IndexByte(`abfnrtv\"`, s[0]); i >= 0 {
		return "\a\b\f\n\r\t\v\\\""[i], 1, true
	}
	if len(s) < 3 || s[0] > '3' {
		return 0, 0, false
	}
	for _, d := range []byte(s[:3]) {
		if d < '0' || d > '7' {
			return 0, 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, 3, true
}
