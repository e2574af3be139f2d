package catalog

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// What a repository has of go-git's records and of former names knows no bound, but one transaction does. So a deletion
// begins to remove them, and Sweep goes on.
const (
	dropRecords = 2000    // at most in one transaction
	dropBytes   = 1 << 17 // of keys
)

// A dropper removes what is left of a deleted repository, as long as it has room.
type dropper struct {
	tx             storage.Tx
	records, bytes int // that may still be removed
}

func newDropper(tx storage.Tx) *dropper { return &dropper{tx, dropRecords, dropBytes} }

// drop removes what there is, and reports whether there may be more.
func (d *dropper) drop(id storage.ID) (more bool, err error) {
	if more, err := d.dropPrefix(GoGitKey(id, ""), nil); err != nil || more {
		return more, err
	}
	if more, err := d.dropPrefix(aliasOfKey(id, nil), []byte{keyAlias, 'n'}); err != nil || more {
		return more, err
	}
	if _, err := d.tx.Record(networkKey(id)); !errors.Is(err, storage.ErrNotFound) {
		return false, err // the pool of that ID has other members
	}
	return d.dropPrefix(tombstoneKey(id, nil), nil)
}

// dropPrefix removes the records whose keys begin with prefix; unless twin is empty, also those whose keys have it in
// the place of prefix. It reports whether there may be more.
func (d *dropper) dropPrefix(prefix, twin []byte) (more bool, err error) {
	for rec, err := range d.tx.Records(prefix, record.After(prefix), storage.Ascending) {
		if err != nil {
			return false, err
		}
		if d.records <= 0 || d.bytes <= 0 {
			return true, nil
		}
		d.records, d.bytes = d.records-1, d.bytes-len(rec.Key)
		if len(twin) > 0 {
			d.records, d.bytes = d.records-1, d.bytes-len(rec.Key)
			if err := d.tx.DeleteRecord(append(twin[:len(twin):len(twin)], rec.Key[len(prefix):]...)); err != nil {
				return false, err
			}
		}
		if err := d.tx.DeleteRecord(rec.Key); err != nil {
			return false, err
		}
	}
	return false, nil
}

// dropRest begins to remove what a deleted repository, or a pool that has no member any more, has without bound, and
// leaves a mark if there is more.
func dropRest(tx storage.Tx, id storage.ID) error {
	more, err := newDropper(tx).drop(id)
	if err != nil || !more {
		return err
	}
	return tx.PutRecord(idKey(keyGone, id), nil)
}

// Swept reports whether nothing is left of deleted repositories.
func Swept(v storage.View) (bool, error) {
	for _, err := range v.Records([]byte{keyGone}, []byte{keyGone + 1}, storage.Ascending) {
		return false, err
	}
	return true, nil
}

// Sweep removes some of what is left of deleted repositories, and reports whether there may be more.
func Sweep(tx storage.Tx) (more bool, err error) {
	d := newDropper(tx)
	for rec, err := range tx.Records([]byte{keyGone}, []byte{keyGone + 1}, storage.Ascending) {
		if err != nil {
			return false, err
		}
		id, err := recordID(rec.Key[1:], "mark")
		if err != nil {
			return false, fmt.Errorf("deleted repository: %w", err)
		}
		if more, err := d.drop(id); err != nil || more {
			return more, err
		}
		return true, tx.DeleteRecord(rec.Key)
	}
	return false, nil
}
