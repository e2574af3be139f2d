package catalog

import (
	"errors"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// Deleted removes what a deleted repository has of go-git's records and of former names, and the tombstones of a pool
// that has no member any more.
var Deleted = record.Sweeper[storage.Tx]{Kind: string(keyGone), Drop: dropRest}

const (
	dropRecords = 2000    // at most in one transaction
	dropBytes   = 1 << 17 // of keys
)

// A dropper removes what is left of a deleted repository, as long as it has room.
type dropper struct {
	tx             storage.Tx
	records, bytes int // that may still be removed
}

// dropRest removes what there is, and reports whether there may be more.
func dropRest(tx storage.Tx, id storage.ID) (more bool, err error) {
	d := &dropper{tx, dropRecords, dropBytes}
	if more, err := d.dropPrefix(GoGitKey(id, ""), nil); err != nil || more {
		return more, err
	}
	if more, err := d.dropPrefix(redirectOfKey(id, nil), []byte{keyRedirect, 'n'}); err != nil || more {
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
