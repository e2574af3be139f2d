//go:build !linux

package badger

import "os"

// allocate can do nothing here.
func allocate(*os.File, int64, int64) (can bool, err error) { return false, nil }
