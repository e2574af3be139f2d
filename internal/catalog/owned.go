package catalog

import (
	"errors"
	"iter"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// Owned returns how many repositories an owner has. It costs two look-ups.
func Owned(v storage.View, owner string) (int, error) {
	n, err := countOf(v, public, ownerScope(owner))
	if err != nil {
		return 0, err
	}
	m, err := countOf(v, private, ownerScope(owner))
	return n + m, err
}

// OwnedBy returns up to limit repositories of an owner.
func OwnedBy(v storage.View, owner string, limit int) ([]storage.ID, error) {
	var ids []storage.ID
	for rec, err := range owned(v, owner) {
		if err != nil {
			return nil, err
		}
		id, err := recordID(rec.Value, "name")
		if err != nil {
			return nil, err
		}
		if ids = append(ids, id); len(ids) == limit {
			break
		}
	}
	return ids, nil
}

// Slugs yields the slugs of all repositories of an owner.
func Slugs(v storage.View, owner string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for rec, err := range owned(v, owner) {
			slug := ""
			if err == nil {
				slug = string(rec.Key[len(nameIndexKey(nil, public, "", owner, "")):])
			}
			if !yield(slug, err) || err != nil {
				return
			}
		}
	}
}

// HasName reports whether a repository has a name now.
func HasName(v storage.View, owner, slug string) (bool, error) {
	_, err := named(v, owner, slug)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// owned yields the records by which an owner's repositories are found by name.
func owned(v storage.View, owner string) iter.Seq2[storage.Record, error] {
	return func(yield func(storage.Record, error) bool) {
		for _, vis := range [2]visibility{public, private} {
			prefix := nameIndexKey(nil, vis, "", owner, "")
			for rec, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
				if !yield(rec, err) || err != nil {
					return
				}
			}
		}
	}
}
