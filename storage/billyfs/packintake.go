package billyfs

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
)

// A packIntake takes the bytes of a pack into a temporary file.
type packIntake struct {
	s    *store
	pool storage.ID
	temp string
	f    disk.File // nil: it has ended
	size int64

	mu sync.Mutex // of w, which readers flush
	w  *bufio.Writer
}

// Pack implements storage.Packer.
func (s *store) Pack(ctx context.Context, pool storage.ID) (storage.PackWriter, error) {
	if err := s.enterFor(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	if !validID(pool) {
		return nil, fmt.Errorf("pool %q: %w", pool, fs.ErrInvalid)
	}
	temp := s.m.Temp()
	f, err := s.m.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, disk.ReadOnlyPerm)
	if err != nil {
		return nil, disk.Explain(err)
	}
	return &packIntake{s: s, pool: pool, temp: temp, f: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

var errPackEnded = fmt.Errorf("writer of a pack has ended: %w", fs.ErrClosed)

// Write implements io.Writer.
func (w *packIntake) Write(p []byte) (int, error) {
	if w.f == nil {
		return 0, errPackEnded
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.w.Write(p)
	w.size += int64(n)
	return n, disk.Explain(err)
}

// ReadAt implements io.ReaderAt.
func (w *packIntake) ReadAt(p []byte, at int64) (int, error) {
	if w.f == nil {
		return 0, errPackEnded
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	return w.f.ReadAt(p, at)
}

func (w *packIntake) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return disk.Explain(w.w.Flush())
}

// Commit implements storage.PackWriter.
func (w *packIntake) Commit(ctx context.Context, entries []storage.PackEntry) error {
	if w.f == nil {
		return errPackEnded
	}
	if err := w.s.enterFor(ctx); err != nil {
		return err
	}
	defer w.s.leave()
	var sum [packfile.TrailerSize]byte
	if w.size < int64(len(sum)) {
		return fmt.Errorf("pack of %d bytes: %w", w.size, fs.ErrInvalid)
	}
	if _, err := w.ReadAt(sum[:], w.size-int64(len(sum))); err != nil {
		return err
	}
	o := w.s.objects
	err := o.ensurePool(w.pool)
	if err == nil && o.m.Syncs {
		err = w.f.Sync()
	}
	if err = errors.Join(err, w.f.Close()); err == nil {
		index := make([]packfile.IndexEntry, len(entries))
		for i, e := range entries {
			index[i] = packfile.IndexEntry{Hash: e.Hash, Offset: e.Offset, CRC: e.CRC}
		}
		err = o.publishPack(w.pool, w.temp, index, sum)
	}
	w.f = nil
	if err != nil {
		return errors.Join(disk.Explain(err), o.m.RemoveAny(w.temp))
	}
	return nil
}

// publishPack gives a finished pack its name, and an index of entries in the order of their hashes. The pack is in
// place before its index is: only the index makes it count.
func (s *objects) publishPack(pool storage.ID, temp string, entries []packfile.IndexEntry, sum [20]byte) error {
	objects := poolDir(pool) + "/objects"
	name := packPrefix + hex.EncodeToString(sum[:])
	file := path.Join(objects, packDir, name)
	if err := s.m.Publish(temp, file+".pack"); err != nil {
		return err
	}
	if err := s.m.Replace(file+".idx", packfile.AppendIndex(nil, entries, sum), disk.ReadOnly|disk.SyncData); err != nil {
		return err
	}
	if err := s.m.SyncParents(file); err != nil {
		return err
	}
	s.dir(objects).addPack(name)
	return nil
}

// Discard implements storage.PackWriter.
func (w *packIntake) Discard() error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	return errors.Join(err, w.s.m.RemoveAny(w.temp))
}
