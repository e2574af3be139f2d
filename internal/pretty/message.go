package pretty

import "strings"

// splitMessage returns what %s, %f and %b say of a commit's message.
func splitMessage(message string) (subject, fileName, body string) {
	message = skipBlankLines(message)
	subject, fileName = joinLines(message), sanitize(message)
	for message != "" {
		line, rest, _ := strings.Cut(message, "\n")
		message = rest
		if strings.TrimRight(line, blank) == "" {
			break
		}
	}
	return subject, fileName, skipBlankLines(message)
}

func skipBlankLines(s string) string {
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		if strings.TrimRight(line, blank) != "" {
			break
		}
		s = rest
	}
	return s
}

// joinLines returns the lines up to the first blank one, without space at their ends, as one line.
func joinLines(s string) string {
	var lines []string
	for s != "" {
		line, rest, _ := strings.Cut(s, "\n")
		line = strings.TrimRight(line, blank)
		if line == "" {
			break
		}
		lines = append(lines, line)
		s = rest
	}
	return strings.Join(lines, " ")
}

// sanitize makes the first line of s fit to be part of a file's name.
func sanitize(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	var b strings.Builder
	gap := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_':
		default:
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteByte(c)
		for c == '.' && i+1 < len(s) && s[i+1] == '.' {
			i++
		}
	}
	return strings.TrimRight(b.String(), ".-")
}
