// Package charset decodes and encodes the text of commits, as git-log and git-commit do by their encoding header.
package charset

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/reposit/reposit/internal/git"
)

// aliases are names that iconv and git know, and the registry of IANA does not.
var aliases = map[string]string{
	"LATIN-1": "ISO-8859-1", "SJIS": "Shift_JIS", "SHIFT-JIS": "Shift_JIS", "CP932": "Shift_JIS", "MS932": "Shift_JIS",
	"WINDOWS-31J": "Shift_JIS", "EUCJP": "EUC-JP", "UJIS": "EUC-JP", "EUCKR": "EUC-KR", "CP949": "EUC-KR", "UHC": "EUC-KR",
	"EUCCN": "GBK", "EUC-CN": "GBK", "GB2312": "GBK", "CP936": "GBK", "BIG-5": "Big5", "BIGFIVE": "Big5", "CP950": "Big5",
	"KOI8R": "KOI8-R", "KOI8U": "KOI8-U", "CP866": "IBM866", "CP437": "IBM437", "CP850": "IBM850", "CP852": "IBM852",
	"CP855": "IBM855", "CP862": "IBM862", "MACINTOSH": "macintosh", "CP874": "TIS-620",
}

// find returns the encoding with a name, or nil: for UTF-8, for what is not known, and for those in which ASCII is not
// ASCII, since no header could be read then.
func find(name string) encoding.Encoding {
	name = strings.ToUpper(name)
	for _, prefix := range [...]string{"ISO8859-", "ISO_8859-", "8859_", "ISO-8859_"} {
		if n, ok := strings.CutPrefix(name, prefix); ok {
			name = "ISO-8859-" + n
		}
	}
	if n, ok := strings.CutPrefix(name, "CP125"); ok {
		name = "WINDOWS-125" + n
	}
	if known, ok := aliases[name]; ok {
		name = known
	}
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil || strings.HasPrefix(name, "UTF") {
		return nil
	}
	const sample = "tree 09az<>\n"
	if s, err := e.NewDecoder().String(sample); err != nil || s != sample {
		return nil
	}
	return e
}

// Decode returns text in UTF-8. It reports false if the encoding is not known, or not that of the text.
func Decode(name, text string) (string, bool) {
	e := find(name)
	if e == nil {
		return "", false
	}
	out, err := e.NewDecoder().String(text)
	if err != nil || strings.ContainsRune(out, utf8.RuneError) {
		return "", false
	}
	// What windows-125x has no character for, the decoder takes for a control character; iconv refuses it.
	if upper := strings.ToUpper(name); strings.HasPrefix(upper, "WINDOWS-") || strings.HasPrefix(upper, "CP125") {
		if strings.ContainsFunc(out, func(r rune) bool { return 0x80 <= r && r < 0xa0 }) {
			return "", false
		}
	}
	return out, true
}

// Encode returns text, which is UTF-8, in another encoding. It reports false if that is not known, or lacks a
// character.
func Encode(name, text string) (string, bool) {
	e := find(name)
	if e == nil {
		return "", false
	}
	out, err := e.NewEncoder().String(text)
	return out, err == nil
}

// IsUTF8 reports whether a name is one of UTF-8, as is none at all.
func IsUTF8(name string) bool {
	return name == "" || strings.EqualFold(name, "UTF-8") || strings.EqualFold(name, "UTF8")
}

// Commit returns a commit with its text in UTF-8. It is c itself if the text is that already, or can't be decoded as a
// whole. The outcome must not be stored.
func Commit(c *git.Commit) *git.Commit {
	if IsUTF8(c.Encoding) {
		return c
	}
	text, ok := Decode(c.Encoding, string(c.Append(nil)))
	if !ok {
		return c
	}
	decoded, err := git.ParseCommit([]byte(text))
	if err != nil {
		return c
	}
	return decoded
}
