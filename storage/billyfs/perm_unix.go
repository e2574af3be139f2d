//go:build !windows

package billyfs

import "syscall"

// objectPerm is what git gives its objects.
const objectPerm = 0o444

// dontWait has a named pipe be opened without waiting for a writer.
const dontWait = syscall.O_NONBLOCK
