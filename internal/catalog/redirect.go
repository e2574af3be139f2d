package catalog

import (
	"errors"

	"github.com/reposit/reposit/internal/names"
	"github.com/reposit/reposit/storage"
)

// A redirect is a name that a repository had before. It leads to the repository until another one takes the name.

func findRedirect(v storage.View, owner, slug string) (storage.ID, error) {
	b, err := v.Record(redirectKey(owner, slug))
	if err != nil {
		return storage.ID{}, err
	}
	return recordID(b, "redirect")
}

// takeRedirect ends the redirect of a name that a repository takes.
func takeRedirect(tx storage.Tx, owner, slug string) error {
	id, err := findRedirect(tx, owner, slug)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.DeleteRecord(redirectKey(owner, slug)); err != nil {
		return err
	}
	return tx.DeleteRecord(redirectOfKey(id, appendName(nil, owner, slug)))
}

// rename checks the new name of a repository, and makes the old one a redirect.
func rename(tx storage.Tx, old, r *Repo) error {
	if names.Same(old.Owner, r.Owner) && names.Same(old.Slug, r.Slug) {
		return nil
	}
	if _, err := named(tx, r.Owner, r.Slug); !errors.Is(err, storage.ErrNotFound) {
		return taken(err)
	}
	if err := takeRedirect(tx, r.Owner, r.Slug); err != nil {
		return err
	}
	if err := tx.PutRecord(redirectKey(old.Owner, old.Slug), r.ID[:]); err != nil {
		return err
	}
	return tx.PutRecord(redirectOfKey(r.ID, appendName(nil, old.Owner, old.Slug)), nil)
}
