package catalog

import (
	"bytes"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// DropLater notes that a pool, which no repository has any more, is to be dropped once nobody reads it.
func DropLater(tx storage.Tx, pool storage.ID) error { return tx.PutRecord(idKey(keyHeld, pool), nil) }

// DroppedLater returns some of the pools that are to be dropped, at most limit.
func DroppedLater(v storage.View, limit int) (pools []storage.ID, err error) {
	for rec, err := range v.Records([]byte{keyHeld}, record.After([]byte{keyHeld}), storage.Ascending) {
		if err != nil || len(pools) == limit {
			return pools, err
		}
		pool, err := recordID(bytes.TrimPrefix(rec.Key, []byte{keyHeld}), "pool that is to be dropped")
		if err != nil {
			return nil, err
		}
		pools = append(pools, pool)
	}
	return pools, nil
}

// DropHeld drops a pool that was to be dropped.
func DropHeld(tx storage.Tx, pool storage.ID) error {
	if err := tx.DeleteRecord(idKey(keyHeld, pool)); err != nil {
		return err
	}
	return tx.DropPool(pool)
}

// AsideKey returns the key of a record that is set aside.
func AsideKey(key []byte) []byte {
	return append([]byte{keyAside}, key[:min(len(key), storage.MaxKey-1)]...)
}

// EachPool calls fn with the pool of each repository that can be read.
func EachPool(v storage.View, fn func(pool storage.ID)) error {
	for rec, err := range v.Records([]byte{keyRepo}, record.After([]byte{keyRepo}), storage.Ascending) {
		if err != nil {
			return err
		}
		id, err := recordID(bytes.TrimPrefix(rec.Key, []byte{keyRepo}), "repository")
		if err != nil {
			continue
		}
		if pool, err := Pool(v, id); err == nil {
			fn(pool)
		}
	}
	return nil
}
