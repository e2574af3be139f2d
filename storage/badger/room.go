package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A room keeps room on the medium for what Badger writes through maps of files, so that others who fill the medium do
// not have the system kill the process: for the log of the memtable, before each write to it; for the log of the next
// memtable, which is made empty and with room behind its end; and, as a file of its own, for the table that the memtable
// becomes. The last is given back when the memtable is flushed. It is for the leader, except for rotate.
type room struct {
	dir    string
	atomic int64 // what one transaction can write at most
	able   bool  // the file system can keep room

	log, next      *os.File // of the memtable, and of the one after it
	used, kept     int64    // of log: at most what is written, and for how much there is room
	ballast        *os.File
	weight, wanted int64 // of ballast

	mu      sync.Mutex
	rotated bool // next has become log
}

const (
	// ballastName is the file that keeps room for the table that the memtable becomes.
	ballastName = "RESERVE"
	// roomStep is by how much more than needed is kept, so that not each write has to ask for it.
	roomStep = mib
	// logEntry is more than what the log adds to key and value: header, timestamp and checksum, and the end mark.
	logEntry = 64
)

// openRoom keeps room for the newest memtable in dir.
func openRoom(dir string, atomic int64) (r *room, err error) {
	r = &room{dir: dir, atomic: atomic + roomStep/4}
	number, err := newestLog(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(noSpace(noFiles(err)), r.close())
			r = nil
		}
	}()
	if r.log, err = os.OpenFile(logName(dir, number), os.O_RDWR, 0); err != nil {
		return r, err
	}
	flags := os.O_RDWR | os.O_CREATE | os.O_TRUNC
	if r.ballast, err = os.OpenFile(filepath.Join(dir, ballastName), flags, 0o600); err != nil {
		return r, err
	}
	if r.able, err = allocate(r.log, 0, roomStep); err != nil || !r.able {
		return r, err
	}
	r.kept = roomStep
	return r, r.openNext(number + 1)
}

func logName(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%05d.mem", number))
}

// newestLog returns the number of the newest log of a memtable in dir.
func newestLog(dir string) (newest int, err error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.mem"))
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".mem"))
		if err == nil {
			newest = max(newest, n)
		}
	}
	return newest, nil
}

// openNext makes the log of the next memtable.
func (r *room) openNext(number int) (err error) {
	if r.next, err = os.OpenFile(logName(r.dir, number), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	_, err = allocate(r.next, 0, r.atomic)
	return err
}

// rotate is called when Badger is about to go on with the next memtable, and to make a table of this one.
func (r *room) rotate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rotated = true
	r.drop()
}

// drop gives the room for the table back.
func (r *room) drop() {
	if r.ballast != nil {
		_ = r.ballast.Truncate(0)
	}
	r.weight, r.wanted = 0, 0
}

// write keeps room for a transaction of n bytes in count entries. It returns ErrNoSpace if there is none.
func (r *room) write(n, count int64) error {
	if r == nil || !r.able {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rotated {
		if err := r.advance(); err != nil {
			return r.full(err)
		}
	}
	n += count * logEntry
	if r.used+n > r.kept {
		if _, err := allocate(r.log, r.kept, r.used+n+roomStep-r.kept); err != nil {
			return r.full(err)
		}
		r.kept = r.used + n + roomStep
	}
	// A table has an index and a filter besides what is in the log.
	want := r.wanted + n + n/8
	if want > r.weight {
		if _, err := allocate(r.ballast, r.weight, want+roomStep-r.weight); err != nil {
			return r.full(err)
		}
		r.weight = want + roomStep
	}
	r.used, r.wanted = r.used+n, want
	return nil
}

func (r *room) full(err error) error {
	return noSpace(noFiles(fmt.Errorf("badger: room for what is to be written: %w", err)))
}

// advance goes on to the log that has become that of the memtable.
func (r *room) advance() error {
	if r.next != nil {
		r.log.Close()
		r.log, r.next = r.next, nil
		r.used, r.kept = r.atomic, r.atomic // One transaction may be in it already.
	}
	number, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(r.log.Name()), ".mem"))
	if err != nil {
		return err
	}
	if err := r.openNext(number + 1); err != nil {
		if r.next != nil {
			r.next.Close()
			r.next = nil
			_ = os.Remove(logName(r.dir, number+1))
		}
		return err
	}
	r.rotated = false
	return nil
}

// close gives all room back. The log that was never used must go before Badger opens.
func (r *room) close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
	var errs []error
	for _, f := range []*os.File{r.log, r.next, r.ballast} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	if r.next != nil && !r.rotated {
		errs = append(errs, os.Remove(r.next.Name()))
	}
	if err := os.Remove(filepath.Join(r.dir, ballastName)); !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	r.log, r.next, r.ballast, r.able = nil, nil, nil, false
	return errors.Join(errs...)
}
