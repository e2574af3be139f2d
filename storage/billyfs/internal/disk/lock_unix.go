//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package disk

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/reposit/reposit/storage"
)

// A flock is a file that is locked.
type flock struct{ *os.File }

// Close ends the lock, also where a child process that is about to start another program has the file still: it would
// keep the lock for as long as that takes.
func (f flock) Close() error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.File.Close())
}

// lockFile locks a file with flock, which ends with the process and holds against another Open in this one, too.
func lockFile(root *os.Root, name string) (io.Closer, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	return flocked(f, syscall.LOCK_EX)
}

// lockShared locks a file that is there against lockFile, but not against itself.
func lockShared(root *os.Root, name string) (io.Closer, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	return flocked(f, syscall.LOCK_SH)
}

func flocked(f *os.File, how int) (io.Closer, error) {
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, storage.ErrLocked
		}
		return nil, err
	}
	return flock{f}, nil
}
