package names

import (
	"strings"
	"time"
)

// CheckIdentity checks the name and e-mail address of an author, committer or tagger. They have no line feed, NUL,
// "<" or ">", which would forge the header that they stand in, and something of the name is left by CleanIdentity.
func CheckIdentity(name, email string) error {
	for _, s := range [...]string{name, email} {
		if strings.ContainsAny(s, "\x00\n<>") {
			return malformed(s, "contains a line feed, NUL, < or >")
		}
	}
	if trimCrud(name) == "" {
		return malformed(name, "is no name")
	}
	return nil
}

// CleanIdentity checks a name and e-mail address as CheckIdentity does, and returns them as Git writes them: without
// the white space and punctuation that it drops at both ends (git's fmt_ident).
func CleanIdentity(name, email string) (string, string, error) {
	if err := CheckIdentity(name, email); err != nil {
		return "", "", err
	}
	return trimCrud(name), trimCrud(email), nil
}

// trimCrud returns s without the bytes that git's ident.c calls crud at its ends. A dot is none of them, since the
// "Jr." of a name is part of it.
func trimCrud(s string) string {
	for s != "" && isCrud(s[0]) {
		s = s[1:]
	}
	for s != "" && isCrud(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isCrud(c byte) bool {
	return c <= ' ' || c == ',' || c == ':' || c == ';' || c == '<' || c == '>' || c == '"' || c == '\\' || c == '\''
}

// CheckTime checks the time of an identity: from 1970 on, and with an offset from -1200 to +1400.
func CheckTime(t time.Time) error {
	if t.Unix() < 0 {
		return malformed(t.String(), "is before 1970")
	}
	if _, offset := t.Zone(); offset < -12*60*60 || offset > 14*60*60 {
		return malformed(t.String(), "has an offset outside -1200 to +1400")
	}
	return nil
}

// CheckMessage checks the message of a commit or tag: it has no NUL, at which Git would cut it (git-fsck,
// "nulInCommit").
func CheckMessage(message string) error {
	if strings.IndexByte(message, 0) >= 0 {
		return malformed(message, "contains NUL")
	}
	return nil
}

// LogMessage returns message as one line of a ref's log: each run of white space is one space, and there is none at
// the ends (git's copy_reflog_msg).
func LogMessage(message string) string {
	if !strings.ContainsAny(message, "\t\n\v\f\r\x00") && strings.TrimSpace(message) == message &&
		!strings.Contains(message, "  ") {
		return message
	}
	return strings.Join(strings.FieldsFunc(message, isLogSpace), " ")
}

// isLogSpace reports whether r separates words in a log. NUL is one because a log's reader would stop there.
func isLogSpace(r rune) bool { return r == ' ' || '\t' <= r && r <= '\r' || r == 0 }
