package billyfs

import (
	"errors"
	"io"
	"io/fs"
	"syscall"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/helper/chroot"
	"github.com/go-git/go-billy/v5/helper/polyfill"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
)

// A disk is what the store asks of a filesystem. Names are relative to its root, separated by slashes and clean.
// Its methods are safe for concurrent use.
type disk interface {
	// OpenFile opens a regular file. It returns storage.ErrCorrupt for a pipe, a device or the like.
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	// ReadFile reads a file as OpenFile opens it. It returns storage.ErrCorrupt if it has more than limit bytes.
	ReadFile(name string, limit int64) ([]byte, error)
	// Readlink returns where a symbolic link leads. It returns an error if it is none, or there are none.
	Readlink(name string) (string, error)

	// WriteFile writes a file in place. With syncFile, its bytes survive a power cut when it returns nil.
	WriteFile(name string, data []byte, mode writeMode) error

	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]dirEntry, error)

	// Mkdir makes one directory. It returns fs.ErrExist if the name is taken, fs.ErrNotExist if the parent is missing.
	Mkdir(name string) error
	Rename(from, to string) error
	// Link gives a file another name. It returns fs.ErrExist if that is taken, and may not be supported.
	Link(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error

	// SyncFile makes the bytes of a file survive a power cut, SyncDir the names in a directory.
	SyncFile(name string) error
	SyncDir(name string) error

	// Lock takes the lock file for this process, or returns storage.ErrLocked.
	Lock(name string) (io.Closer, error)
	Close() error
	traits() traits
}

// A file is an open file. It is for one goroutine, except ReadAt.
type file interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Seeker
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
}

type traits struct {
	shared   bool   // other programs may change it between two calls
	volatile bool   // it ends with the process: nothing needs to be written atomically
	syncs    bool   // files and directories can be synced
	boot     string // names the time since the machine was started, which no lock outlives; "" if that is unknown
}

type dirEntry struct {
	name string
	dir  bool
}

type writeMode uint8

const (
	exclusive writeMode = 1 << iota // fail with fs.ErrExist if the file exists
	syncFile                        // sync the file
	readOnly                        // nobody is meant to change the file
)

func (m writeMode) perm() fs.FileMode {
	if m&readOnly != 0 {
		return objectPerm
	}
	return 0o644
}

// newDisk goes past go-billy where it hands out a directory of the operating system: its osfs can neither sync
// directories nor, through its Chroot helper, files, and follows symbolic links by name.
func newDisk(root billy.Filesystem) (disk, error) {
	switch f := root.(type) {
	case *osfs.BoundOS:
		return newOSDisk(f.Root())
	case *chroot.ChrootHelper:
		switch innermost(f.Underlying()).(type) {
		case *osfs.ChrootOS: //lint:ignore SA1019 it is what osfs.New still makes by default
			return newOSDisk(f.Root())
		case *memfs.Memory:
			return &billyDisk{fs: root, memory: true}, nil
		}
	}
	return &billyDisk{fs: root}, nil
}

// innermost goes through the helper that adds the methods which a filesystem lacks.
func innermost(b billy.Basic) billy.Basic {
	if p, ok := b.(*polyfill.Polyfill); ok {
		return p.Underlying()
	}
	return b
}

// absent reports whether err says that there is no such file: also where a directory has the name, or a file the
// name of its directory, or where no file can have it.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG)
}

// mediumError names the errors of a full disk.
func mediumError(err error) error {
	if err != nil && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		return errors.Join(storage.ErrNoSpace, err)
	}
	return err
}
