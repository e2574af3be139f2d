package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/go-git/go-billy/v5"

	"github.com/reposit/reposit/storage"
)

// A billyDisk is any go-billy filesystem. Nothing is asked of it but what its interface says: it need not be safe
// for concurrent use, and it is taken to be ours alone.
type billyDisk struct {
	mu     sync.Mutex
	fs     billy.Filesystem
	memory bool // go-billy's memfs: ends with the process
	syncs  bool // found by the first file that was opened
	probed bool
}

// A filesystem that can sync the names in a directory has this method; its files have one called Sync.
type dirSyncer interface{ SyncDir(path string) error }

type fileSyncer interface{ Sync() error }

func (d *billyDisk) Traits() Traits { return Traits{Volatile: d.memory, Syncs: d.canSync()} }

// ProbeName is the file by which canSync finds out.
const ProbeName = "reposit-probe"

// canSync looks at a file that it makes, since only files tell whether they can be synced.
func (d *billyDisk) canSync() bool {
	if _, ok := d.fs.(dirSyncer); !ok {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.probed {
		if f, err := d.fs.Create(ProbeName); err == nil {
			_, d.syncs = f.(fileSyncer)
			d.probed = f.Close() == nil && d.fs.Remove(ProbeName) == nil
		}
	}
	return d.syncs
}

func (d *billyDisk) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.openFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &billyFile{disk: d, name: name, f: f}, nil
}

// openFile opens no pipe, device or the like, and says that a directory is one, for which filesystems have many words.
func (d *billyDisk) openFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	if !d.memory && flag&os.O_EXCL == 0 {
		if info, err := d.fs.Stat(name); err == nil && info.Mode()&oddMode != 0 {
			return nil, irregular(name)
		}
	}
	f, err := d.fs.OpenFile(name, flag, perm)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		if info, statErr := d.fs.Stat(name); statErr == nil && info.IsDir() {
			return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
		}
	}
	return f, err
}

// oddMode is what files have that may not be read. Not all filesystems know what they say of others.
const oddMode = fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice | fs.ModeCharDevice

func (d *billyDisk) ReadFile(name string, limit int64) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.openFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	data, err := readAll(f, name, 0, limit)
	return data, errors.Join(err, f.Close())
}

func (d *billyDisk) Readlink(name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fs.Readlink(name)
}

func (d *billyDisk) WriteFile(name string, data []byte, mode Mode) error {
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if mode&Exclusive != 0 {
		flag |= os.O_EXCL
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.openFile(name, flag, mode.perm())
	if err != nil {
		return err
	}
	return writeAndClose(&billyFile{disk: d, name: name, f: f, held: true}, data, mode)
}

func (d *billyDisk) Stat(name string) (fs.FileInfo, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fs.Stat(name)
}

func (d *billyDisk) ReadDir(name string) ([]Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.readDir(name)
}

func (d *billyDisk) readDir(name string) ([]Entry, error) {
	list, err := d.fs.ReadDir(name)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(list))
	for i, e := range list {
		entries[i] = Entry{e.Name(), e.IsDir()}
	}
	return entries, nil
}

func (d *billyDisk) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.fs.Stat(name); err == nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
	}
	if dir := path.Dir(name); dir != "." {
		if info, err := d.fs.Stat(dir); err != nil {
			return err
		} else if !info.IsDir() { // go-billy's memfs would put a directory into a file
			return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.ENOTDIR}
		}
	}
	return d.fs.MkdirAll(name, 0o755)
}

func (d *billyDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.memory {
		return d.renameInMemory(from, to)
	}
	return d.fs.Rename(from, to)
}

// renameInMemory moves a directory file by file: memfs renames the entries of a directory in the order of a map, and
// loses those that come before the directory they are in. It also panics where the new directory is missing.
func (d *billyDisk) renameInMemory(from, to string) error {
	info, err := d.fs.Lstat(from)
	if err != nil {
		return err
	}
	if _, err := d.fs.Stat(path.Dir(to)); err != nil {
		return err
	}
	if !info.IsDir() {
		return d.fs.Rename(from, to)
	}
	if err := d.copyDir(from, to); err != nil {
		return err
	}
	return d.removeAll(from)
}

func (d *billyDisk) copyDir(from, to string) error {
	if err := d.fs.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := d.readDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, dst := path.Join(from, e.Name), path.Join(to, e.Name)
		if e.Dir {
			err = d.copyDir(src, dst)
		} else {
			err = d.copyFile(src, dst)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *billyDisk) copyFile(from, to string) error {
	src, err := d.fs.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := d.fs.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (d *billyDisk) Link(from, to string) error { return billy.ErrNotSupported }

// Remove refuses a directory that is not empty, as go-billy does not promise.
func (d *billyDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fs.Remove(name)
}

func (d *billyDisk) RemoveAll(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.removeAll(name)
}

func (d *billyDisk) removeAll(name string) error {
	info, err := d.fs.Lstat(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if info.IsDir() {
		entries, err := d.readDir(name)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := d.removeAll(path.Join(name, e.Name)); err != nil {
				return err
			}
		}
	}
	return d.fs.Remove(name)
}

func (d *billyDisk) SyncFile(name string) error {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *billyDisk) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s, ok := d.fs.(dirSyncer); ok {
		return s.SyncDir(name)
	}
	return nil
}

// Lock makes a file that Close removes. Only what lives in memory can be locked so: elsewhere the file would
// outlive a process that was killed, and the caller must see to it that a filesystem is opened once.
func (d *billyDisk) Lock(name string) (io.Closer, error) {
	if !d.memory {
		return closerFunc(func() error { return nil }), nil
	}
	err := d.WriteFile(name, nil, Exclusive)
	if errors.Is(err, fs.ErrExist) {
		return nil, storage.ErrLocked
	}
	if err != nil {
		return nil, err
	}
	return closerFunc(func() error { return d.Remove(name) }), nil
}

func (d *billyDisk) Close() error { return nil }

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// A billyFile is a file that takes the lock of its filesystem for each call.
type billyFile struct {
	disk *billyDisk
	name string
	f    billy.File
	held bool // the lock is held by whoever made it
}

func (f *billyFile) lock() func() {
	if f.held {
		return func() {}
	}
	f.disk.mu.Lock()
	return f.disk.mu.Unlock
}

func (f *billyFile) Read(p []byte) (int, error) {
	defer f.lock()()
	return f.f.Read(p)
}

func (f *billyFile) ReadAt(p []byte, off int64) (int, error) {
	defer f.lock()()
	return f.f.ReadAt(p, off)
}

// Write never writes less than p without an error, as go-billy's implementations may.
func (f *billyFile) Write(p []byte) (int, error) {
	defer f.lock()()
	n, err := f.f.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

func (f *billyFile) Seek(offset int64, whence int) (int64, error) {
	defer f.lock()()
	return f.f.Seek(offset, whence)
}

func (f *billyFile) Truncate(size int64) error {
	defer f.lock()()
	return f.f.Truncate(size)
}

func (f *billyFile) Sync() error {
	defer f.lock()()
	if s, ok := f.f.(fileSyncer); ok {
		return s.Sync()
	}
	return nil
}

func (f *billyFile) Size() (int64, error) {
	defer f.lock()()
	at, err := f.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	size, err := f.f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	_, err = f.f.Seek(at, io.SeekStart)
	return size, err
}

func (f *billyFile) Close() error {
	defer f.lock()()
	return f.f.Close()
}
