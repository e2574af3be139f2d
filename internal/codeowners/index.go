package codeowners

import (
	"strings"

	"github.com/reposit/reposit/internal/fnmatch"
)

// An index finds the lines that may match a path. Those of the usual forms need no look at each. The numbers are
// offsets in File.lines; where a form has one for each text, it is the last line of that text.
type index struct {
	literal  map[string]int   // "/docs/file": the path, or what is below it
	anywhere map[string]int   // "name": a component of the path
	ending   map[string]int   // "*.go": the ending of a component
	under    map[string][]int // "/docs/*x": what comes after a directory is matched
	rest     []int
}

func newIndex(lines []Line) index {
	x := index{map[string]int{}, map[string]int{}, map[string]int{}, map[string][]int{}, nil}
	for i := range lines {
		x.add(&lines[i], i)
	}
	return x
}

func (x *index) add(l *Line, i int) {
	name, anywhere := strings.CutPrefix(l.exact, "**/")
	end, isEnding := strings.CutPrefix(name, "*")
	plain := func(s string) bool { return !strings.ContainsAny(s, fnmatch.Special) }
	switch {
	case plain(l.exact) && l.below != "":
		x.literal[l.exact] = i
	case anywhere && plain(name) && !strings.Contains(name, "/"):
		x.anywhere[name] = i
	// A star takes whole characters, so an ending must not begin inside of one. A lone star is for files alone, which is
	// what the last component always is.
	case anywhere && isEnding && plain(end) && !strings.Contains(end, "/") && (end == "" || end[0] < 0x80):
		x.ending[end] = i
	default:
		if slash := strings.LastIndexByte(l.stem, '/'); slash >= 0 {
			dir := l.stem[:slash]
			x.under[dir] = append(x.under[dir], i)
		} else {
			x.rest = append(x.rest, i)
		}
		l.part = longestPart(l.exact)
	}
}

// longestPart returns the longest text that must be somewhere in what a pattern matches.
func longestPart(pattern string) (longest string) {
	for pattern != "" {
		end := strings.IndexAny(pattern, fnmatch.Special+"/")
		if end < 0 {
			end = len(pattern)
		}
		if end > len(longest) {
			longest = pattern[:end]
		}
		if end < len(pattern) && pattern[end] == '\\' {
			end++
		}
		pattern = pattern[min(end+1, len(pattern)):]
	}
	return longest
}

// last returns the offset of the last line that matches a path, or -1.
func (x *index) last(lines []Line, path string) int {
	best := -1
	consider := func(m map[string]int, key string) {
		if i, ok := m[key]; ok {
			best = max(best, i)
		}
	}
	check := func(candidates []int) {
		for n := len(candidates) - 1; n >= 0 && candidates[n] > best; n-- {
			if lines[candidates[n]].matches(path) {
				best = candidates[n]
			}
		}
	}
	for start := 0; start <= len(path); {
		end := len(path)
		if i := strings.IndexByte(path[start:], '/'); i >= 0 {
			end = start + i
		}
		consider(x.literal, path[:end])
		consider(x.anywhere, path[start:end])
		if len(x.ending) > 0 {
			for at := start; at <= end; at++ {
				consider(x.ending, path[at:end])
			}
		}
		if end < len(path) {
			check(x.under[path[:end]])
		}
		start = end + 1
	}
	check(x.rest)
	return best
}
