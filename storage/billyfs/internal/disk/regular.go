package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
