package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// An osDisk is a directory of the operating system. It works through os.Root: no symbolic link that someone planted
// in the store leads out of it.
type osDisk struct {
	root *os.Root
	boot string
}

func newOSDisk(dir string) (*osDisk, error) {
	if dir == "" {
		dir = "."
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &osDisk{root: root, boot: bootID()}, nil
}

// bootID returns what Linux calls the time since the machine was started. With another one, no program lives that made
// a lock file.
func bootID() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

func (d *osDisk) Traits() Traits { return Traits{Shared: true, Syncs: true, Boot: d.boot} }

func (d *osDisk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, _, err := openRegular(d.root, name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d *osDisk) ReadFile(name string, limit int64) ([]byte, error) {
	return readRegular(d.root, name, limit)
}

func (d *osDisk) Readlink(name string) (string, error) { return d.root.Readlink(name) }

func (d *osDisk) WriteFile(name string, data []byte, mode Mode) error {
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if mode&Exclusive != 0 {
		flag |= os.O_EXCL
	}
	f, _, err := openRegular(d.root, name, flag, mode.perm())
	if err != nil {
		return err
	}
	return writeAndClose(osFile{f}, data, mode)
}

func writeAndClose(f File, data []byte, mode Mode) error {
	n, err := f.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	if err == nil && mode&SyncData != 0 {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (d *osDisk) Stat(name string) (fs.FileInfo, error) { return d.root.Stat(name) }

func (d *osDisk) ReadDir(name string) ([]Entry, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|dontWait, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry{e.Name(), e.IsDir()}
	}
	return entries, nil
}

func (d *osDisk) Mkdir(name string) error      { return d.root.Mkdir(name, 0o755) }
func (d *osDisk) Rename(from, to string) error { return d.root.Rename(from, to) }
func (d *osDisk) Link(from, to string) error   { return d.root.Link(from, to) }
func (d *osDisk) Remove(name string) error     { return d.root.Remove(name) }
func (d *osDisk) RemoveAll(name string) error  { return d.root.RemoveAll(name) }

func (d *osDisk) SyncFile(name string) error {
	flag := os.O_RDONLY
	if runtime.GOOS == "windows" { // syncs only what is open for writing
		flag = os.O_RDWR
	}
	return d.sync(name, flag)
}

func (d *osDisk) SyncDir(name string) error {
	if runtime.GOOS == "windows" { // has no such thing: names are in NTFS's own journal
		return nil
	}
	return d.sync(name, os.O_RDONLY)
}

func (d *osDisk) sync(name string, flag int) error {
	f, err := d.root.OpenFile(name, flag|dontWait, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *osDisk) Lock(name string) (io.Closer, error) { return lockFile(d.root, name) }
func (d *osDisk) Close() error                        { return d.root.Close() }

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
