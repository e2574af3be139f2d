package catalog

import (
	"errors"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// An alias is a name that a repository had before. It leads to the repository until another one takes the name.

func findAlias(v storage.View, owner, slug string) (storage.ID, error) {
	b, err := v.Record(aliasKey(owner, slug))
	if err != nil {
		return storage.ID{}, err
	}
	return recordID(b, "alias")
}

// takeAlias ends the alias of a name that a repository takes.
func takeAlias(tx storage.Tx, owner, slug string) error {
	id, err := findAlias(tx, owner, slug)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.DeleteRecord(aliasKey(owner, slug)); err != nil {
		return err
	}
	return tx.DeleteRecord(aliasOfKey(id, appendName(nil, owner, slug)))
}

// rename checks the new name of a repository, and makes the old one an alias.
func rename(tx storage.Tx, old, r *Repo) error {
	if names.Same(old.Owner, r.Owner) && names.Same(old.Slug, r.Slug) {
		return nil
	}
	if _, err := named(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	if err := takeAlias(tx, r.Owner, r.Slug); err != nil {
		return err
	}
	if err := tx.PutRecord(aliasKey(old.Owner, old.Slug), r.ID[:]); err != nil {
		return err
	}
	return tx.PutRecord(aliasOfKey(r.ID, appendName(nil, old.Owner, old.Slug)), nil)
}
