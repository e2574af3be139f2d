package memory

import (
	"encoding/binary"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// A medium is a transaction as package refstack needs it.
type medium struct{ t *tx }

func (m medium) Stack(repo storage.ID) (refstack.Stack, bool, error) {
	s := m.t.stack(repo)
	if s == nil {
		return refstack.Stack{}, false, nil
	}
	return *s, true, nil
}

func (m medium) PutStack(repo storage.ID, s refstack.Stack) error {
	m.t.b.forked.add(repo)
	m.t.values.Put(string(appendStackKey(nil, repo)), value{ref: &refState{stack: &s}})
	return nil
}

func (m medium) DeleteStack(repo storage.ID) error {
	m.t.values.Delete(string(appendStackKey(nil, repo)))
	return nil
}

func (m medium) Refcount(segment storage.ID) (uint64, error) {
	v, _ := m.t.values.Get(string(appendUsersKey(nil, segment)))
	n, _ := binary.Uvarint(v.record)
	return n, nil
}

func (m medium) PutRefcount(segment storage.ID, n uint64) error {
	key := string(appendUsersKey(nil, segment))
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

func (m medium) DropSegment(segment storage.ID) error {
	lo := string(appendRefKey(nil, segment, ""))
	for key := range m.t.values.Scan(lo, above(lo), false) {
		m.t.values.Delete(key)
	}
	return nil
}

// DropLogs takes the logs out of the segments that the repository wrote and that others have: nobody reads them there.
func (m medium) DropLogs(repo storage.ID) error {
	for _, l := range m.t.stack(repo).Below {
		if l.Inherited {
			continue
		}
		for name, ref := range m.t.entries(l.Segment, "", "") {
			if ref.log != nil {
				m.t.values.Put(m.t.refKey(l.Segment, name), value{ref: ref.withoutLog()})
			}
		}
	}
	return nil
}

func (m medium) DropAll(repo storage.ID) error {
	if err := m.DropSegment(repo); err != nil {
		return err
	}
	return m.DeleteStack(repo)
}
