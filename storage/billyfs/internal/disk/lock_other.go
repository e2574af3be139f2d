//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package disk

import (
	"io"
	"os"
)

// lockFile opens the file and locks nothing: the system has no lock that ends with the process.
func lockFile(root *os.Root, name string) (io.Closer, error) {
	return root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
}

// lockShared opens the file and locks nothing, too.
func lockShared(root *os.Root, name string) (io.Closer, error) { return root.Open(name) }
