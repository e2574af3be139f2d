package refstack_test

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// An entry is what a segment has under a name: a value, or, if that is empty, that the ref was deleted. It says how
// long the log is.
type entry struct {
	value string
	log   int
}

// A shelf is a Medium over maps, with the refs that are to be in it.
type shelf struct {
	segments map[storage.ID]map[string]entry
	stacks   map[storage.ID]refstack.Stack
	refcount map[storage.ID]uint64
	want     map[storage.ID]map[string]string // refs by repository
	logs     map[storage.ID]map[string]int    // lengths of logs
}

func newShelf() *shelf {
	return &shelf{
		segments: map[storage.ID]map[string]entry{},
		stacks:   map[storage.ID]refstack.Stack{},
		refcount: map[storage.ID]uint64{},
		want:     map[storage.ID]map[string]string{},
		logs:     map[storage.ID]map[string]int{},
	}
}

func (m *shelf) Stack(repo storage.ID) (refstack.Stack, bool, error) {
	s, ok := m.stacks[repo]
	return s, ok, nil
}

func (m *shelf) PutStack(repo storage.ID, s refstack.Stack) error {
	m.stacks[repo] = s
	return nil
}

func (m *shelf) DeleteStack(repo storage.ID) error {
	delete(m.stacks, repo)
	return nil
}

func (m *shelf) Refcount(segment storage.ID) (uint64, error) { return m.refcount[segment], nil }

func (m *shelf) PutRefcount(segment storage.ID, n uint64) error {
	if m.refcount[segment] = n; n == 0 {
		delete(m.refcount, segment)
	}
	return nil
}

func (m *shelf) Copy(to, from storage.ID, names []string) error {
	for _, name := range names {
		e, ok := m.segments[from][name]
		if !ok {
			return fmt.Errorf("%q is not in the segment", name)
		}
		m.set(to, name, entry{value: e.value})
	}
	return nil
}

func (m *shelf) DropSegment(segment storage.ID) error {
	delete(m.segments, segment)
	return nil
}

func (m *shelf) DropLogs(repo storage.ID) error { return nil }

func (m *shelf) DropAll(repo storage.ID) error {
	delete(m.segments, repo)
	delete(m.stacks, repo)
	return nil
}

func (m *shelf) set(segment storage.ID, name string, e entry) {
	if m.segments[segment] == nil {
		m.segments[segment] = map[string]entry{}
	}
	m.segments[segment][name] = e
}

func (m *shelf) scan(segment storage.ID, lo, hi string) iter.Seq2[string, entry] {
	return func(yield func(string, entry) bool) {
		for _, name := range slices.Sorted(maps.Keys(m.segments[segment])) {
			if name >= lo && (hi == "" || name < hi) && !yield(name, m.segments[segment][name]) {
				return
			}
		}
	}
}

func (m *shelf) count(segment storage.ID, limit int) (int, error) {
	return min(len(m.segments[segment]), limit), nil
}

func (m *shelf) layers(repo storage.ID) []refstack.Layer {
	if s, ok := m.stacks[repo]; ok {
		return s.Layers()
	}
	return []refstack.Layer{{Segment: repo}}
}

func (m *shelf) create(repo storage.ID) error {
	m.want[repo], m.logs[repo] = map[string]string{}, map[string]int{}
	return refstack.Create(m, repo)
}

func (m *shelf) fork(repo, from storage.ID) (froze bool, err error) {
	m.want[repo], m.logs[repo] = map[string]string{}, map[string]int{}
	for name, value := range m.want[from] {
		if storage.Inherited(name) {
			m.want[repo][name] = value
		}
	}
	return refstack.Fork(m, repo, from)
}

func (m *shelf) drop(repo storage.ID) error {
	delete(m.want, repo)
	delete(m.logs, repo)
	return refstack.Drop(m, repo)
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
		if old, ok := m.segments[l.Segment][name]; ok && l.Shows(name) {
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
	*refstack.Compaction
	next string
}

func (m *shelf) start(repo storage.ID) (*merging, error) {
	layers, err := m.stacks[repo].Alike(m.count)
	if err != nil || layers == nil {
		return nil, err
	}
	g, err := refstack.Start(m, repo, layers)
	if err != nil || g == nil {
		return nil, err
	}
	return &merging{Compaction: g}, nil
}

// step copies n entries, and reports whether the merge is done.
func (m *shelf) step(g *merging, n int) (done bool, err error) {
	for name, e := range refstack.Entries(g.Layers, m.scan, g.next, "") {
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

// check returns how the refs and logs differ from what they should be, or what is wrong with the segments when no merge
// is under way.
func (m *shelf) check() error {
	for repo, want := range m.want {
		got := map[string]string{}
		for name, e := range refstack.Entries(m.layers(repo), m.scan, "", "") {
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

// checkSpaces returns what is wrong with the segments, when no merge is under way.
func (m *shelf) checkSpaces() error {
	refcount, used := map[storage.ID]uint64{}, map[storage.ID]bool{}
	for repo, s := range m.stacks {
		if _, ok := m.want[repo]; ok == s.Gone() {
			return fmt.Errorf("stack of %v is %v, and the repository is there: %v", repo, s, ok)
		}
		used[s.Own] = true
		for _, l := range s.Below {
			refcount[l.Segment]++
			used[l.Segment] = true
		}
		if s.Gone() && m.refcount[repo] == 0 {
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
	if !maps.Equal(refcount, m.refcount) {
		return fmt.Errorf("refcount are %v, want %v", m.refcount, refcount)
	}
	for segment := range m.segments {
		if !used[segment] {
			return fmt.Errorf("segment %x is left", segment)
		}
	}
	return nil
}

func (m *shelf) checkRecent(s refstack.Stack) error {
	if s.Many || s.Gone() {
		return nil
	}
	for name := range m.segments[s.Own] {
		if storage.Inherited(name) != slices.Contains(s.Recent, name) {
			return fmt.Errorf("recent names are %q, with an entry for %q", s.Recent, name)
		}
	}
	return nil
}
