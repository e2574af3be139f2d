//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package disk

import (
	"os"
	"syscall"
	"testing"
)

// TestLockOfChild has another file descriptor of a lock stay open, as a child process does before it starts another
// program: the lock ends all the same.
func TestLockOfChild(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	lock, err := lockFile(root, "lock")
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(lock.(flock).Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := lockFile(root, "lock")
	if err != nil {
		t.Fatalf("lockFile() after Close() = %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}
