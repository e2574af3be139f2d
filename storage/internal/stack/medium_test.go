package stack_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/stack"
)

// An entry is what a space has under a name: a value, or, if that is empty, that the ref was deleted. It says how long
// the log is.
type entry struct {
	value string
	log   int
}

// A shelf is a Medium over maps, with the refs that are to be in it.
type shelf struct {
	spaces map[storage.ID]map[string]entry
	stacks map[storage.ID]stack.Stack
	users  map[storage.ID]uint64
	want   map[storage.ID]map[string]string // refs by repository
	logs   map[storage.ID]map[string]int    // lengths of logs
}

func newShelf() *shelf {
	return &shelf{
		spaces: map[storage.ID]map[string]entry{},
		stacks: map[storage.ID]stack.Stack{},
		users:  map[storage.ID]uint64{},
		want:   map[storage.ID]map[string]string{},
		logs:   map[storage.ID]map[string]int{},
	}
}

func (m *shelf) Stack(repo storage.ID) (stack.Stack, bool, error) {
	s, ok := m.stacks[repo]
	return s, ok, nil
}

func (m *shelf) PutStack(repo storage.ID, s stack.Stack) error {
	m.stacks[repo] = s
	return nil
}

func (m *shelf) DeleteStack(repo storage.ID) error {
	delete(m.stacks, repo)
	return nil
}

func (m *shelf) Users(space storage.ID) (uint64, error) { return m.users[space], nil }

func (m *shelf) PutUsers(space storage.ID, n uint64) error {
	if m.users[space] = n; n == 0 {
		delete(m.users, space)
	}
	return nil
}

func (m *shelf) Copy(to, from storage.ID, names []string) error {
	for _, name := range names {
		e, ok := m.spaces[from][name]
		if !ok {
			return fmt.Errorf("%q is not in the space", name)
		}
		m.set(to, name, entry{value: e.value})
	}
	return nil
}

func (m *shelf) DropSpace(space storage.ID) error {
	delete(m.spaces, space)
	return nil
}

func (m *shelf) DropLogs(repo storage.ID) error { return nil }

func (m *shelf) DropAll(repo storage.ID) error {
	delete(m.spaces, repo)
	delete(m.stacks, repo)
	return nil
}

func (m *shelf) set(space storage.ID, name string, e entry) {
	if m.spaces[space] == nil {
		m.spaces[space] = map[string]entry{}
	}
	m.spaces[space][name] = e
}

func (m *shelf) scan(space storage.ID, lo, hi string) iter.Seq2[string, entry] {
	return func(yield func(string, entry) bool) {
		for _, name := range slices.Sorted(maps.Keys(m.spaces[space])) {
			if name >= lo && (hi == "" || name < hi) && !yield(name, m.spaces[space][name]) {
				return
			}
		}
	}
}

func (m *shelf) count(space storage.ID, limit int) (int, error) {
	return min(len(m.spaces[space]), limit), nil
}

func (m *shelf) layers(repo storage.ID) []stack.Layer {
	if s, ok := m.stacks[repo]; ok {
		return s.Layers()
	}
	return []stack.Layer{{Space: repo}}
}

func (m *shelf) create(repo storage.ID) error {
	m.want[repo], m.logs[repo] = map[string]string{}, map[string]int{}
	return stack.Create(m, repo)
}

func (m *shelf) fork(repo, from storage.ID) (froze bool, err error) {
	m.want[repo], m.logs[repo] = map[string]string{}, map[string]int{}
	for name, value := range m.want[from] {
		if storage.Inherited(name) {
			m.want[repo][name] = value
		}
	}
	return stack.Fork(m, repo, from)
}

func (m *shelf) drop(repo storage.ID) error {
	delete(m.want, repo)
	delete(m.logs, repo)
	return stack.Drop(m, repo)
}

