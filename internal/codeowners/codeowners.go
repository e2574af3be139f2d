// Package codeowners reads CODEOWNERS files as GitHub does (docs.github.com, "About code owners"): who owns which paths
// of a repository.
package codeowners

import (
	"bytes"
	"strings"

	"github.com/reposit/reposit/internal/fnmatch"
	"github.com/reposit/reposit/internal/names"
)

// Paths are where the file may be. The first that is there counts.
var Paths = [...]string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}

// MaxSize bounds the file in bytes.
const MaxSize = 3 << 20

// A File is a decoded CODEOWNERS file. It is never changed.
type File struct {
	lines []Line
	index index
}

// A Line says who owns the paths that its pattern matches.
type Line struct {
	Number int // 1-based
	Owners []Owner

	exact string // what a path is matched with
	below string // the same for what is below a directory that exact matches; "" if that is not meant
	stem  string // what exact begins with before its first special character
	part  string // a text that a path which matches must hold
}

// An Owner is a user, a team or whoever has an e-mail address. Names are in lower case.
type Owner struct {
	Login     string // "alice" of "@alice"
	Org, Team string // of "@org/team"
	Email     string
}

// String returns the owner as it stands in the file, but in lower case.
func (o Owner) String() string {
	switch {
	case o.Email != "":
		return o.Email
	case o.Team != "":
		return "@" + o.Org + "/" + o.Team
	}
	return "@" + o.Login
}

// Parse reads a file. Lines with an error are skipped: a pattern that begins with "!" or `\#`, has "***" or nothing
// behind a backslash, and an owner that is neither "@user", "@org/team" nor an e-mail address. A byte order mark at the
// beginning says nothing. data is not kept.
func Parse(data []byte) *File {
	f := &File{}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	number := 0
	for text := range strings.Lines(string(data)) {
		number++
		if l, ok := parseLine(strings.TrimRight(text, "\r\n")); ok {
			l.Number = number
			f.lines = append(f.lines, l)
		}
	}
	f.index = newIndex(f.lines)
	return f
}

const blanks = " \t\v\f"

func parseLine(text string) (l Line, ok bool) {
	text = strings.TrimLeft(text, blanks)
	if text == "" || text[0] == '#' || text[0] == '!' || strings.HasPrefix(text, `\#`) {
		return l, false
	}
	end := patternEnd(text)
	if !l.compile(text[:end]) {
		return l, false
	}
	owners, _, _ := strings.Cut(text[end:], "#") // a comment
	for word := range strings.FieldsSeq(owners) {
		owner, ok := parseOwner(word)
		if !ok {
			return l, false
		}
		l.Owners = append(l.Owners, owner)
	}
	return l, true
}

// patternEnd returns the offset of the first blank without a backslash before it.
func patternEnd(s string) int {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case strings.IndexByte(blanks, s[i]) >= 0:
			return i
		}
	}
	return len(s)
}

// compile makes a pattern of gitignore's form one of package fnmatch. Brackets stand for themselves.
func (l *Line) compile(pattern string) bool {
	if pattern == "/" || strings.Contains(pattern, "***") || strings.IndexByte(pattern, 0) >= 0 {
		return false
	}
	rest, anchored := strings.CutPrefix(pattern, "/")
	if name := strings.TrimSuffix(rest, "/"); !anchored && !strings.Contains(name, "/") && name != "**" {
		rest = "**/" + rest
	}
	if strings.HasSuffix(rest, "/") {
		rest += "**"
	}
	l.exact = quoteBrackets(rest)
	if fnmatch.Check(l.exact) != nil {
		return false
	}
	// "docs/*" is what lies directly in docs, and "docs/**" is all of it anyway.
	if last := rest[strings.LastIndexByte(rest, '/')+1:]; last != "*" && last != "**" {
		l.below = l.exact + "/**"
	}
	l.stem = l.exact
	if i := strings.IndexAny(l.exact, fnmatch.Special); i >= 0 {
		l.stem = l.exact[:i]
	}
	return true
}

// quoteBrackets quotes the brackets of a pattern that are not quoted yet.
func quoteBrackets(pattern string) string {
	if strings.IndexByte(pattern, '[') < 0 {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern):
			b.WriteByte('\\')
			i++
		case pattern[i] == '[':
			b.WriteByte('\\')
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

func parseOwner(word string) (Owner, bool) {
	name, ok := strings.CutPrefix(word, "@")
	if !ok {
		user, domain, found := strings.Cut(word, "@")
		ok = found && user != "" && domain != "" && !strings.Contains(domain, "@") && names.CheckDescription(word) == nil
		return Owner{Email: names.Key(word)}, ok
	}
	org, team, isTeam := strings.Cut(names.Key(name), "/")
	if names.CheckOwner(org) != nil {
		return Owner{}, false
	}
	if !isTeam {
		return Owner{Login: org}, true
	}
	return Owner{Org: org, Team: team}, names.CheckSlug(team) == nil
}

// Of returns the line that says who owns the path, which is the last one that matches, or nil if there is none. A line
// without owners says that nobody does. It costs a look at each line with wildcards inside of names, and none at
// others.
func (f *File) Of(path string) *Line {
	if i := f.index.last(f.lines, path); i >= 0 {
		return &f.lines[i]
	}
	return nil
}

func (l *Line) matches(path string) bool {
	if !strings.HasPrefix(path, l.stem) || !strings.Contains(path, l.part) {
		return false
	}
	return fnmatch.Match(l.exact, path) || l.below != "" && fnmatch.Match(l.below, path)
}
