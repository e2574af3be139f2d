package check

import (
	"maps"

	"github.com/reposit/reposit/internal/search"
	"github.com/reposit/reposit/storage"
)

// Search makes the records of the search anew from the repositories.
func Search(v storage.View) ([]Finding, error) {
	s, err := newScan(v)
	if err == nil {
		err = s.search()
	}
	return s.results(err)
}

func (s *scan) search() error {
	if !s.isWhole() {
		return nil // it is not known what they are found by
	}
	want := words{records: map[string]string{}}
	for _, id := range s.ids() {
		r := s.repos[id]
		d := search.Doc{
			ID: r.ID, Owner: r.Owner, Slug: r.Slug, Name: r.Name, Description: r.Description, Labels: r.Labels,
			Language: s.states[id].Language, Private: r.Private, Created: r.Created,
		}
		if err := search.Add(want, d.Entry()); err != nil {
			return err
		}
	}
	got := map[string]string{}
	for rec, err := range s.records("S", "T") {
		if err != nil {
			return err
		}
		got[string(rec.Key)] = string(rec.Value)
	}
	if !maps.Equal(want.records, got) {
		s.compare(Word, want.records, got)
	}
	return nil
}

// words are the records of a search that is made anew. They are all of a transaction that it needs.
type words struct {
	storage.Tx
	records map[string]string
}

func (w words) Record(key []byte) ([]byte, error) {
	value, ok := w.records[string(key)]
	if !ok {
		return nil, storage.ErrNotFound
	}
	return []byte(value), nil
}

func (w words) PutRecord(key, value []byte) error {
	w.records[string(key)] = string(value)
	return nil
}

func (w words) DeleteRecord(key []byte) error {
	delete(w.records, string(key))
	return nil
}
