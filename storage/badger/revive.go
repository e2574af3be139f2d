package badger

import (
	"errors"
	"os"
	"time"

	"github.com/reposit/reposit/storage"
)

// reviveTick is how often a store that is down looks whether it can be opened, and calmTicks how many times in a row
// there must be more than enough descriptors for it: Badger ends the process if it cannot list its files while it opens.
const (
	reviveTick = 20 * time.Millisecond
	calmTicks  = 10
)

// fail makes every call fail with err, and opens the engine again, as soon as nobody is inside. The engine does not get
// over a memtable or a table that it cannot make; what was acknowledged is on the medium.
func (b *backend) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down.CompareAndSwap(nil, &err) && !b.closing.Load() {
		b.revivals.Add(1)
		go b.revive()
	}
}

// revive waits until nobody is inside, and opens the engine anew. If b is closed meanwhile, it leaves b.db to Close.
func (b *backend) revive() {
	defer b.revivals.Done()
	tick := time.NewTicker(reviveTick)
	defer tick.Stop()
	for b.calls.Load() != 0 {
		<-tick.C
	}
	if b.closing.Load() {
		return
	}
	_ = b.shut() // What it reports is why the engine is closed.
	for calm := 0; !b.closing.Load(); <-tick.C {
		if calm++; b.roomy() != nil {
			calm = 0
		}
		if calm < calmTicks {
			continue
		}
		err := b.start()
		if err == nil {
			b.down.Store(nil)
			return
		}
		b.down.Store(&err)
		if !isLack(err) && !errors.Is(err, storage.ErrLocked) {
			return // It does not get better by itself.
		}
		calm = 0
	}
}

// roomy returns an error unless there are descriptors for all tables and many more.
func (b *backend) roomy() error {
	entries, err := os.ReadDir(b.dir)
	if err != nil {
		return err
	}
	return probeFiles(len(entries) + openFiles + tableFiles)
}

// isLack reports whether err is of something that there may be more of later.
func isLack(err error) bool {
	return errors.Is(err, storage.ErrNoFiles) || errors.Is(err, storage.ErrNoSpace)
}

// lack returns ErrNoSpace if the medium is full, otherwise ErrNoFiles.
func (b *backend) lack() error {
	if left, err := freeSpace(b.dir); err == nil && left < lookBytes {
		return storage.ErrNoSpace
	}
	return storage.ErrNoFiles
}

// whole returns an error if what was read since the call entered may be wrong.
func (b *backend) whole() error {
	if err := b.down.Load(); err != nil {
		return *err
	}
	return b.keeper.check()
}

// confirm returns err, or why what led to it may be wrong.
func (b *backend) confirm(err error) error {
	if wrong := b.whole(); wrong != nil {
		return wrong
	}
	if b.files != nil && errors.Is(err, errEngine) {
		if why := b.files.fallen.Load(); why != nil {
			return *why
		}
	}
	return err
}
