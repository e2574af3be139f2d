// Package disk is what a store asks of a filesystem, a directory of the operating system or any of go-billy, and keeps
// the account of what is not yet known to be on the medium.
package disk

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

// A Disk is what the store asks of a filesystem. Names are relative to its root, separated by slashes and clean.
// Its methods are safe for concurrent use.
type Disk interface {
	// OpenFile opens a regular file. It returns storage.ErrCorrupt for a pipe, a device or the like.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// ReadFile reads a file as OpenFile opens it. It returns storage.ErrCorrupt if it has more than limit bytes.
	ReadFile(name string, limit int64) ([]byte, error)
	// Readlink returns where a symbolic link leads. It returns an error if it is none, or there are none.
	Readlink(name string) (string, error)

	// WriteFile writes a file in place. With SyncData, its bytes survive a power cut when it returns nil.
	WriteFile(name string, data []byte, mode Mode) error

	Stat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]Entry, error)

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
	Traits() Traits
}

// A File is an open file. It is for one goroutine, except ReadAt.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Seeker
	io.Closer
	Truncate(size int64) error
	Sync() error
	Size() (int64, error)
}

// Traits are what a store has to know of a disk.
type Traits struct {
	Shared   bool   // other programs may change it between two calls
	Volatile bool   // it ends with the process: nothing needs to be written atomically
	Syncs    bool   // files and directories can be synced
	Boot     string // names the time since the machine was started, which no lock outlives; "" if that is unknown
}

// An Entry is what a directory says of a file or directory in it.
type Entry struct {
	Name string
	Dir  bool
}

// A Mode says how WriteFile writes. Zero replaces what there is.
type Mode uint8

// Modes, which may be combined.
const (
	Exclusive Mode = 1 << iota // fail with fs.ErrExist if the file exists
	SyncData                   // sync the file
	ReadOnly                   // nobody is meant to change the file
)

func (m Mode) perm() fs.FileMode {
	if m&ReadOnly != 0 {
		return ReadOnlyPerm
	}
	return 0o644
}

// NewBilly returns the disk that root is, by go-billy's interface alone, whatever it is. Only this process may use it.
func NewBilly(root billy.Filesystem) Disk { return &billyDisk{fs: root} }

// New returns the disk that root is. It goes past go-billy where it hands out a directory of the operating system: its
// osfs can neither sync directories nor, through its Chroot helper, files, and follows symbolic links by name.
func New(root billy.Filesystem) (Disk, error) {
	if dir, ok := osRoot(root); ok {
		return newOSDisk(dir)
	}
	if f, ok := root.(*chroot.ChrootHelper); ok {
		if _, ok := innermost(f.Underlying()).(*memfs.Memory); ok {
			return &billyDisk{fs: root, memory: true}, nil
		}
	}
	return NewBilly(root), nil
}

// osRoot returns the directory of the operating system that root hands out, if it does.
func osRoot(root billy.Filesystem) (dir string, ok bool) {
	switch f := root.(type) {
	case *osfs.BoundOS:
		return f.Root(), true
	case *chroot.ChrootHelper:
		//lint:ignore SA1019 it is what osfs.New still makes by default
		if _, ok := innermost(f.Underlying()).(*osfs.ChrootOS); ok {
			return f.Root(), true
		}
	}
	return "", false
}

// innermost goes through the helper that adds the methods which a filesystem lacks.
func innermost(b billy.Basic) billy.Basic {
	if p, ok := b.(*polyfill.Polyfill); ok {
		return p.Underlying()
	}
	return b
}

// Absent reports whether err says that there is no such file: also where a directory has the name, or a file the
// name of its directory, or where no file can have it.
func Absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG)
}

// Explain returns an error with storage.ErrNoSpace in it if a full disk is its cause, else the error as it is.
func Explain(err error) error {
	if err != nil && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
		return errors.Join(storage.ErrNoSpace, err)
	}
	return err
}
