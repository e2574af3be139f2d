package reposittest

import (
	"strings"
	"unicode/utf8"
)

// A section is a name with the lines that follow it.
type section struct{ name, data string }

// parseArchive splits a txtar archive into its comment and sections, by the rules of golang.org/x/tools/txtar: a line
// "-- name --" begins a section, whose last line ends even if the archive's does not.
func parseArchive(text string) (comment string, sections []section) {
	data := &comment
	for line := range strings.Lines(text) {
		if name, ok := marker(line); ok {
			sections = append(sections, section{name: name})
			data = &sections[len(sections)-1].data
			continue
		}
		if !strings.HasSuffix(line, "\n") {
			line += "\n"
		}
		*data += line
	}
	return comment, sections
}

// marker returns the name in a line that begins a section.
func marker(line string) (name string, ok bool) {
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	name, ok = strings.CutPrefix(line, "-- ")
	if !ok {
		return "", false
	}
	if name, ok = strings.CutSuffix(name, " --"); !ok {
		return "", false
	}
	name = strings.TrimSpace(name)
	return name, name != ""
}

// format writes sections as an archive.
func format(sections []section) string {
	var b strings.Builder
	for _, s := range sections {
		b.WriteString("-- " + s.name + " --\n" + s.data)
	}
	return b.String()
}

// plain reports whether data can stand in an archive as it is.
func plain(data string) bool {
	if data != "" && !strings.HasSuffix(data, "\n") || !utf8.ValidString(data) {
		return false
	}
	for line := range strings.Lines(data) {
		if _, ok := marker(line); ok {
			return false
		}
	}
	for _, c := range []byte(data) {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
