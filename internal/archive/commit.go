package archive

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/reposit/reposit/storage"
)

// A commit is what an archive uses of one. Histories hold commits that no git would write today, so it is read as
// leniently as git does, which is not how package git reads it.
type commit struct {
	hash      storage.Hash
	tree      string
	parents   []string
	author    person
	committer person
	encoding  string
	message   string // what follows the empty line
	signed    bool
	when      uint64 // of the committer; git has no time before 1970
}

// parseCommit returns nil for the zero hash.
func parseCommit(h storage.Hash, raw []byte) *commit {
	if h.IsZero() {
		return nil
	}
	c := &commit{hash: h, when: commitTime(raw)}
	raw, _, _ = bytes.Cut(raw, []byte{0}) // to git, a commit is a C string
	c.encoding = header(raw, "encoding")
	if parseEncoding(c.encoding) == latin1 {
		raw = decodeLatin1(raw)
	}
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

// time returns the commit's time, or that of other if there is no commit, in seconds since 1970.
func (c *commit) time(other time.Time) uint64 {
	if c != nil {
		return c.when
	}
	return uint64(max(other.Unix(), 0))
}
