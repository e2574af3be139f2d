package refstack

import (
	"fmt"
	"slices"

	"github.com/reposit/reposit/storage"
)

// Create begins a repository. It costs nothing, unless the ID was that of one whose first segment lives on in forks.
func Create(m Medium, repo storage.ID) error {
	_, again, err := m.Stack(repo)
	if err != nil || !again {
		return err
	}
	return m.PutStack(repo, Stack{Own: newSegment()})
}

// Fork begins a repository with what another one has. It reports whether it froze the other's own segment: then
// there may be layers Alike.
func Fork(m Medium, repo, from storage.ID) (froze bool, err error) {
	parent, ok, err := m.Stack(from)
	if err != nil {
		return false, err
	}
	if !ok {
		parent = Stack{Own: from, Many: true}
	}
	if parent.Gone() {
		return false, fmt.Errorf("fork of repository %s: %w", from, storage.ErrNotFound)
	}
	_, again, err := m.Stack(repo)
	if err != nil {
		return false, err
	}
	fork := Stack{Own: repo}
	if again {
		fork.Own = newSegment()
	}
	if froze = parent.Many; froze {
		parent, err = freeze(m, from, parent)
	} else {
		fork.Recent = parent.Recent
		err = m.Copy(fork.Own, parent.Own, parent.Recent)
	}
	if err != nil {
		return false, err
	}
	fork.Below = inherited(parent.Below)
	for _, l := range fork.Below {
		if err := use(m, l.Segment); err != nil {
			return false, err
		}
	}
	return froze, m.PutStack(repo, fork)
}

// freeze has a repository go on in a new segment on top of the one that was its own.
func freeze(m Medium, repo storage.ID, s Stack) (Stack, error) {
	s = Stack{Own: newSegment(), Below: slices.Insert(slices.Clone(s.Below), 0, Layer{Segment: s.Own})}
	if err := m.PutRefcount(s.Below[0].Segment, 1); err != nil {
		return Stack{}, err
	}
	return s, m.PutStack(repo, s)
}

// Drop drops a repository, and the segments that no other one has.
func Drop(m Medium, repo storage.ID) error {
	s, ok, err := m.Stack(repo)
	if err != nil {
		return err
	}
	if !ok {
		return m.DropAll(repo)
	}
	if s.Gone() {
		return nil
	}
	for _, l := range s.Below {
		if err := release(m, l.Segment); err != nil {
			return err
		}
	}
	if s.Own != repo {
		if err := m.DropSegment(s.Own); err != nil {
			return err
		}
		refcount, err := m.Refcount(repo)
		if err != nil {
			return err
		}
		if refcount > 0 {
			if err := m.DropLogs(repo); err != nil {
				return err
			}
			return m.PutStack(repo, Stack{})
		}
	}
	return m.DropAll(repo)
}

// use adds a stack to those that have a segment.
func use(m Medium, segment storage.ID) error {
	n, err := m.Refcount(segment)
	if err != nil {
		return err
	}
	return m.PutRefcount(segment, n+1)
}

// release takes a stack from those that have a segment, and drops the segment after the last.
func release(m Medium, segment storage.ID) error {
	n, err := m.Refcount(segment)
	if err != nil {
		return err
	}
	if n > 1 {
		return m.PutRefcount(segment, n-1)
	}
	if err := m.PutRefcount(segment, 0); err != nil {
		return err
	}
	if err := m.DropSegment(segment); err != nil || IsSegment(segment) {
		return err
	}
	// It was the first one of a repository. If that is gone, nothing of it is left.
	if s, ok, err := m.Stack(segment); err != nil || !ok || !s.Gone() {
		return err
	}
	return m.DeleteStack(segment)
}
