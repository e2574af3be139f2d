//go:build !windows

package billyfs

// objectPerm is what git gives its objects.
const objectPerm = 0o444
