package pretty

import (
	"strconv"
	"strings"
)

// color reads a %C placeholder. There is no terminal, so that only %C(always,...) gives one.
func (x *Expander) color(dst []byte, s string) ([]byte, int) {
	if args, ok := strings.CutPrefix(s, "C("); ok {
		end := strings.IndexByte(args, ')')
		if end < 0 {
			return dst, 0
		}
		if words, ok := strings.CutPrefix(args[:end], "always,"); ok {
			sequence, ok := colorSequence(words)
			if !ok {
				return dst, 0
			}
			dst = x.add(dst, sequence)
		}
		return dst, len("C()") + end
	}
	for _, name := range []string{"red", "green", "blue", "reset"} {
		if strings.HasPrefix(s[1:], name) {
			return dst, 1 + len(name)
		}
	}
	return dst, 0
}

// colorSequence returns the escape sequence for a color as git's configuration knows it:
// "[reset] [foreground [background]] [attribute]...".
func colorSequence(words string) (string, bool) {
	var colors []string
	var attrs [30]bool
	reset, something := false, false
	for _, word := range strings.FieldsFunc(words, func(r rune) bool { return strings.ContainsRune(blank, r) }) {
		if strings.EqualFold(word, "reset") {
			reset, something = true, true
			continue
		}
		if code, ok := colorCode(word, 0); ok && len(colors) < 2 {
			if len(colors) == 1 {
				code, _ = colorCode(word, 10)
			}
			colors = append(colors, code)
			something = something || code != ""
			continue
		}
		attr, ok := colorAttr(word)
		if !ok {
			return "", false
		}
		attrs[attr], something = true, true
	}
	if !something {
		return "", true
	}
	var codes []string
	for i, on := range attrs {
		if on {
			codes = append(codes, strconv.Itoa(i))
		}
	}
	for _, code := range colors {
		if code != "" {
			codes = append(codes, code)
		}
	}
	if reset {
		codes = append([]string{""}, codes...)
	}
	return "\x1b[" + strings.Join(codes, ";") + "m", true
}

// colorCode returns the code of a color, "" for the normal one; offset is 10 for the background.
func colorCode(word string, offset int) (string, bool) {
	lower := strings.ToLower(word)
	if lower == "normal" || word == "-1" {
		return "", true
	}
	if lower == "default" {
		return strconv.Itoa(39 + offset), true
	}
	if len(word) == 7 && word[0] == '#' {
		if rgb, err := strconv.ParseUint(word[1:], 16, 24); err == nil {
			return strconv.Itoa(38+offset) + ";2;" + strconv.Itoa(int(rgb>>16)) + ";" +
				strconv.Itoa(int(rgb>>8&0xff)) + ";" + strconv.Itoa(int(rgb&0xff)), true
		}
	}
	name, bright := strings.CutPrefix(lower, "bright")
	for i, known := range []string{"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"} {
		if name == known && bright {
			return strconv.Itoa(90 + i + offset), true
		}
		if name == known {
			return strconv.Itoa(30 + i + offset), true
		}
	}
	switch n, err := strconv.Atoi(word); {
	case err != nil || n < 0 || n > 255:
		return "", false
	case n < 8:
		return strconv.Itoa(30 + n + offset), true
	case n < 16:
		return strconv.Itoa(90 + n - 8 + offset), true
	default:
		return strconv.Itoa(38+offset) + ";5;" + strconv.Itoa(n), true
	}
}

func colorAttr(word string) (code int, ok bool) {
	name, negated := strings.CutPrefix(word, "no")
	if negated {
		name = strings.TrimPrefix(name, "-")
	}
	on, off := 0, 0
	switch name {
	case "bold":
		on, off = 1, 22
	case "dim":
		on, off = 2, 22
	case "italic":
		on, off = 3, 23
	case "ul":
		on, off = 4, 24
	case "blink":
		on, off = 5, 25
	case "reverse":
		on, off = 7, 27
	case "strike":
		on, off = 9, 29
	default:
		return 0, false
	}
	if negated {
		return off, true
	}
	return on, true
}
