package storagetest

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/reposit/reposit/storage"
)

// A Model is what a backend should hold: the contract over maps. It is a storage.Tx, so that the same function
// writes to it and to the transaction of a backend, and a View. Its methods return no errors but
// storage.ErrNotFound and storage.ErrTooLarge. It is not safe for concurrent use.
type Model struct {
	prefix  string
	refs    map[storage.ID]map[string]storage.Ref
	logs    map[storage.ID]map[string][]storage.LogEntry // oldest first
	records map[string]string
	objects map[storage.ID]map[storage.Hash]storage.Object
	dropped map[storage.ID]bool // pools
}

var _ storage.Tx = (*Model)(nil)

// NewModel returns an empty model. Compare takes it to know all records whose keys begin with prefix, and all of the
// repositories and pools that were ever written to it; others are not looked at.
func NewModel(prefix string) *Model {
	return &Model{
		prefix:  prefix,
		refs:    map[storage.ID]map[string]storage.Ref{},
		logs:    map[storage.ID]map[string][]storage.LogEntry{},
		records: map[string]string{},
		objects: map[storage.ID]map[storage.Hash]storage.Object{},
		dropped: map[storage.ID]bool{},
	}
}

// Clone returns a copy that shares nothing that changes.
func (m *Model) Clone() *Model {
	c := NewModel(m.prefix)
	c.records = maps.Clone(m.records)
	c.dropped = maps.Clone(m.dropped)
	for id, refs := range m.refs {
		c.refs[id] = maps.Clone(refs)
	}
	for id, logs := range m.logs {
		c.logs[id] = maps.Clone(logs)
		for name, log := range logs {
			c.logs[id][name] = slices.Clip(log) // appended to, never changed
		}
	}
	for id, objects := range m.objects {
		c.objects[id] = maps.Clone(objects)
	}
	return c
}

func (m *Model) Ref(repo storage.ID, name string) (storage.Ref, error) {
	r, ok := m.refs[repo][name]
	if !ok {
		return storage.Ref{}, storage.ErrNotFound
	}
	return r, nil
}

func (m *Model) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return func(yield func(storage.Ref, error) bool) {
		var refs []storage.Ref
		for _, name := range slices.Sorted(maps.Keys(m.refs[repo])) {
			if strings.HasPrefix(name, prefix) && name > after {
				refs = append(refs, m.refs[repo][name])
			}
		}
		for _, r := range refs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *Model) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return func(yield func(storage.LogEntry, error) bool) {
		for _, entry := range slices.Backward(m.logs[repo][name]) {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

func (m *Model) Record(key []byte) ([]byte, error) {
	value, ok := m.records[string(key)]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return []byte(value), nil
}

func (m *Model) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		keys := slices.Sorted(maps.Keys(m.records))
		if order == storage.Descending {
			slices.Reverse(keys)
		}
		var records []storage.Record
		for _, key := range keys {
			if key >= string(lo) && (hi == nil || key < string(hi)) {
				records = append(records, storage.Record{Key: []byte(key), Value: []byte(m.records[key])})
			}
		}
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m *Model) HasObject(pool storage.ID, h storage.Hash) (bool, error) {
	_, ok := m.objects[pool][h]
	return ok, nil
}

func (m *Model) PutObject(pool storage.ID, o storage.Object) (bool, error) {
	if _, ok := m.objects[pool][o.Hash]; ok {
		return false, nil
	}
	o.Data = bytes.Clone(o.Data)
	child(m.objects, pool)[o.Hash] = o
	return true, nil
}

func (m *Model) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	child(m.refs, repo)[r.Name] = r
	m.log(repo, r.Name, entry)
	return nil
}

func (m *Model) DeleteRef(repo storage.ID, name string, entry *storage.LogEntry) error {
	if _, ok := m.refs[repo][name]; !ok {
		return nil
	}
	delete(m.refs[repo], name)
	m.log(repo, name, entry)
	return nil
}

func (m *Model) log(repo storage.ID, name string, entry *storage.LogEntry) {
	if entry != nil {
		logs := child(m.logs, repo)
		logs[name] = append(slices.Clip(logs[name]), *entry)
	}
}

func (m *Model) PutRecord(key, value []byte) error {
	if len(key) > storage.MaxKey || len(value) > storage.MaxValue {
		return storage.ErrTooLarge
	}
	m.records[string(key)] = string(value)
	return nil
}

func (m *Model) DeleteRecord(key []byte) error {
	delete(m.records, string(key))
	return nil
}

func (m *Model) CreateRepo(repo, pool storage.ID) error {
	child(m.refs, repo)
	child(m.objects, pool)
	return nil
}

func (m *Model) ForkRepo(repo, from storage.ID) error {
	refs := child(m.refs, repo)
	for name, r := range m.refs[from] {
		if storage.Inherited(name) {
			refs[name] = r
		}
	}
	return nil
}

// DropRepo leaves the repository's name behind, by which Compare knows that it is to be empty.
func (m *Model) DropRepo(repo storage.ID) error {
	m.refs[repo] = map[string]storage.Ref{}
	delete(m.logs, repo)
	return nil
}

func (m *Model) DropPool(pool storage.ID) error {
	m.objects[pool] = map[storage.Hash]storage.Object{}
	m.dropped[pool] = true
	return nil
}

// child returns the inner map of key, which it makes if there is none.
func child[K comparable, V any](outer map[storage.ID]map[K]V, key storage.ID) map[K]V {
	inner := outer[key]
	if inner == nil {
		inner = map[K]V{}
		outer[key] = inner
	}
	return inner
}
