package pull

import (
	"errors"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// batch is how many records at most are removed in one transaction, which all backends can make atomic.
const batch = 4000

// Drop removes the pull requests of a repository that is deleted, or begins to: what is left then is for Sweep.
// Pull requests from it to others stay as they are.
func Drop(tx catalog.Tx, repo storage.ID) error {
	more, err := drop(tx, repo, batch)
	if err != nil || !more {
		return err
	}
	return tx.PutRecord(repoKey(keyGone, repo), nil)
}

// Swept reports whether nothing is left of deleted repositories.
func Swept(v storage.View) (bool, error) {
	prefix := []byte{keyPulls, keyGone}
	for _, err := range v.Records(prefix, record.After(prefix), storage.Ascending) {
		return false, err
	}
	return true, nil
}

// Sweep removes some of what is left of deleted repositories, and reports whether there may be more.
func Sweep(tx catalog.Tx) (more bool, err error) {
	prefix := []byte{keyPulls, keyGone}
	for rec, err := range tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return false, err
		}
		var repo storage.ID
		copy(repo[:], rec.Key[len(prefix):])
		if more, err := drop(tx, repo, batch); err != nil || more {
			return more, err
		}
		return true, tx.DeleteRecord(rec.Key)
	}
	return false, nil
}

// drop removes up to limit records of a repository, and reports whether there may be more.
func drop(tx catalog.Tx, repo storage.ID, limit int) (more bool, err error) {
	// First what other repositories have of it, which is found by what it has itself.
	if limit, err = dropOpen(tx, repo, limit); err != nil || limit == 0 {
		return true, err
	}
	for _, kind := range append([]byte{keyHead}, ownKinds[:]...) {
		prefix := repoKey(kind, repo)
		for rec, err := range tx.Records(prefix, record.After(prefix), storage.Ascending) {
			if err != nil {
				return false, err
			}
			if limit--; limit < 0 {
				return true, nil
			}
			if err := tx.DeleteRecord(rec.Key); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// dropOpen takes the open pull requests to a repository from the indexes of their heads, and returns what is left of
// limit.
func dropOpen(tx catalog.Tx, repo storage.ID, limit int) (int, error) {
	prefix := repoKey(keyBase, repo)
	for rec, err := range tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return 0, err
		}
		if limit -= 3; limit <= 0 {
			return 0, nil
		}
		number, err := lastNumber(rec.Key)
		if err != nil {
			return 0, err
		}
		p, err := Load(tx, repo, number)
		if err != nil {
			return 0, dangling(err, repo, number)
		}
		if err := errors.Join(tx.DeleteRecord(p.headKey()), tx.DeleteRecord(rec.Key)); err != nil {
			return 0, err
		}
		if err := catalog.Adjust(tx, p.HeadRepo, func(s *catalog.State) { s.Offered-- }); err != nil {
			return 0, err
		}
	}
	return limit, nil
}
