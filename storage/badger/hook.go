package badger

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/reposit/reposit/storage"
)

// A hook is what Badger calls before it makes files, and when it has: its log, which it writes in the goroutine that
// does so.
type hook struct {
	files   *files
	keeper  *keeper
	shelf   *shelf
	trimmer *trimmer
	rotates func() // is called before a memtable is made
}

// Debugf implements the Logger of Badger.
func (h hook) Debugf(format string, args ...any) {
	switch {
	case strings.HasPrefix(format, "Flushing memtable, "): // by a commit, which has filled the reserve
		h.files.rotated.Store(h.files.writing.Load() - 1)
		h.files.give(rotationFiles)
		h.rotates()
		if r := h.files.room.Load(); r != nil {
			r.rotate()
			renew(h.keeper.db)
		}
	case strings.HasPrefix(format, "[%d] LOG Compact. Added "): // before the table of what was added
		id, added := args[0].(int), args[1].(uint64)
		h.keeper.added(id, added > 0)
		h.trimmer.trim()
	case strings.HasPrefix(format, "[Compactor: %d] Compaction for level: %d DONE"):
		h.keeper.finish(args[0].(int))
		h.shelf.arrange(h.keeper.db)
	}
}

// Warningf implements the Logger of Badger.
func (h hook) Warningf(format string, args ...any) {
	if strings.HasPrefix(format, "[Compactor: %d] LOG Compact FAILED") {
		h.keeper.finish(args[0].(int))
		h.shelf.arrange(h.keeper.db)
	}
}

// Errorf implements the Logger of Badger.
func (h hook) Errorf(format string, args ...any) {
	switch {
	case strings.HasPrefix(format, "error flushing memtable"): // It is tried again in a second.
		err := flushError(args[0])
		h.files.failing.Store(&err)
		h.files.give(reserveFiles)
	case strings.HasPrefix(format, "Got error: "): // before there is no memtable
		err := noSpace(noFiles(fmt.Errorf("badger: making a memtable: %v", args[0])))
		h.files.fallen.Store(&err)
	case strings.HasPrefix(format, "Received err: "): // while opening
		h.keeper.open(nil)
	}
}

// Infof implements the Logger of Badger.
func (hook) Infof(string, ...any) {}

// flushError names why a memtable could not become a table.
func flushError(cause any) error {
	err, ok := cause.(error)
	if !ok {
		err = fmt.Errorf("%v", cause)
	}
	return noSpace(noFiles(fmt.Errorf("badger: making a table: %w", err)))
}

// noSpace makes err match ErrNoSpace if it says that the medium is full. Badger keeps no more of an error than its
// text.
func noSpace(err error) error {
	if err == nil || errors.Is(err, storage.ErrNoSpace) || !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrNoSpace, err)
}
