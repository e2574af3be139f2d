package disk

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A Medium is a disk with a directory for temporary files, and an account of what a power cut could still take. What
// an operation may change is noted before it: it may have changed it even if it fails. It is safe for concurrent use.
type Medium struct {
	Disk
	// Volatile says that it ends with the process: files are written in place.
	Volatile bool
	// Syncs says that the account is kept. Without it, nothing is synced but what is asked for by name.
	Syncs bool

	tempDir string
	limit   func(name string) int64
	temps   atomic.Uint64

	mu    sync.Mutex
	files map[string]struct{} // whose bytes are not synced
	dirs  map[string]struct{} // whose names are not
}

// Options are what NewMedium asks for. TempDir and Limit are needed.
type Options struct {
	Volatile, Syncs bool   // as in Medium
	TempDir         string // where temporary files are
	// Limit returns how large a file may be that is read as a whole.
	Limit func(name string) int64
}

// NewMedium returns a Medium of d, which it does not own.
func NewMedium(d Disk, o Options) *Medium {
	return &Medium{Disk: d, Volatile: o.Volatile, Syncs: o.Syncs, tempDir: o.TempDir, limit: o.Limit,
		files: map[string]struct{}{}, dirs: map[string]struct{}{}}
}

// ReadFile reads a file as a whole. It returns storage.ErrCorrupt if it is larger than it may be.
func (m *Medium) ReadFile(name string) ([]byte, error) { return m.Disk.ReadFile(name, m.limit(name)) }

// ReadText reads a file that may be missing, which reads as "".
func (m *Medium) ReadText(name string) (string, error) {
	data, err := m.ReadFile(name)
	if err != nil && !Absent(err) {
		return "", err
	}
	return string(data), nil
}

// Temp returns the name of a new temporary file. Temporary names are all of one length: go-billy's memfs takes
// whatever begins with the name that it renames along.
func (m *Medium) Temp() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], m.temps.Add(1))
	return m.tempDir + "/" + hex.EncodeToString(b[:])
}

// Named notes that a name came or went.
func (m *Medium) Named(name string) {
	if m.Syncs {
		m.mu.Lock()
		m.dirs[path.Dir(name)] = struct{}{}
		m.mu.Unlock()
	}
}

// Wrote notes that the bytes of a file changed.
func (m *Medium) Wrote(name string) {
	if m.Syncs {
		m.mu.Lock()
		m.files[name] = struct{}{}
		m.mu.Unlock()
	}
}

// MkdirAll makes a directory and those above it.
func (m *Medium) MkdirAll(name string) error {
	m.Named(name)
	err := m.Mkdir(name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && name != "." {
		if err := m.MkdirAll(path.Dir(name)); err != nil {
			return err
		}
		err = m.Mkdir(name)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// InDir runs write, and once more after making the directory of name if that is what it lacked.
func (m *Medium) InDir(name string, write func() error) error {
	err := write()
	if errors.Is(err, fs.ErrNotExist) {
		if err := m.MkdirAll(path.Dir(name)); err != nil {
			return err
		}
		err = write()
	}
	return err
}

// Replace makes data the content of a file, which is never seen with part of it. With SyncData in mode, the bytes
// are on the medium before the name is.
func (m *Medium) Replace(name string, data []byte, mode Mode) error {
	if m.Volatile {
		return m.InDir(name, func() error { return m.WriteFile(name, data, mode) })
	}
	if !m.Syncs {
		mode &^= SyncData
	}
	temp := m.Temp()
	if err := m.WriteFile(temp, data, mode); err != nil {
		m.Remove(temp)
		return err
	}
	if mode&SyncData == 0 {
		m.Wrote(name)
	}
	if err := m.Publish(temp, name); err != nil {
		m.Remove(temp)
		return err
	}
	return nil
}

// Publish renames a finished file to its name.
func (m *Medium) Publish(temp, name string) error {
	m.Named(name)
	return m.InDir(name, func() error { return m.Rename(temp, name) })
}

// Renamed notes that what was written below one directory is below another now.
func (m *Medium) Renamed(from, to string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, names := range []map[string]struct{}{m.files, m.dirs} {
		for name := range names {
			if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
				delete(names, name)
				names[to+rest] = struct{}{}
			}
		}
	}
}

// RemoveAny removes a file, if it is there.
func (m *Medium) RemoveAny(name string) error {
	m.Named(name)
	if err := m.Remove(name); !Absent(err) {
		return err
	}
	return nil
}

// Append adds data to the end of a file, and makes the file if need be.
func (m *Medium) Append(name string, data []byte) error {
	m.Wrote(name)
	return m.InDir(name, func() error {
		f, err := m.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if errors.Is(err, fs.ErrNotExist) {
			m.Named(name)
			f, err = m.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		}
		if err != nil {
			return err
		}
		return writeAndClose(f, data, 0)
	})
}

// RemoveEmpty removes the directories from dir up to, but without, top, as long as they are empty.
func (m *Medium) RemoveEmpty(dir, top string) {
	for dir != top && strings.HasPrefix(dir, top+"/") {
		entries, err := m.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			return
		}
		m.Named(dir)
		if m.Remove(dir) != nil {
			return
		}
		dir = path.Dir(dir)
	}
}

// RemoveEmptyTree removes a directory below which there are nothing but directories, such as git leaves behind where
// refs were.
func (m *Medium) RemoveEmptyTree(dir string) error {
	entries, err := m.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Dir {
			return &fs.PathError{Op: "remove", Path: dir, Err: fs.ErrExist}
		}
		if err := m.RemoveEmptyTree(path.Join(dir, e.Name)); err != nil {
			return err
		}
	}
	m.Named(dir)
	return m.Remove(dir)
}

