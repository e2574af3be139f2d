package pretty

import (
	"unicode/utf8"

	"github.com/reposit/reposit/internal/charset"
)

// decode returns a commit in UTF-8, or as it is if its encoding is not known, or not its own.
func decode(raw []byte, encoding string) []byte {
	if charset.IsUTF8(encoding) {
		return raw
	}
	if text, ok := charset.Decode(encoding, string(raw)); ok {
		return []byte(text)
	}
	return raw
}

// encode returns text, which was UTF-8, in another encoding; or as it is if it can't be done.
func encode(text []byte, encoding string) []byte {
	if charset.IsUTF8(encoding) || !utf8.Valid(text) {
		return text
	}
	if out, ok := charset.Encode(encoding, string(text)); ok {
		return []byte(out)
	}
	return text
}
