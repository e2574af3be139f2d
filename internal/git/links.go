package git

import (
	"bytes"
	"strconv"
)

// CommitTime returns the time of committing in the content of a commit, in seconds since 1970, or 0 if that is none.
func CommitTime(raw []byte) int64 {
	for len(raw) > 0 && raw[0] != '\n' {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		if raw = rest; !bytes.HasPrefix(line, []byte("committer ")) {
			continue
		}
		after := bytes.TrimLeft(line[bytes.LastIndexByte(line, '>')+1:], " ")
		seconds, _, _ := bytes.Cut(after, []byte{' '})
		when, _ := strconv.ParseInt(string(seconds), 10, 64)
		return when
	}
	return 0
}

// TreeLinks calls fn with the mode and hash of each entry of a tree's content. It makes no Tree, and judges no name.
func TreeLinks(raw []byte, fn func(Mode, Hash)) error {
	for at := 0; at < len(raw); {
		var mode Mode
		for at < len(raw) && raw[at] != ' ' {
			if raw[at] < '0' || raw[at] > '7' {
				return malformed("tree entry has a mode that is not octal")
			}
			mode = mode<<3 | Mode(raw[at]-'0')
			at++
		}
		end := bytes.IndexByte(raw[at:], 0)
		if end < 0 || at+end+1+hashLen > len(raw) {
			return malformed("tree entry is cut short")
		}
		at += end + 1
		fn(mode, Hash(raw[at:at+hashLen]))
		at += hashLen
	}
	return nil
}
