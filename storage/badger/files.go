package badger

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/reposit/reposit/storage"
)

// A files keeps descriptors in reserve for Badger, which opens files in its own goroutines. If a memtable cannot be
// made, Badger dereferences nil from then on, so nothing is written without a full reserve. If a compaction cannot make
// a table, the store must be opened again, see keeper: so a table is made only when there are many
// descriptors to be had. If others take them in between, the store closes and opens its engine by itself.
type files struct {
	mu      sync.Mutex
	reserve []*os.File
	waiting atomic.Int64 // compactions
	closing atomic.Bool
	failing atomic.Pointer[error] // why a memtable could not be made a table, or nil
	fallen  atomic.Pointer[error] // why there is no memtable any more, or nil
	room    atomic.Pointer[room]  // nil before the engine is open
	writing atomic.Uint64         // timestamp of the commit that is being written
	rotated atomic.Uint64         // timestamp of the last commit before the last change of memtables
}

const (
	// reserveFiles is how many descriptors are kept.
	reserveFiles = 8
	// rotationFiles is what the change to the next memtable takes: it, a table, the directory, and a new manifest.
	rotationFiles = 5
	// tableFiles is how many descriptors must be left when a compaction makes a table. Others may take some before it.
	tableFiles = 64
	// fileWait is how long a compaction waits until it tries again.
	fileWait = 20 * time.Millisecond
)

// check fills the reserve. It returns ErrNoFiles if that is not possible, or if a compaction waits for descriptors:
// what is written meanwhile would come to wait for it.
func (f *files) check() error {
	if f.waiting.Load() > 0 {
		if err := probeFiles(tableFiles); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.reserve) < reserveFiles {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return noFiles(fmt.Errorf("badger: %d descriptors left: %w", len(f.reserve), err))
		}
		f.reserve = append(f.reserve, file)
	}
	return nil
}

// give closes n descriptors of the reserve, or all there are.
func (f *files) give(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n = min(n, len(f.reserve))
	for _, file := range f.reserve[len(f.reserve)-n:] {
		_ = file.Close()
	}
	f.reserve = f.reserve[:len(f.reserve)-n]
}

// await returns when a compaction can make a table, or when it cannot lose anything any more since the store is being
// closed.
func (f *files) await() {
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	for !f.closing.Load() && probeFiles(tableFiles) != nil {
		time.Sleep(fileWait)
	}
}

// probeFiles returns ErrNoFiles if fewer than n descriptors can be had.
func probeFiles(n int) error {
	var opened []*os.File
	defer func() {
		for _, file := range opened {
			_ = file.Close()
		}
	}()
	for range n {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return noFiles(fmt.Errorf("badger: %d descriptors left, %d are needed: %w", len(opened), n, err))
		}
		opened = append(opened, file)
	}
	return nil
}

// noFiles makes err match ErrNoFiles if it says that the process or the system has no descriptor left. Badger keeps no
// more of an error than its text.
func noFiles(err error) error {
	if err == nil || errors.Is(err, storage.ErrNoFiles) || !strings.Contains(err.Error(), syscall.EMFILE.Error()) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrNoFiles, err)
}
