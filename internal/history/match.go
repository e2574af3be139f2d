package history

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
)

// A Pattern is a part of a text, or a regular expression that finds one.
type Pattern struct {
	text string
	expr *regexp.Regexp
}

// Limits of patterns.
const maxPattern = 1024 // bytes

// Errors of ParsePattern.
var (
	ErrPattern     = fault.New(fault.Invalid, "malformed pattern")
	ErrLongPattern = fault.New(fault.TooLarge, "too large: a pattern of more than 1 KiB")
)

// ParsePattern reads a pattern: "/.../" is a regular expression (RE2), anything else the text that is looked for. "" is
// nil.
func ParsePattern(s string) (*Pattern, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > maxPattern {
		return nil, ErrLongPattern
	}
	if len(s) < 2 || s[0] != '/' || s[len(s)-1] != '/' {
		return &Pattern{text: s}, nil
	}
	expr, err := regexp.Compile(s[1 : len(s)-1])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPattern, err)
	}
	return &Pattern{expr: expr}, nil
}

// inLine reports whether a line has what is looked for.
func (p *Pattern) inLine(line string) bool {
	if p.expr != nil {
		return p.expr.MatchString(line)
	}
	return strings.Contains(line, p.text)
}

// inText reports whether a text has what is looked for, a regular expression within one line.
func (p *Pattern) inText(text string) bool {
	if p.expr == nil {
		return strings.Contains(text, p.text)
	}
	for line := range strings.Lines(text) {
		if p.expr.MatchString(strings.TrimSuffix(line, "\n")) {
			return true
		}
	}
	return false
}

// Patterns are what is looked for in commits. Those that are nil match everything.
type Patterns struct {
	Author, Committer *Pattern // in "name <address>"
	Message           *Pattern // in a line
}

// Match returns a function that reports whether a commit has all of it, in text that is decoded, or nil if there is
// nothing to look for.
func (p Patterns) Match() func(*git.Commit) bool {
	if p == (Patterns{}) {
		return nil
	}
	return func(stored *git.Commit) bool {
		c := charset.Commit(stored)
		return (p.Author == nil || p.Author.inLine(c.Author.Name+" <"+c.Author.Email+">")) &&
			(p.Committer == nil || p.Committer.inLine(c.Committer.Name+" <"+c.Committer.Email+">")) &&
			(p.Message == nil || p.Message.inText(c.Message))
	}
}
