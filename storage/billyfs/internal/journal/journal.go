// Package journal is the redo log of a store: the file, what its entries are, and what replaying them leaves to do.
package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// Name is the name of the journal.
const Name = "reposit/journal"

// A Journal is open for writing. It belongs to one writer at a time.
type Journal struct {
	m      *disk.Medium
	f      disk.File
	end    int64
	synced int64
	broken error // the file may hold what was never acknowledged: nothing may follow it
}

// Open opens the journal of m, and makes it if it is not there. It replays it into h, and cuts off what a crash left
// unfinished, unless fit returns an error, which is told how many of how many bytes could be read. It returns
// storage.ErrCorrupt for a journal that is damaged, and storage.ErrFormat for one that a later version wrote.
func Open(m *disk.Medium, h *History, fit func(end, size int64) error) (*Journal, error) {
	data, err := m.ReadFile(Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	created := err != nil
	j := &Journal{m: m}
	if j.end, err = replay(data, h); err != nil {
		return nil, err
	}
	if err := fit(j.end, int64(len(data))); err != nil {
		return nil, err
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	if err := j.start(created, int64(len(data))); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return j, nil
}

// Read replays the journal of m into h, and changes nothing. Otherwise it is as Open.
func Read(m *disk.Medium, h *History, fit func(end, size int64) error) error {
	data, err := m.ReadFile(Name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	end, err := replay(data, h)
	if err != nil {
		return err
	}
	return fit(end, int64(len(data)))
}

// replay takes the entries that data begins with, and returns where they end.
func replay(data []byte, h *History) (end int64, err error) {
	for end < int64(len(data)) {
		payload, _, ok := parseFrame(data[end:])
		if !ok {
			if off, damaged := laterFrame(data, end); damaged {
				return 0, fmt.Errorf("journal: bytes %d to %d: %w", end, off, storage.ErrCorrupt)
			}
			break
		}
		if err := h.take(payload); err != nil {
			return 0, fmt.Errorf("journal: byte %d: %w", end, err)
		}
		end += frameHeader + int64(len(payload))
	}
	return end, nil
}

// start cuts off what cannot be read of the file, which has size bytes, and makes the rest survive a power cut.
func (j *Journal) start(created bool, size int64) error {
	if j.end < size {
		if err := j.f.Truncate(j.end); err != nil {
			return err
		}
	}
	if created {
		j.m.Named(Name)
		if err := errors.Join(j.m.SyncDir(path.Dir(Name)), j.m.SyncDir(".")); err != nil {
			return err
		}
	}
	if j.end == 0 { // it is never empty where reposit/format says that there is one
		if err := j.Begin(""); err != nil {
			return err
		}
	}
	return j.Force()
}

func (j *Journal) open() error {
	f, err := j.m.OpenFile(Name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Seek(j.end, io.SeekStart); err != nil {
		return errors.Join(err, f.Close())
	}
	j.f = f
	return nil
}

// Close closes the file. It adds nothing.
func (j *Journal) Close() error { return j.f.Close() }

// Size returns how many bytes the journal has.
func (j *Journal) Size() int64 { return j.end }

// Broken returns the error after which nobody knows what the file holds, until Rewrite; nil if there was none.
func (j *Journal) Broken() error { return j.broken }

// Begin says that a process has the store; boot names the time since the machine was started.
func (j *Journal) Begin(boot string) error { return j.append(openEntry(boot)) }

// Commit makes an Update permanent. If it returns an error, the Update has not happened, unless Broken returns one,
// too.
func (j *Journal) Commit(c *Commit) error {
	end := j.end
	if err := j.append(c.encode()); err != nil {
		return err
	}
	if err := j.sync(); err != nil {
		_ = j.cut(end) // the journal is broken, and will be written afresh
		return err
	}
	return nil
}

// Done says that the refs of an Update are in place. Without this mark, the next Open looks at them once more.
func (j *Journal) Done(seq uint64) error { return j.append(encodeMark(kindDone, seq)) }

// Flushed says that what the Updates up to this one wrote to files is synced.
func (j *Journal) Flushed(seq uint64) error { return j.append(encodeMark(kindFlushed, seq)) }

// End says that the store is closed with nothing left to do, and makes that permanent.
func (j *Journal) End() error {
	if err := j.Force(); err != nil {
		return err
	}
	if err := j.append([]byte{kindClosed}); err != nil {
		return err
	}
	return j.Force()
}

// append adds a frame in one write. If it fails, it is taken back; if that fails too, the journal is broken and takes
// no more.
func (j *Journal) append(payload []byte) error {
	if j.broken != nil {
		return j.broken
	}
	if len(payload) > maxFrame {
		return fmt.Errorf("journal: entry of %d bytes: %w", len(payload), storage.ErrTooLarge)
	}
	buf := appendFrame(nil, j.synced, payload)
	if _, err := j.f.Write(buf); err != nil {
		if undo := j.cut(j.end); undo != nil {
			return errors.Join(err, j.fail(undo))
		}
		return disk.Explain(err)
	}
	j.end += int64(len(buf))
	return nil
}

// cut shortens the journal to size.
func (j *Journal) cut(size int64) error {
	if err := j.f.Truncate(size); err != nil {
		return err
	}
	if _, err := j.f.Seek(size, io.SeekStart); err != nil {
		return err
	}
	j.end = size
	return nil
}

// sync makes what was appended survive a power cut. After an error nobody knows what the file holds, so the journal
// is broken: a second sync that succeeds would prove nothing.
func (j *Journal) sync() error {
	if j.broken != nil {
		return j.broken
	}
	if !j.m.Syncs {
		return nil
	}
	return j.Force()
}

// Force makes all entries survive a power cut at any level of durability, if the medium can.
func (j *Journal) Force() error {
	if j.broken != nil {
		return j.broken
	}
	if err := j.f.Sync(); err != nil {
		return j.fail(err)
	}
	j.synced = j.end
	return nil
}

// Rewrite replaces the journal by one that holds the records as they are after Update seq, and what Begin adds. A
// broken one is whole then.
func (j *Journal) Rewrite(seq uint64, boot string, records iter.Seq2[string, []byte]) error {
	temp := j.m.Temp()
	size, err := j.fill(temp, func(add func([]byte) error) error {
		if err := encodeRecords(seq, records, add); err != nil {
			return err
		}
		return add(openEntry(boot))
	})
	if err != nil {
		j.m.Remove(temp)
		return disk.Explain(err)
	}
	// From here on nobody knows which file has the name, until it is certain that it is the new one.
	if err := errors.Join(j.m.Rename(temp, Name), j.m.SyncDir(path.Dir(Name))); err != nil {
		return j.fail(err)
	}
	old, end := j.f, j.end
	j.end = size
	if err := j.open(); err != nil {
		j.end = end
		return j.fail(err)
	}
	j.synced, j.broken = size, nil
	_ = old.Close() // what it held is of no interest any more
	return nil
}

// fail breaks the journal.
func (j *Journal) fail(err error) error {
	j.broken = fmt.Errorf("journal: %w", err)
	return j.broken
}

func (j *Journal) fill(name string, write func(add func([]byte) error) error) (size int64, err error) {
	f, err := j.m.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = write(func(payload []byte) error {
		frame := appendFrame(nil, size, payload)
		n, err := f.Write(frame)
		size += int64(n)
		return err
	})
	if err == nil {
		err = f.Sync()
	}
	return size, err
}
