package git

import "strings"

// StripSpace cleans up a message as git stripspace does: no white space at the ends of lines, no empty lines before the
// first or behind the last one or in a row, and a newline at the end unless nothing is left.
func StripSpace(message string) string {
	var b strings.Builder
	b.Grow(len(message) + 1)
	empty := 0
	for line := range strings.Lines(message) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty++
			continue
		}
		if empty > 0 && b.Len() > 0 {
			b.WriteByte('\n')
		}
		empty = 0
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}
