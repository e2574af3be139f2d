package badger

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// A stackTable keeps the stacks of repositories that were read last, and which have none, so that to know this costs
// every read of a ref next to nothing. Reading takes no lock. A repository has one slot, which it shares with others.
type stackTable struct {
	slots [1 << 13]atomic.Pointer[knownStack]
}

// A knownStack is what a slot says. It does not change.
type knownStack struct {
	repo    storage.ID
	known   bool            // else only written counts
	stack   *refstack.Stack // nil: there is none
	ts      uint64          // when it was read
	written uint64          // timestamp of the last commit that wrote a stack of the slot
}

// tells reports whether k is what a reader at ts sees of the repository. A nil k tells nothing.
func (k *knownStack) tells(repo *storage.ID, ts uint64) bool {
	return k != nil && k.known && k.repo == *repo && k.ts <= ts
}

func (t *stackTable) slot(repo *storage.ID) *atomic.Pointer[knownStack] {
	h := binary.LittleEndian.Uint64(repo[:]) ^ binary.LittleEndian.Uint64(repo[12:])*0x9e3779b97f4a7c15
	h *= 0xbf58476d1ce4e5b9
	return &t.slots[(h^h>>29)%uint64(len(t.slots))]
}

func (t *stackTable) load(repo *storage.ID) *knownStack { return t.slot(repo).Load() }

// fill adds what a reader found after it had seen what the slot said, unless there was a commit since.
func (t *stackTable) fill(seen, k *knownStack) {
	if seen != nil {
		if seen.written > k.ts {
			return
		}
		k.written = seen.written
	}
	t.slot(&k.repo).CompareAndSwap(seen, k)
}

// touch says that a commit at ts wrote the repository's stack. It comes before ts is published.
func (t *stackTable) touch(repo storage.ID, ts uint64) {
	t.slot(&repo).Store(&knownStack{written: ts})
}
