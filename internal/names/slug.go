package names

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// MaxSlug and MaxOwner bound slugs and owners in bytes.
const (
	MaxSlug  = 100
	MaxOwner = 64
)

// CheckSlug checks a repository's slug: letters a-z, digits, and between them also ".", "_" and "-". It has no "..",
// no ending under which a forge serves something else (".git", ".wiki", ".lock", ".atom"), and is no device of
// Windows.
func CheckSlug(slug string) error { return checkLabel(slug, MaxSlug) }

// CheckOwner checks the owner of repositories by the rules of CheckSlug, with at most MaxOwner bytes.
func CheckOwner(owner string) error { return checkLabel(owner, MaxOwner) }

// Key returns slug or owner as it counts for being taken: with its ASCII letters in lower case. It changes nothing
// in one that passes the checks, and makes a look-up as lenient as a browser's address bar.
func Key(name string) string {
	for i := range len(name) {
		if lower(name[i]) != name[i] {
			b := []byte(name)
			for j := i; j < len(b); j++ {
				b[j] = lower(b[j])
			}
			return string(b)
		}
	}
	return name
}

// Same reports whether two slugs or owners count as one. Only ASCII letters have a case here: of others, some fold to
// ASCII ones, as the Kelvin sign does to "k", and a name would pass for another one.
func Same(a, b string) bool { return Key(a) == Key(b) }

func checkLabel(name string, limit int) error {
	if name == "" {
		return malformed(name, "is empty")
	}
	if len(name) > limit {
		return tooLong(name, "is too long")
	}
	for i := range len(name) {
		c := name[i]
		if !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return malformed(name, "has a character other than a-z 0-9 . _ -")
		}
		if c == '.' && i > 0 && name[i-1] == '.' {
			return malformed(name, "contains ..")
		}
	}
	if !isAlnum(name[0]) || !isAlnum(name[len(name)-1]) {
		return malformed(name, "does not begin and end with a letter or digit")
	}
	if reservedEnding(name) != "" {
		return malformed(name, "has a reserved ending")
	}
	if isDevice(name) {
		return malformed(name, "is a reserved name")
	}
	return nil
}

func isAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// reservedEnding returns the ending of name that a slug must not have, or "".
func reservedEnding(name string) string {
	for _, end := range [...]string{".git", ".wiki", ".lock", ".atom"} {
		if strings.HasSuffix(name, end) {
			return end
		}
	}
	return ""
}

// isDevice reports whether Windows takes a lower-case name, whatever follows its first dot, for a device.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	switch stem {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(stem) == 4 && (stem[:3] == "com" || stem[:3] == "lpt") && '0' <= stem[3] && stem[3] <= '9'
}

// Slugify makes a slug of a free text, "my-new-project" of "My New Project": letters are lower-cased, Latin
// ones lose their accents, other letters are dropped, and everything else becomes a single "-". The result
// passes CheckSlug, or is "" if nothing that could is left.
func Slugify(name string) string {
	b := make([]byte, 0, min(len(name), MaxSlug))
	for _, r := range norm.NFKD.String(name) {
		if len(b) >= MaxSlug {
			break
		}
		b = appendSlug(b, r)
	}
	s := strings.Trim(string(b[:min(len(b), MaxSlug)]), "._-")
	for end := reservedEnding(s); end != ""; end = reservedEnding(s) {
		s = strings.TrimRight(strings.TrimSuffix(s, end), "._-")
	}
	if checkLabel(s, MaxSlug) != nil {
		return ""
	}
	return s
}

// appendSlug appends what a slug keeps of r.
func appendSlug(b []byte, r rune) []byte {
	switch {
	case 'A' <= r && r <= 'Z':
		return append(b, byte(r)+'a'-'A')
	case r < 0x80 && isAlnum(byte(r)) || r == '_':
		return append(b, byte(r))
	case base[r] != "":
		return append(b, base[r]...)
	case r == '\'' || r == '’' || unicode.In(r, unicode.Letter, unicode.Mark):
		return b
	}
	c := byte('-')
	if r == '.' {
		c = '.'
	}
	// A separator behind a separator adds nothing; a dot behind a dot would be "..".
	if n := len(b); n > 0 && isAlnum(b[n-1]) {
		b = append(b, c)
	}
	return b
}

// base has what a slug keeps of Latin letters that Unicode does not take apart.
var base = map[rune]string{
	'Æ': "ae", 'æ': "ae", 'Œ': "oe", 'œ': "oe", 'Ø': "o", 'ø': "o", 'Đ': "d", 'đ': "d", 'Ð': "d", 'ð': "d", 'Þ': "th",
	'þ': "th",
	'Ł': "l", 'ł': "l", 'Ħ': "h", 'ħ': "h", 'ı': "i", 'ß': "ss", 'ẞ': "ss", 'Ŧ': "t", 'ŧ': "t", 'Ŋ': "n", 'ŋ': "n",
	'ĸ': "k",
}
