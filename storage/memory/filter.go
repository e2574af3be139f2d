package memory

import (
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

// A filter says of most repositories without a stack that they have none. It is safe for concurrent use.
type filter struct {
	some atomic.Bool // some repository has one
	bits [1 << 10]atomic.Uint64
}

func (f *filter) bit(repo *storage.ID) (word *atomic.Uint64, mask uint64) {
	h := spread((*[20]byte)(repo))
	return &f.bits[h>>6%uint64(len(f.bits))], 1 << (h & 63)
}

func (f *filter) add(repo storage.ID) {
	word, mask := f.bit(&repo)
	word.Or(mask)
	f.some.Store(true)
}

func (f *filter) lacks(repo *storage.ID) bool {
	if !f.some.Load() {
		return true
	}
	word, mask := f.bit(repo)
	return word.Load()&mask == 0
}
