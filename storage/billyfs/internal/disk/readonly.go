package disk

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/storage"
)

// NewReadOnly returns the disk that root is, to read alone: nothing that is asked of it makes, changes or removes a
// file, and what would is storage.ErrReadOnly. It returns fs.ErrNotExist if root is a directory of the operating system
// that is not there.
func NewReadOnly(root billy.Filesystem) (Disk, error) {
	dir, ok := osRoot(root)
	if !ok {
		d, err := New(root)
		return readOnly{d}, err
	}
	d, err := openOSDisk(dir)
	if err != nil {
		return nil, err
	}
	return readOnly{d}, nil
}

// A readOnly is a Disk whose methods that write return storage.ErrReadOnly.
type readOnly struct{ Disk }

func refuse(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: storage.ErrReadOnly}
}

// Traits do not say whether the disk can sync, for which some are asked by writing.
func (r readOnly) Traits() Traits {
	if b, ok := r.Disk.(*billyDisk); ok {
		return Traits{Volatile: b.memory}
	}
	t := r.Disk.Traits()
	t.Syncs = false
	return t
}

func (r readOnly) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 {
		return nil, refuse("open", name)
	}
	return r.Disk.OpenFile(name, flag, perm)
}

// OpenFolder opens a directory as OpenFolder of the disk below does.
func (r readOnly) OpenFolder(name string) (Folder, error) { return OpenFolder(r.Disk, name) }

// Lock takes the lock so that others may read, too, and nobody may write: where a system has such locks. The file must
// be there.
func (r readOnly) Lock(name string) (io.Closer, error) {
	if d, ok := r.Disk.(*osDisk); ok {
		return lockShared(d.root, name)
	}
	if b, ok := r.Disk.(*billyDisk); ok && b.memory {
		if _, err := b.Stat(name); err == nil {
			return nil, storage.ErrLocked // Whoever writes made it.
		}
	}
	return closerFunc(func() error { return nil }), nil
}

func (readOnly) WriteFile(name string, _ []byte, _ Mode) error { return refuse("write", name) }
func (readOnly) Mkdir(name string) error                       { return refuse("mkdir", name) }
func (readOnly) Rename(_, to string) error                     { return refuse("rename", to) }
func (readOnly) Link(_, to string) error                       { return refuse("link", to) }
func (readOnly) Remove(name string) error                      { return refuse("remove", name) }
func (readOnly) RemoveAll(name string) error                   { return refuse("remove", name) }
func (readOnly) SyncFile(string) error                         { return nil }
func (readOnly) SyncDir(string) error                          { return nil }

// openOSDisk opens a directory that is there.
func openOSDisk(dir string) (*osDisk, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, fmt.Errorf("there is no store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &osDisk{root: root, boot: bootID()}, nil
}
