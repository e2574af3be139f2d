package grep

import (
	"fmt"
	"strings"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/wildmatch"
)

// Paths say which files are looked at, by pathspecs as git has them without "magic": a file or directory, or a pattern
// that matches the whole path of a file, in which "*" and "?" match slashes, too. It is for one goroutine.
type paths struct {
	specs   []spec
	matcher wildmatch.Matcher
}

type spec struct {
	text   string
	fixed  int // how much of it is no pattern
	isGlob bool
}

// ErrPath says that a pathspec can't be.
var ErrPath = fault.New(fault.Invalid, "malformed path")

func newPaths(specs []string) (*paths, error) {
	p := &paths{}
	for _, s := range specs {
		fixed := strings.IndexAny(s, `*?[\`)
		why := ""
		switch body := strings.TrimSuffix(s, "/"); {
		case body == "":
			why = "it is empty"
		case s[0] == ':':
			why = "what begins with a colon has a meaning to git that is not known here; [:] is a colon"
		case len(s) > wildmatch.MaxPattern:
			why = "it is too long"
		case s[0] == '/' || strings.Contains(s, "//"):
			why = "a component is empty"
		default:
			for name := range strings.SplitSeq(body, "/") {
				if name == "." || name == ".." {
					why = fmt.Sprintf("a component is %q", name)
				}
			}
		}
		if why != "" {
			return nil, fault.About(s, fmt.Errorf("%w: %s", ErrPath, why))
		}
		if fixed < 0 {
			fixed = len(s)
		}
		p.specs = append(p.specs, spec{s, fixed, fixed < len(s)})
	}
	return p, nil
}

// covers reports whether a file is looked at.
func (p *paths) covers(path string) bool {
	for i := range p.specs {
		s := &p.specs[i]
		rest, ok := strings.CutPrefix(path, s.text)
		if ok && (rest == "" || rest[0] == '/' || s.text[len(s.text)-1] == '/') {
			return true
		}
		if s.isGlob && strings.HasPrefix(path, s.text[:s.fixed]) && p.matcher.Match(s.text, path) {
			return true
		}
	}
	return len(p.specs) == 0
}

// leadsTo reports whether a directory, whose path ends in a slash, may have files that are looked at.
func (p *paths) leadsTo(dir string) bool {
	for i := range p.specs {
		s := &p.specs[i]
		begin := s.text[:s.fixed]
		if !s.isGlob {
			begin = strings.TrimSuffix(s.text, "/") + "/"
		}
		if strings.HasPrefix(dir, begin) || strings.HasPrefix(begin, dir) {
			return true
		}
	}
	return len(p.specs) == 0
}
