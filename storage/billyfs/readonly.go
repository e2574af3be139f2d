package billyfs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/billyfs/internal/journal"
)

// openToRead opens a store that was closed, and writes nothing.
func openToRead(root billy.Filesystem) (_ *store, err error) {
	d, err := disk.NewReadOnly(root)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", storage.ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	s := newStore(d, storage.Volatile)
	s.readOnly = true
	defer func() {
		if err != nil {
			err = errors.Join(err, s.letGo())
		}
	}()
	if f, err := readFormat(d); err != nil || f.version == 0 {
		return nil, cmp.Or(err, fmt.Errorf("there is no store: %w", storage.ErrNotFound))
	}
	s.lock, err = d.Lock(lockName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // A copy may lack the file.
		return nil, err
	}
	f, err := readClosed(d)
	if err != nil {
		return nil, err
	}
	h := &journal.History{Put: s.putRecords}
	err = journal.Read(s.m, h, func(end, size int64) error { return fitting{s, f, h}.check(end, size) })
	if err != nil {
		return nil, err
	}
	s.committer.seq = h.Seq
	if err := s.folding.look(); err != nil {
		return nil, err
	}
	s.joinAll()
	return s, nil
}

// readClosed reads reposit/format, and returns an error unless it is as Close leaves it.
func readClosed(d disk.Disk) (format, error) {
	f, err := readFormat(d)
	switch {
	case err != nil:
		return f, err
	case f.version < formatAside:
		return f, fmt.Errorf("%s says version %d, which must be opened to write first: %w", formatName, f.version,
			storage.ErrReadOnly)
	case !f.closed:
		return f, fmt.Errorf("it was not closed: it must be opened to write first: %w", storage.ErrReadOnly)
	}
	return f, nil
}

// enterWrite is enter for calls that write.
func (s *store) enterWrite() error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.readOnly {
		s.leave()
		return fmt.Errorf("billyfs: %w", storage.ErrReadOnly)
	}
	return nil
}
