package stack

import (
	"fmt"
	"slices"

	"github.com/reposit/reposit/storage"
)

// Create begins a repository. It costs nothing, unless the ID was that of one whose first space lives on in forks.
func Create(m Medium, repo storage.ID) error {
	_, again, err := m.Stack(repo)
	if err != nil || !again {
		return err
	}
	return m.PutStack(repo, Stack{Own: newSpace()})
}

// Fork begins a repository with what another one has. It reports whether it froze the other's own space: then
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
		fork.Own = newSpace()
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
		if err := use(m, l.Space); err != nil {
			return false, err
		}
	}
	return froze, m.PutStack(repo, fork)
}

// freeze has a repository go on in a new space on top of the one that was its own.
func freeze(m Medium, repo storage.ID, s Stack) (Stack, error) {
	s = Stack{Own: newSpace(), Below: slices.Insert(slices.Clone(s.Below), 0, Layer{Space: s.Own})}
	if err := m.PutUsers(s.Below[0].Space, 1); err != nil {
		return Stack{}, err
	}
	return s, m.PutStack(repo, s)
}

// Drop drops a repository, and the spaces that no other one has.
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
		if err := release(m, l.Space); err != nil {
			return err
		}
	}
	if s.Own != repo {
		if err := m.DropSpace(s.Own); err != nil {
			return err
		}
		users, err := m.Users(repo)
		if err != nil {
			return err
		}
		if users > 0 {
			if err := m.DropLogs(repo); err != nil {
				return err
			}
			return m.PutStack(repo, Stack{})
		}
	}
	return m.DropAll(repo)
}

// use adds a stack to those that have a space.
func use(m Medium, space storage.ID) error {
	n, err := m.Users(space)
	if err != nil {
		return err
	}
	return m.PutUsers(space, n+1)
}

// release takes a stack from those that have a space, and drops the space after the last.
func release(m Medium, space storage.ID) error {
	n, err := m.Users(space)
	if err != nil {
		return err
	}
	if n > 1 {
		return m.PutUsers(space, n-1)
	}
	if err := m.PutUsers(space, 0); err != nil {
		return err
	}
	if err := m.DropSpace(space); err != nil || IsSpace(space) {
		return err
	}
	// It was the first one of a repository. If that is gone, nothing of it is left.
	if s, ok, err := m.Stack(space); err != nil || !ok || !s.Gone() {
		return err
	}
	return m.DeleteStack(space)
}