// Unsynced returns how many files and directories flush has to sync.
func (m *Medium) Unsynced() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.files) + len(m.dirs)
}

// Flush syncs what was written since the last flush. What is gone meanwhile needs no sync. If it fails, it has the
// same to do the next time.
func (m *Medium) Flush() error {
	m.mu.Lock()
	files, dirs := m.files, m.dirs
	m.files, m.dirs = map[string]struct{}{}, map[string]struct{}{}
	m.mu.Unlock()
	err := syncAll(files, m.SyncFile)
	if err == nil {
		err = syncAll(dirs, m.SyncDir)
	}
	if err != nil {
		m.mu.Lock()
		maps.Copy(m.files, files)
		maps.Copy(m.dirs, dirs)
		m.mu.Unlock()
	}
	return err
}

func syncAll(names map[string]struct{}, sync func(string) error) error {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := sync(name); err != nil && !Absent(err) {
			return err
		}
	}
	return nil
}

// SyncNow syncs a file and the directories that name it, up to the root, if the account is kept. It does nothing for a
// file that is gone.
func (m *Medium) SyncNow(name string) error {
	if !m.Syncs {
		return nil
	}
	if err := m.SyncFile(name); err != nil {
		if Absent(err) {
			return nil
		}
		return err
	}
	return m.SyncParents(name)
}

// SyncParents syncs the directories that name a file, up to the root, if the account is kept.
func (m *Medium) SyncParents(name string) error {
	if !m.Syncs {
		return nil
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if err := m.SyncDir(dir); err != nil || dir == "." {
			return err
		}
	}
}

// Settle syncs a file and the directory that names it, also without the account, if the disk can: what it holds is
// about to be all that there is of it. It does nothing for a file that is gone.
func (m *Medium) Settle(name string) error {
	if m.Volatile || !m.Traits().Syncs {
		return nil
	}
	if err := m.SyncFile(name); err != nil {
		if Absent(err) {
			return nil
		}
		return err
	}
	return m.SyncDir(path.Dir(name))
}

// CopyFile copies a file that does not change. The copy is noted as written.
func (m *Medium) CopyFile(from, to string) error {
	src, err := m.OpenFile(from, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	temp := m.Temp()
	dst, err := m.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, ReadOnlyPerm)
	if err != nil {
		return err
	}
	m.Wrote(to)
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(err, m.Remove(temp))
	}
	return m.Publish(temp, to)
}

// ClearPath runs write, which is to make a file called name below top, and once more after removing what git leaves in
// the way: directories in which nothing is left.
func (m *Medium) ClearPath(top, name string, write func() error) error {
	err := write()
	if err == nil {
		return nil
	}
	if info, statErr := m.Stat(path.Join(top, name)); statErr != nil || !info.IsDir() {
		return err
	}
	if err := m.RemoveEmptyTree(path.Join(top, name)); err != nil {
		return err
	}
	return write()
}
