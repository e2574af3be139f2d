package badger

import (
	"errors"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE: what is allocated behind the end of a file is no part of it.
const keepSize = 1

// allocate has the medium keep room for n bytes of f from off, also behind its end. It reports whether the file system
// can do that at all, and returns an error if there is no room.
func allocate(f *os.File, off, n int64) (can bool, err error) {
	for {
		err = syscall.Fallocate(int(f.Fd()), keepSize, off, n)
		if err != syscall.EINTR {
			break
		}
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) {
		return false, nil
	}
	return true, err
}
