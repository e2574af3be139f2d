package billyfs

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

const tempDir = "reposit/tmp"

// A medium is a disk with a directory for temporary files, and an account of what a power cut could still take. What
// an operation may change is noted before it: it may have changed it even if it fails.
type medium struct {
	disk
	volatile bool
	sync     bool // keep the account
	temps    atomic.Uint64

	mu    sync.Mutex
	files map[string]struct{} // whose bytes are not synced
	dirs  map[string]struct{} // whose names are not
}

func newMedium(d disk, volatile, sync bool) *medium {
	return &medium{disk: d, volatile: volatile, sync: sync, files: map[string]struct{}{}, dirs: map[string]struct{}{}}
}

// temp returns the name of a new temporary file. Temporary names are all of one length: go-billy's memfs takes
// whatever begins with the name that it renames along.
func (m *medium) temp() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], m.temps.Add(1))
	return tempDir + "/" + hex.EncodeToString(b[:])
}

// named notes that a name came or went.
func (m *medium) named(name string) {
	if m.sync {
		m.mu.Lock()
		m.dirs[path.Dir(name)] = struct{}{}
		m.mu.Unlock()
	}
}

// wrote notes that the bytes of a file changed.
func (m *medium) wrote(name string) {
	if m.sync {
		m.mu.Lock()
		m.files[name] = struct{}{}
		m.mu.Unlock()
	}
}

// mkdirAll makes a directory and those above it.
func (m *medium) mkdirAll(name string) error {
	m.named(name)
	err := m.Mkdir(name)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) && name != "." {
		if err := m.mkdirAll(path.Dir(name)); err != nil {
			return err
		}
		err = m.Mkdir(name)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// inDir runs write, and once more after making the directory of name if that is what it lacked.
func (m *medium) inDir(name string, write func() error) error {
	err := write()
	if errors.Is(err, fs.ErrNotExist) {
		if err := m.mkdirAll(path.Dir(name)); err != nil {
			return err
		}
		err = write()
	}
	return err
}

// replace makes data the content of a file, which is never seen with part of it. With syncFile in mode, the bytes
// are on the medium before the name is.
func (m *medium) replace(name string, data []byte, mode writeMode) error {
	if m.volatile {
		return m.inDir(name, func() error { return m.WriteFile(name, data, mode) })
	}
	if !m.sync {
		mode &^= syncFile
	}
	temp := m.temp()
	if err := m.WriteFile(temp, data, mode); err != nil {
		m.Remove(temp)
		return err
	}
	if mode&syncFile == 0 {
		m.wrote(name)
	}
	if err := m.publish(temp, name); err != nil {
		m.Remove(temp)
		return err
	}
	return nil
}

// publish renames a finished file to its name.
func (m *medium) publish(temp, name string) error {
	m.named(name)
	return m.inDir(name, func() error { return m.Rename(temp, name) })
}

// renamed notes that what was written below one directory is below another now.
func (m *medium) renamed(from, to string) {
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

// remove removes a file, if it is there.
func (m *medium) remove(name string) error {
	m.named(name)
	if err := m.Remove(name); !absent(err) {
		return err
	}
	return nil
}

// appendTo adds data to the end of a file, and makes the file if need be.
func (m *medium) appendTo(name string, data []byte) error {
	m.wrote(name)
	return m.inDir(name, func() error {
		f, err := m.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
		if errors.Is(err, fs.ErrNotExist) {
			m.named(name)
			f, err = m.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		}
		if err != nil {
			return err
		}
		return writeAndClose(f, data, 0)
	})
}

// removeEmpty removes the directories from dir up to, but without, top, as long as they are empty.
func (m *medium) removeEmpty(dir, top string) {
	for dir != top && strings.HasPrefix(dir, top+"/") {
		entries, err := m.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			return
		}
		m.named(dir)
		if m.Remove(dir) != nil {
			return
		}
		dir = path.Dir(dir)
	}
}

// removeEmptyTree removes a directory below which there are nothing but directories, such as git leaves behind where
// refs were.
func (m *medium) removeEmptyTree(dir string) error {
	entries, err := m.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.dir {
			return &fs.PathError{Op: "remove", Path: dir, Err: fs.ErrExist}
		}
		if err := m.removeEmptyTree(path.Join(dir, e.name)); err != nil {
			return err
		}
	}
	m.named(dir)
	return m.Remove(dir)
}

// unsynced returns how many files and directories flush has to sync.
func (m *medium) unsynced() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.files) + len(m.dirs)
}

// flush syncs what was written since the last flush. What is gone meanwhile needs no sync. If it fails, it has the
// same to do the next time.
func (m *medium) flush() error {
	m.mu.Lock()
	files, dirs := m.files, m.dirs
	m.files, m.dirs = map[string]struct{}{}, map[string]struct{}{}
	m.mu.Unlock()
	err := m.syncAll(files, m.SyncFile)
	if err == nil {
		err = m.syncAll(dirs, m.SyncDir)
	}
	if err != nil {
		m.mu.Lock()
		maps.Copy(m.files, files)
		maps.Copy(m.dirs, dirs)
		m.mu.Unlock()
	}
	return err
}

func (m *medium) syncAll(names map[string]struct{}, sync func(string) error) error {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := sync(name); err != nil && !absent(err) {
			return err
		}
	}
	return nil
}

// syncNow syncs the file of an object and the directories that name it, up to the root. If it is gone, it is in a
// pack by now.
func (m *medium) syncNow(name string) error {
	if !m.sync {
		return nil
	}
	if err := m.SyncFile(name); err != nil {
		if absent(err) {
			return nil
		}
		return err
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if err := m.SyncDir(dir); err != nil {
			return err
		}
		if dir == "." {
			return nil
		}
	}
}
