//go:build linux || darwin || freebsd

package badger

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/reposit/reposit/storage"
)

// freeSpace returns how many bytes this process may still write below dir.
func freeSpace(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// syncDir makes the names in dir permanent.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lockDir takes the lock that Badger takes, until release is called. It returns ErrLocked if somebody has it.
func lockDir(dir string) (release func() error, err error) { return flock(dir, syscall.LOCK_EX) }

// lockShared takes the lock that Badger takes to read alone, as others may at the same time.
func lockShared(dir string) (release func() error, err error) { return flock(dir, syscall.LOCK_SH) }

func flock(dir string, how int) (release func() error, err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("badger: %q: %w", dir, storage.ErrLocked)
		}
		return nil, err
	}
	return f.Close, nil
}
