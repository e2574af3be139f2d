package check

import (
	"bytes"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/storage"
)

// Derive makes records anew that are made of others, those of indexes, counts, networks and the search, and sets aside
// those that are of nothing. It makes at most limit changes, and reports how many, and whether there are more.
func Derive(tx storage.Tx, limit int) (changes int, more bool, err error) {
	s, err := newScan(tx)
	if err != nil {
		return 0, false, err
	}
	for _, step := range []func() error{s.catalog, s.networks, s.search} {
		if err := step(); err != nil {
			return 0, false, err
		}
	}
	for _, f := range s.found {
		if f.mend == nil {
			continue
		}
		if changes == limit {
			return changes, true, nil
		}
		if err := f.mend(tx); err != nil {
			return 0, false, err
		}
		changes++
	}
	return changes, false, nil
}

// setAside moves a record out of the way of everything. One that can't be read is removed.
func setAside(key string) func(storage.Tx) error {
	return func(tx storage.Tx) error {
		value, err := tx.Record([]byte(key))
		if err == nil {
			err = tx.PutRecord(catalog.AsideKey([]byte(key)), bytes.Clone(value))
		} else if catalog.IsDamage(err) {
			err = nil
		}
		if err != nil {
			return err
		}
		return tx.DeleteRecord([]byte(key))
	}
}

// SetAside moves the record of a repository, which is damaged, out of the way: then there is no such repository. What
// else is kept of it is set aside by Derive.
func SetAside(tx storage.Tx, repo storage.ID) error { return setAside(reposFrom + repo.String())(tx) }

// SetAsideState moves the state of a repository, which is damaged, out of the way: it is that of a new one then, but
// for what Derive finds out.
func SetAsideState(tx storage.Tx, repo storage.ID) error { return setAside("t" + repo.String())(tx) }

// Children returns what an object names.
func Children(kind storage.Type, data []byte) ([]storage.Hash, error) { return children(kind, data) }
