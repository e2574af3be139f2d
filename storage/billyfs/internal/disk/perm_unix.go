//go:build !windows

package disk

import "syscall"

// ReadOnlyPerm is what git gives its objects.
const ReadOnlyPerm = 0o444

// dontWait has a named pipe be opened without waiting for a writer.
const dontWait = syscall.O_NONBLOCK
