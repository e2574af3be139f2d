package attr

import (
	"strings"

	"github.com/reposit/reposit/internal/wildmatch"
)

// A pattern is one of gitignore's, except that it never negates.
type pattern struct {
	text    string // without a trailing slash
	literal int    // how many bytes of text stand before its first wildcard
	flags   patternFlags
}

type patternFlags uint8

const (
	onlyDirs  patternFlags = 1 << iota // it ended in a slash
	baseOnly                           // it has no other slash, and so is matched with the last component
	endsWith                           // "*" and nothing special after it
	wildcards = `*?[\`
)

// parse reports whether s is a pattern that can match at all.
func (p *pattern) parse(s string) bool {
	if strings.HasPrefix(s, "!") {
		return false
	}
	*p = pattern{text: s}
	if strings.HasSuffix(s, "/") {
		p.text = s[:len(s)-1]
		p.flags |= onlyDirs
	}
	if !strings.Contains(p.text, "/") {
		p.flags |= baseOnly
	}
	p.literal = strings.IndexAny(p.text, wildcards)
	if p.literal < 0 {
		p.literal = len(p.text)
	}
	if p.literal == 0 && strings.HasPrefix(p.text, "*") && !strings.ContainsAny(p.text[1:], wildcards) {
		p.flags |= endsWith
	}
	return true
}

// match reports whether the pattern, from the file in directory dir, matches path, a directory if isDir; base is
// where path's last component begins.
func (p *pattern) match(dir, path string, base int, isDir bool, g *wildmatch.Matcher) bool {
	if p.flags&onlyDirs != 0 && !isDir {
		return false
	}
	if p.flags&baseOnly != 0 {
		return p.matchBase(path[base:], g)
	}
	name, ok := below(dir, path)
	if !ok {
		return false
	}
	text, literal := p.text, p.literal
	if strings.HasPrefix(text, "/") {
		text, literal = text[1:], literal-1
	}
	if literal > 0 {
		if !strings.HasPrefix(name, text[:literal]) {
			return false
		}
		text, name = text[literal:], name[literal:]
	}
	if text == "" {
		return name == ""
	}
	return g.MatchPath(text, name)
}

func (p *pattern) matchBase(name string, g *wildmatch.Matcher) bool {
	switch {
	case p.literal == len(p.text):
		return name == p.text
	case p.flags&endsWith != 0:
		return strings.HasSuffix(name, p.text[1:])
	case !strings.HasPrefix(name, p.text[:p.literal]):
		return false
	}
	return g.Match(p.text, name)
}

// below returns path relative to dir, if it is inside.
func below(dir, path string) (string, bool) {
	if dir == "" {
		return path, true
	}
	if len(path) <= len(dir) || path[len(dir)] != '/' || path[:len(dir)] != dir {
		return "", false
	}
	return path[len(dir)+1:], true
}
