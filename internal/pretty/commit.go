package pretty

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A Commit is what placeholders say of one. Histories hold commits that no git would write today, so it is read as
// leniently as git does, which is not how package git reads it.
type Commit struct {
	hash      storage.Hash
	tree      string
	parents   []string
	author    person
	committer person
	encoding  string
	message   string // what follows the empty line
	signed    bool
	when      uint64
}

// ParseCommit reads the content of a commit. Whatever can't be read is as if it were not there. raw is not kept.
func ParseCommit(h storage.Hash, raw []byte) *Commit {
	c := &Commit{hash: h, when: commitTime(raw)}
	raw, _, _ = bytes.Cut(raw, []byte{0}) // to git, a commit is a C string
	c.encoding = header(raw, "encoding")
	raw = decode(raw, c.encoding)
	for len(raw) > 0 {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		raw = rest
		if len(line) == 0 {
			break
		}
		key, value, _ := bytes.Cut(line, []byte{' '})
		switch string(key) {
		case "tree":
			c.tree = string(value)
		case "parent":
			c.parents = append(c.parents, string(value))
		case "author":
			c.author = parsePerson(value)
		case "committer":
			c.committer = parsePerson(value)
		case "gpgsig":
			c.signed = true
		}
	}
	c.message = string(raw)
	return c
}

// Time returns the time of the commit in seconds since 1970; 0 if it has none where git looks for it, or one before.
func (c *Commit) Time() uint64 { return c.when }

func header(raw []byte, name string) string {
	for len(raw) > 0 && raw[0] != '\n' {
		line, rest, _ := bytes.Cut(raw, []byte{'\n'})
		if value, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			return string(value)
		}
		raw = rest
	}
	return ""
}

// commitTime returns the time of a commit, or 0 if there is none where git looks for it.
func commitTime(raw []byte) uint64 {
	at := bytes.Index(raw, []byte("\nauthor"))
	if at < 0 {
		return 0
	}
	_, rest, _ := bytes.Cut(raw[at+1:], []byte{'\n'})
	line, _, ended := bytes.Cut(rest, []byte{'\n'})
	_, when, ok := bytes.Cut(line, []byte{'>'})
	if !ended || !ok || !bytes.HasPrefix(line, []byte("committer")) {
		return 0
	}
	return parseUint(string(when))
}

// parseUint reads a number as C's strtoumax does: after space, with a sign, up to what is no digit, and with the
// largest number in place of those that are larger.
func parseUint(s string) uint64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	end := 0
	for end < len(s) && '0' <= s[end] && s[end] <= '9' {
		end++
	}
	if end == 0 {
		return 0
	}
	n, err := strconv.ParseUint(s[:end], 10, 64)
	if err != nil {
		return math.MaxUint64
	}
	if negative {
		n = -n
	}
	return n
}
