package badger

import (
	"context"
	"time"

	"github.com/reposit/reposit/storage"
)

// minReclaim is how many bytes of values must have been dropped before their space is worth asking for. Besides, they
// must be a quarter of the store, so that what is rewritten stays in proportion to what is won.
const minReclaim = 32 * mib

// fillers and fillerSize are how many values of which size one Update of fill writes: as fit into the smallest
// transaction, and each into a block, lest what makes a table takes several times their size.
const (
	fillers    = 16
	fillerSize = 48 << 10
)

// reclaim gives the space of dropped values back, if they are many. Otherwise that happens when later writes make
// Badger compact the tables that hold them.
func (b *backend) reclaim() error {
	if b.garbage.Load() < minReclaim || !b.reclaiming.TryLock() {
		return nil
	}
	defer b.reclaiming.Unlock()
	garbage, size, deep := b.garbage.Load(), int64(0), false
	for _, t := range b.db.Tables() {
		size += int64(t.OnDiskSize)
		deep = deep || t.Level > 0
	}
	// The few tables of a store that was never compacted stay as they are: Badger does not compact them on demand.
	if garbage < size/4 || !deep {
		return nil
	}
	b.garbage.Add(-garbage)
	snap := b.timeline.acquire()
	ts := snap.ts
	snap.release()
	if err := b.fill(); err != nil {
		return err
	}
	if !b.flushed(ts) {
		b.garbage.Add(garbage) // for the next drop to ask again
		return nil
	}
	return b.flatten()
}

// fill writes as much as a memtable holds, and deletes it again. Deletions have an effect only in tables, and Badger
// offers no other way to make it write its memtable.
func (b *backend) fill() error {
	zeros := make([]byte, fillerSize)
	for n := int64(0); n <= b.db.Opts().MemTableSize; n += fillers * fillerSize {
		if b.closing.Load() {
			return storage.ErrClosed
		}
		err := b.update(context.Background(), func(t *tx) error {
			for i := range fillers {
				key := []byte{fillerType, byte(i)}
				t.own.set(string(key), seal(key, zeros))
			}
			t.own.grows = false // It serves to make room.
			return nil
		})
		if err != nil {
			return err
		}
	}
	return b.update(context.Background(), func(t *tx) error {
		for i := range fillers {
			t.own.set(string([]byte{fillerType, byte(i)}), nil)
		}
		return nil
	})
}

// flushTries is how many times flushed looks. A busy disk may take long to write a memtable, but one that fails must
// not hold up for ever who drops.
const flushTries = 24_000

// flushed waits until the memtable that has the commit at ts is a table, and reports whether it is.
func (b *backend) flushed(ts uint64) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for tries := 0; tries < flushTries && !b.closing.Load(); tries++ {
		if b.isFlushed(ts) {
			return true
		}
		<-tick.C
	}
	return false
}

// isFlushed reports whether the memtable that has the commit at ts is a table. Memtables become tables in their order.
func (b *backend) isFlushed(ts uint64) bool {
	for _, t := range b.db.Tables() {
		if t.MaxVersion >= ts {
			return true
		}
	}
	return false
}

func (b *backend) flatten() (err error) {
	defer rescue(&err)
	return b.db.Flatten(1)
}
