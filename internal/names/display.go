package names

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxDisplayName, MaxDescription and MaxText bound texts that people see, in characters.
const (
	MaxDisplayName = 255
	MaxDescription = 4096
	MaxText        = 1 << 16
)

// CheckDisplayName checks the name under which people see something: not blank, at most MaxDisplayName characters
// of valid UTF-8, none of which is a control character or changes the direction of what follows.
func CheckDisplayName(name string) error {
	if strings.TrimSpace(name) == "" {
		return malformed(name, "is blank")
	}
	return checkText(name, MaxDisplayName, "")
}

// CheckDescription checks a text of one line by the rules of CheckDisplayName, with at most MaxDescription
// characters. It may be empty.
func CheckDescription(text string) error { return checkText(text, MaxDescription, "") }

// CheckText checks a text of any number of lines by the rules of CheckDisplayName, with at most MaxText characters. It
// may be empty.
func CheckText(text string) error { return checkText(text, MaxText, "\t\n\r") }

// checkText lets no control characters pass but the allowed ones.
func checkText(text string, limit int, allowed string) error {
	if len(text) > limit && utf8.RuneCountInString(text) > limit {
		return tooLong(text, "has too many characters")
	}
	if !utf8.ValidString(text) {
		return malformed(text, "is not valid UTF-8")
	}
	for _, r := range text {
		if unicode.IsControl(r) && !strings.ContainsRune(allowed, r) || r == '\u2028' || r == '\u2029' {
			return malformed(text, "contains a control character")
		}
		if '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' {
			return malformed(text, "contains a character that changes the direction of text")
		}
	}
	return nil
}
