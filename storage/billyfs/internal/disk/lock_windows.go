package disk

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/reposit/reposit/storage"
)

const sharingViolation = syscall.Errno(32)

// lockFile opens a file that nobody else may then open.
func lockFile(root *os.Root, name string) (io.Closer, error) {
	return lockAs(root, name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, syscall.OPEN_ALWAYS)
}

// lockShared opens a file that is there, and that others may then open likewise alone.
func lockShared(root *os.Root, name string) (io.Closer, error) {
	return lockAs(root, name, syscall.GENERIC_READ, syscall.FILE_SHARE_READ, syscall.OPEN_EXISTING)
}

func lockAs(root *os.Root, name string, access, share, how uint32) (io.Closer, error) {
	path := filepath.Join(root.Name(), filepath.FromSlash(name))
	p, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(p, access, share, nil, how, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		if errors.Is(err, sharingViolation) {
			return nil, storage.ErrLocked
		}
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}
