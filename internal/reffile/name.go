// Package reffile is the formats of the files that Git keeps refs in: their names, packed-refs, and the lines of logs.
// It opens no file.
package reffile

import (
	"encoding/hex"
	"strings"

	"github.com/reposit/reposit/storage"
)

// lockSuffix is the end of the names of lock files, which no part of a ref's name may have.
const lockSuffix = ".lock"

// HashDigits is how many hexadecimal digits a hash has.
const HashDigits = 40

// ParseHash returns the hash that s is, in hexadecimal digits of either case. It reports false for what is none.
func ParseHash(s string) (h storage.Hash, ok bool) {
	if len(s) != 2*len(h) {
		return h, false
	}
	_, err := hex.Decode(h[:], []byte(s))
	return h, err == nil
}

// ValidName reports whether a ref of this name may be kept as a file (git-check-ref-format): names come checked from
// above, but here a bad one would be a path that leads elsewhere. Names without a slash are in capitals, like HEAD.
func ValidName(name string) bool {
	if !strings.HasPrefix(name, "refs/") {
		return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
	}
	last := byte('/')
	start := len("refs/") // of the part that i is in
	for i := start; i < len(name); i++ {
		c := name[i]
		switch refBytes[c] {
		case refuse:
			return false
		case look:
			switch {
			case c == '.' && (last == '.' || last == '/'), c == '{' && last == '@':
				return false
			case c == '/':
				if last == '/' || strings.HasSuffix(name[start:i], lockSuffix) {
					return false
				}
				start = i + 1
			}
		}
		last = c
	}
	return last != '/' && last != '.' && !strings.HasSuffix(name[start:], lockSuffix)
}

// What a byte of a ref's name is: fine, none that may be there, or one for which it matters where it stands.
const (
	refuse = 1 + iota
	look
)

// refBytes is never changed.
var refBytes = func() (kinds [256]byte) {
	for c := range kinds {
		if c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, byte(c)) >= 0 && c < 0x80 {
			kinds[c] = refuse
		}
	}
	kinds['.'], kinds['/'], kinds['{'] = look, look, look
	return kinds
}()
