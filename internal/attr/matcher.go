package attr

import (
	"bytes"
	"context"
	"strings"

	"github.com/reposit/reposit/internal/wildmatch"
)

// A Matcher says what some attributes are for paths of one tree. It holds the files of the directories on the way to
// the path that is asked for, from the root down: Push adds one on entering a directory, Pop drops it on leaving.
// It is for one goroutine.
type Matcher struct {
	names  []string
	ids    map[string]int // of names, and of the macros that may set one of them
	macros [][]effect     // per id, what a macro sets; nil for what is none
	files  []file
	values []Value
	known  []bool
	todo   []effects
	glob   wildmatch.Matcher
}

// A file is what is left of a .gitattributes file: its lines about attributes that matter.
type file struct {
	dir   string
	rules []rule
}

type rule struct {
	pattern pattern
	effects []effect
}

// An effect is an assign, with the attribute's id in place of its name.
type effect struct {
	id    int
	value Value
}

// effects is work that is under way: the first left ones of a line, of which the last counts first.
type effects struct {
	list []effect
	left int
}

// NewMatcher returns a Matcher of the attributes with the given names, with no file.
func NewMatcher(names ...string) *Matcher {
	m := &Matcher{names: names}
	m.define(nil)
	return m
}

// Push adds the file of directory dir, given without a slash at its end. The root is "", and must come first if it
// has a file, as only that may define macros; then dir must lie below the directory that was pushed last. Lines
// that Git ignores have no effect, nor has a file of MaxFile bytes or more, nor what follows a NUL. data is not kept.
func (m *Matcher) Push(dir string, data []byte) {
	if len(data) >= MaxFile {
		data = nil
	}
	if end := bytes.IndexByte(data, 0); end >= 0 {
		data = data[:end]
	}
	atRoot := dir == "" && len(m.files) == 0
	if atRoot {
		m.define(data)
	}
	f := file{dir: strings.Clone(dir)}
	var l line
	eachLine(data, func(s string) {
		if !l.parse(s, atRoot) || l.macro != "" {
			return
		}
		if effects := m.effects(l.assigns); effects != nil {
			f.rules = append(f.rules, rule{pattern: l.pattern, effects: effects})
		}
	})
	m.files = append(m.files, f)
}

// Pop drops the file that was pushed last.
func (m *Matcher) Pop() {
	last := len(m.files) - 1
	m.files[last] = file{}
	m.files = m.files[:last]
}

// define finds the macros of the root's file that matter, and those that are built in.
func (m *Matcher) define(root []byte) {
	macros := map[string][]assign{}
	define := func(s string) {
		var l line
		if l.parse(s, true) && l.macro != "" {
			macros[strings.Clone(l.macro)] = l.assigns
		}
	}
	define("[attr]binary -diff -merge -text")
	if bytes.Contains(root, []byte(macroPrefix)) {
		eachLine(root, func(s string) {
			if strings.Contains(s, macroPrefix) {
				define(s)
			}
		})
	}

	m.ids = make(map[string]int, len(m.names))
	for i, name := range m.names {
		m.ids[name] = i
	}
	setBy := map[string][]string{} // attribute to the macros that speak of it
	for name, assigns := range macros {
		for _, a := range assigns {
			setBy[a.name] = append(setBy[a.name], name)
		}
	}
	for queue := m.names; len(queue) > 0; {
		name := queue[0]
		queue = queue[1:]
		for _, macro := range setBy[name] {
			if _, ok := m.ids[macro]; !ok {
				m.ids[macro] = len(m.ids)
				queue = append(queue, macro)
			}
		}
		delete(setBy, name)
	}

	m.macros = make([][]effect, len(m.ids))
	for name, assigns := range macros {
		if id, ok := m.ids[name]; ok {
			m.macros[id] = m.effects(assigns)
		}
	}
	m.values = make([]Value, len(m.ids))
	m.known = make([]bool, len(m.ids))
}

// effects returns what the assigns do to attributes that matter; nil if nothing. Their texts are copied.
func (m *Matcher) effects(assigns []assign) []effect {
	n := 0
	for _, a := range assigns {
		if _, ok := m.ids[a.name]; ok {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	effects := make([]effect, 0, n)
	for _, a := range assigns {
		if id, ok := m.ids[a.name]; ok {
			effects = append(effects, effect{id: id, value: a.value})
		}
	}
	return effects
}

// Match returns the values for path, in the order of NewMatcher's names; they are valid until the next call. A path
// that ends in "/" is a directory. The files must be those of the directories above path: that a directory has
// itself says nothing about it. Match returns an error only if ctx is done before a long search is.
func (m *Matcher) Match(ctx context.Context, path string) ([]Value, error) {
	clear(m.values)
	clear(m.known)
	name := strings.TrimSuffix(path, "/")
	isDir := len(name) < len(path)
	base := strings.LastIndexByte(name, '/') + 1
	left, pause := len(m.values), 0
	for f := len(m.files) - 1; f >= 0; f-- {
		dir, rules := m.files[f].dir, m.files[f].rules
		for r := len(rules) - 1; r >= 0; r-- {
			if left == 0 {
				return m.values[:len(m.names)], nil
			}
			if rules[r].pattern.match(dir, name, base, isDir, &m.glob) {
				left -= m.apply(rules[r].effects)
			}
			if pause++; pause+m.glob.Steps > 1<<20 {
				pause, m.glob.Steps = 0, 0
				if err := ctx.Err(); err != nil {
					return nil, err
				}
			}
		}
	}
	return m.values[:len(m.names)], nil
}

// apply gives the attributes their values, unless they have one, together with what macros that get set stand for.
// It returns how many it gave. A macro may lead to as many others as a file has lines, hence no recursion.
func (m *Matcher) apply(list []effect) int {
	n := 0
	m.todo = append(m.todo[:0], effects{list, len(list)})
	for len(m.todo) > 0 {
		top := &m.todo[len(m.todo)-1]
		if top.left == 0 {
			m.todo = m.todo[:len(m.todo)-1]
			continue
		}
		top.left--
		e := top.list[top.left]
		if m.known[e.id] {
			continue
		}
		m.known[e.id], m.values[e.id] = true, e.value
		n++
		if macro := m.macros[e.id]; macro != nil && e.value.IsSet() {
			m.todo = append(m.todo, effects{macro, len(macro)})
		}
	}
	return n
}

// eachLine calls fn with the lines that are not too long. Each is a string of its own: what is kept of one does not
// keep the file.
func eachLine(data []byte, fn func(string)) {
	for len(data) > 0 {
		l, rest, _ := bytes.Cut(data, []byte{'\n'})
		if len(l) < MaxLine {
			fn(string(l))
		}
		data = rest
	}
}
