package catalog

import (
	"errors"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// Pools returns the pools of some repositories, in the order of the repositories' IDs, from the first that is greater
// than after. It returns the last ID that it looked at, and false once there are no more. A pool may come several
// times. Records that can't be read are passed over.
func Pools(v storage.View, after storage.ID, limit int) (pools []storage.ID, last storage.ID, more bool, err error) {
	last = after
	lo, hi := record.After(idKey(keyRepo, after)), []byte{keyRepo + 1}
	n := 0
	for rec, err := range v.Records(lo, hi, storage.Ascending) {
		if err != nil {
			return nil, last, false, err
		}
		if n == limit {
			return pools, last, true, nil
		}
		n++
		if len(rec.Key) != 1+len(last) {
			continue
		}
		last = storage.ID(rec.Key[1:])
		pool, err := Pool(v, last)
		if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) {
			continue
		}
		if err != nil {
			return nil, last, false, err
		}
		pools = append(pools, pool)
	}
	return pools, last, false, nil
}
