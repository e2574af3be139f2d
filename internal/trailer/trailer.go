// Package trailer reads the lines "key: value" at the end of a commit's message, as git interpret-trailers does with
// its defaults: the separator is ":", comments begin with "#", and no key is configured.
package trailer

import "strings"

// A Trailer is one such line, without the space around key and value. A value that goes on in lines which begin with
// space is one line.
type Trailer struct {
	Key, Value string
}

// Parse returns the trailers of a message, in order, as git interpret-trailers --parse prints them. What follows a line
// "---" is no part of the message.
func Parse(message string) (all []Trailer) {
	message = text(message)
	for _, line := range block(message[:divider(message)]) {
		if line[0] == comment {
			continue
		}
		if at := separator(line); at >= 1 {
			all = append(all, Trailer{trim(line[:at]), unfold(trim(line[at+1:]))})
		}
	}
	return all
}

// Ends reports whether a message ends in a paragraph of trailers, so that a further one belongs into it. A line "---"
// means nothing.
func Ends(message string) bool { return len(block(text(message))) > 0 }

const (
	comment = '#'
	cutLine = "# ------------------------ >8 ------------------------\n"
)

// generated are what lines begin with that git itself adds.
var generated = [...]string{"Signed-off-by: ", "(cherry picked from commit "}

// text returns a message as git reads it: up to a NUL, its last line complete.
func text(message string) string {
	message, _, _ = strings.Cut(message, "\x00")
	if message != "" && !strings.HasSuffix(message, "\n") {
		message += "\n"
	}
	return message
}

// divider returns where a patch begins, or the length of the message.
func divider(message string) int {
	at := 0
	for line := range strings.Lines(message) {
		if len(line) > 3 && strings.HasPrefix(line, "---") && isSpace(line[3]) {
			return at
		}
		at += len(line)
	}
	return at
}

// block returns the lines of the trailers, with those that go on with a trailer as part of it.
func block(message string) (all []string) {
	message = message[:end(message)]
	message = message[start(message):]
	var parts [][]string
	goesOn := false
	for line := range strings.Lines(message) {
		if goesOn && isSpace(line[0]) {
			parts[len(parts)-1] = append(parts[len(parts)-1], line)
			continue
		}
		parts = append(parts, []string{line})
		goesOn = separator(line) >= 1
	}
	for _, lines := range parts {
		all = append(all, strings.Join(lines, ""))
	}
	return all
}

// end returns where what is no part of the message begins: comments, and the conflicts that old versions of git listed.
func end(message string) int {
	cutoff := len(message)
	if strings.HasPrefix(message, cutLine) {
		cutoff = 0
	} else if at := strings.Index(message, "\n"+cutLine); at >= 0 {
		cutoff = at + 1
	}
	behind, conflicts := 0, false // 0: nothing so far
	at := 0
	for line := range strings.Lines(message[:cutoff]) {
		switch {
		case line[0] == comment || line[0] == '\n':
			if behind == 0 {
				behind = at
			}
		case line == "Conflicts:\n":
			conflicts = true
			if behind == 0 {
				behind = at
			}
		case conflicts && line[0] == '\t':
		case behind != 0:
			behind, conflicts = 0, false
		}
		at += len(line)
	}
	if behind != 0 {
		return behind
	}
	return cutoff
}

// start returns where the trailers begin: behind the last empty line, if what follows it is trailers alone, or has one
// of git's own and is one in four at least. The first paragraph is no trailers.
func start(message string) int {
	lines := strings.SplitAfter(message, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	title := 0
	for title < len(lines) && (lines[title][0] == comment || !isBlank(lines[title])) {
		title++
	}
	at := len(message)
	onlySpace, known := true, false
	trailers, others, open := 0, 0, 0 // open: lines that may go on with a trailer before them
	for i := len(lines) - 1; i >= title; i-- {
		line := lines[i]
		at -= len(line)
		switch {
		case line[0] == comment:
			others += open
			open = 0
		case isBlank(line):
			if onlySpace {
				continue
			}
			others += open
			if known && trailers*3 >= others || trailers > 0 && others == 0 {
				return at + len(line)
			}
			return len(message)
		case isGenerated(line):
			onlySpace, known = false, true
			trailers++
			open = 0
		case isSpace(line[0]):
			onlySpace = false
			open++
		case separator(line) >= 1:
			onlySpace = false
			trailers++
			open = 0
		default:
			onlySpace = false
			others += 1 + open
			open = 0
		}
	}
	return len(message)
}

func isGenerated(line string) bool {
	for _, prefix := range generated {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// separator returns where the key of a trailer ends, or -1: a key has letters, digits and "-", and space only behind
// it.
func separator(line string) int {
	space := false
	for i := range len(line) {
		c := line[i]
		switch {
		case c == ':':
			return i
		case !space && (c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-'):
		case i > 0 && (c == ' ' || c == '\t'):
			space = true
		default:
			return -1
		}
	}
	return -1
}

const spaces = " \t\n\r"

func trim(s string) string { return strings.Trim(s, spaces) }

func isSpace(c byte) bool { return strings.IndexByte(spaces, c) >= 0 }

func isBlank(line string) bool { return trim(line) == "" }

// unfold makes a value one line.
func unfold(value string) string {
	if !strings.Contains(value, "\n") {
		return value
	}
	lines := strings.Split(value, "\n")
	for i := 1; i < len(lines); i++ {
		lines[i] = strings.TrimLeft(lines[i], spaces)
	}
	return trim(strings.Join(lines, " "))
}
