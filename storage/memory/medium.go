package memory

import (
	"encoding/binary"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/stack"
)

// A medium is a transaction as package stack needs it.
type medium struct{ t *tx }

func (m medium) Stack(repo storage.ID) (stack.Stack, bool, error) {
	s := m.t.stack(repo)
	if s == nil {
		return stack.Stack{}, false, nil
	}
	return *s, true, nil
}

func (m medium) PutStack(repo storage.ID, s stack.Stack) error {
	m.t.b.forked.add(repo)
	m.t.values.Put(string(appendStackKey(nil, repo)), value{ref: &refState{stack: &s}})
	return nil
}

func (m medium) DeleteStack(repo storage.ID) error {
	m.t.values.Delete(string(appendStackKey(nil, repo)))
	return nil
}

func (m medium) Users(space storage.ID) (uint64, error) {
	v, _ := m.t.values.Get(string(appendUsersKey(nil, space)))
	n, _ := binary.Uvarint(v.record)
	return n, nil
}

func (m medium) PutUsers(space storage.ID, n uint64) error {
	key := string(appendUsersKey(nil, space))
	if n == 0 {
		m.t.values.Delete(key)
	} else {
		m.t.values.Put(key, value{record: binary.AppendUvarint(nil, n)})
	}
	return nil
}

func (m medium) Copy(to, from storage.ID, names []string) error {
	for _, name := range names {
		ref := m.t.state(from, name)
		m.t.values.Put(m.t.refKey(to, name), value{ref: ref.withoutLog()})
	}
	return nil
}

func (m medium) DropSpace(space storage.ID) error {
	lo := string(appendRefKey(nil, space, ""))
	for key := range m.t.values.Scan(lo, above(lo), false) {
		m.t.values.Delete(key)
	}
	return nil
}

// DropLogs takes the logs out of the spaces that the repository wrote and that others have: nobody reads them there.
func (m medium) DropLogs(repo storage.ID) error {
	for _, l := range m.t.stack(repo).Below {
		if l.Inherited {
			continue
		}
		for name, ref := range m.t.entries(l.Space, "", "") {
			if ref.log != nil {
				m.t.values.Put(m.t.refKey(l.Space, name), value{ref: ref.withoutLog()})
			}
		}
	}
	return nil
}

func (m medium) DropAll(repo storage.ID) error {
	if err := m.DropSpace(repo); err != nil {
		return err
	}
	return m.DeleteStack(repo)
}
