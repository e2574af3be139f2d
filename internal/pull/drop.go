package pull

import (
	"errors"

	"github.com/reposit/reposit/internal/catalog"
	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// batch is how many records at most are removed in one transaction, which all backends can make atomic.
const batch = 4000

// Deleted removes the pull requests of a deleted repository. Pull requests from it to others stay as they are.
var Deleted = record.Sweeper[catalog.Tx]{Kind: string([]byte{keyPulls, keyGone}), Drop: drop}

// drop removes some records of a repository, and reports whether there may be more.
func drop(tx catalog.Tx, repo storage.ID) (more bool, err error) {
	limit := batch
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
		if err := catalog.Adjust(tx, p.HeadRepo, func(s *catalog.State) { s.OutgoingPulls-- }); err != nil {
			return 0, err
		}
	}
	return limit, nil
}