// put puts a ref, or deletes it if value is empty, and adds to its log.
func (m *shelf) put(repo storage.ID, name, value string) error {
	if value == "" && m.want[repo][name] == "" {
		return nil
	}
	if m.want[repo][name] = value; value == "" {
		delete(m.want[repo], name)
	}
	m.logs[repo][name]++
	e := entry{value, 1}
	for _, l := range m.layers(repo) {
		if old, ok := m.spaces[l.Space][name]; ok && l.Shows(name) {
			if !l.Inherited {
				e.log = old.log + 1
			}
			break
		}
	}
	s, ok := m.stacks[repo]
	if !ok {
		m.set(repo, name, e)
		return nil
	}
	m.set(s.Own, name, e)
	if s, changed := s.Put(name); changed {
		return m.PutStack(repo, s)
	}
	return nil
}

// A merging is a merge that is under way.
type merging struct {
	*stack.Merge
	next string
}

func (m *shelf) start(repo storage.ID) (*merging, error) {
	layers, err := m.stacks[repo].Alike(m.count)
	if err != nil || layers == nil {
		return nil, err
	}
	g, err := stack.Start(m, repo, layers)
	if err != nil || g == nil {
		return nil, err
	}
	return &merging{Merge: g}, nil
}

// step copies n entries, and reports whether the merge is done.
func (m *shelf) step(g *merging, n int) (done bool, err error) {
	for name, e := range stack.Entries(g.Layers, m.scan, g.next, "") {
		if n--; n < 0 {
			g.next = name
			return false, nil
		}
		if e.Layer.Inherited {
			e.Value.log = 0
		}
		if e.Value != (entry{}) || !g.Bottom {
			m.set(g.Into, name, e.Value)
		}
	}
	return true, g.Finish(m)
}

// check returns how the refs and logs differ from what they should be, or what is wrong with the spaces when no merge
// is under way.
func (m *shelf) check() error {
	for repo, want := range m.want {
		got := map[string]string{}
		for name, e := range stack.Entries(m.layers(repo), m.scan, "", "") {
			if !e.Layer.Shows(name) {
				return fmt.Errorf("%v: Entries() yields %q of an inherited layer", repo, name)
			}
			if e.Value.value != "" {
				got[name] = e.Value.value
			}
			if log := m.logs[repo][name]; !e.Layer.Inherited && e.Value.log != log || e.Layer.Inherited && log != 0 {
				return fmt.Errorf("%v: log of %q has %d entries in %+v, want %d", repo, name, e.Value.log, e.Layer, log)
			}
		}
		if !maps.Equal(got, want) {
			return fmt.Errorf("%v: refs are %v, want %v", repo, got, want)
		}
	}
	return nil
}

// checkSpaces returns what is wrong with the spaces, when no merge is under way.
func (m *shelf) checkSpaces() error {
	users, used := map[storage.ID]uint64{}, map[storage.ID]bool{}
	for repo, s := range m.stacks {
		if _, ok := m.want[repo]; ok == s.Gone() {
			return fmt.Errorf("stack of %v is %v, and the repository is there: %v", repo, s, ok)
		}
		used[s.Own] = true
		for _, l := range s.Below {
			users[l.Space]++
			used[l.Space] = true
		}
		if s.Gone() && m.users[repo] == 0 {
			return fmt.Errorf("%v was dropped and left a stack", repo)
		}
		if err := m.checkRecent(s); err != nil {
			return err
		}
	}
	for repo := range m.want {
		if _, ok := m.stacks[repo]; !ok {
			used[repo] = true
		}
	}
	if !maps.Equal(users, m.users) {
		return fmt.Errorf("users are %v, want %v", m.users, users)
	}
	for space := range m.spaces {
		if !used[space] {
			return fmt.Errorf("space %x is left", space)
		}
	}
	return nil
}

func (m *shelf) checkRecent(s stack.Stack) error {
	if s.Many || s.Gone() {
		return nil
	}
	for name := range m.spaces[s.Own] {
		if storage.Inherited(name) != slices.Contains(s.Recent, name) {
			return fmt.Errorf("recent names are %q, with an entry for %q", s.Recent, name)
		}
	}
	return nil
}
