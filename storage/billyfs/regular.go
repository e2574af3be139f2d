package billyfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/reposit/reposit/storage"
)

// openRegular opens a file of root, unless it is a pipe, a device or the like, for which it returns storage.ErrCorrupt:
// to open or read one may take for ever. A directory has the error that os.ReadFile has for one.
func openRegular(root *os.Root, name string, flag int, perm fs.FileMode) (*os.File, fs.FileInfo, error) {
	f, err := root.OpenFile(name, flag|dontWait, perm)
	if err != nil {
		if errors.Is(err, syscall.ENXIO) { // a socket, or a pipe that nobody reads
			err = irregular(name)
		}
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = regular(name, info)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// regular returns an error unless info is that of a regular file.
func regular(name string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return irregular(name)
	}
	return nil
}

func irregular(name string) error {
	return fmt.Errorf("%s: not a regular file: %w", name, storage.ErrCorrupt)
}

// readRegular reads a file of root.
func readRegular(root *os.Root, name string, limit int64) ([]byte, error) {
	f, info, err := openRegular(root, name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, info.Size(), limit)
}

// readAll reads a file of about size bytes. It returns storage.ErrCorrupt if the file is larger than limit.
func readAll(f io.Reader, name string, size, limit int64) ([]byte, error) {
	if size <= limit {
		data := make([]byte, 0, size+512)
		for {
			n, err := f.Read(data[len(data):cap(data)])
			data = data[:len(data)+n]
			if err == io.EOF {
				return data, nil
			}
			if err != nil {
				return nil, err
			}
			if size = int64(len(data)); size > limit {
				break
			}
			if len(data) == cap(data) {
				data = append(data, 0)[:len(data)]
			}
		}
	}
	return nil, fmt.Errorf("%s: %d bytes, more than %d: %w", name, size, limit, storage.ErrCorrupt)
}

// Limits of what is read as a whole. What others may write is bounded: nobody wants a file that does not end.
const (
	maxSmall  = 1 << 20 // a ref, the config of a repository
	maxPacked = 1 << 30 // packed-refs: eight million refs
	maxWhole  = 2 << 30 // an object, an index, a log
	maxOwn    = 1 << 40 // a file of the store itself
)

// sizeLimit returns how large a file may be that is read as a whole.
func sizeLimit(name string) int64 {
	_, inRepo, ok := strings.Cut(strings.TrimPrefix(name, "repos/"), ".git/")
	switch {
	case strings.HasPrefix(name, "reposit/"):
		return maxOwn
	case path.Base(name) == packedName:
		return maxPacked
	case ok && strings.HasPrefix(name, "repos/") &&
		(strings.HasPrefix(inRepo, "refs/") || !strings.Contains(inRepo, "/")):
		return maxSmall
	}
	return maxWhole
}

// ReadFile reads a file as a whole. A HEAD that is a symbolic link to a ref, as old versions of git made it, reads as
// the symbolic ref that it stands for (git-symbolic-ref).
func (m *medium) ReadFile(name string) ([]byte, error) {
	data, err := m.disk.ReadFile(name, sizeLimit(name))
	if path.Base(name) != "HEAD" || err == nil && strings.HasPrefix(string(data), "ref:") {
		return data, err
	}
	if err != nil && !absent(err) {
		return data, err
	}
	if target, linkErr := m.Readlink(name); linkErr == nil && strings.HasPrefix(target, "refs/") && validRef(target) {
		return []byte("ref: " + target + "\n"), nil
	}
	return data, err
}
