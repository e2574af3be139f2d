//go:build !linux && !darwin && !freebsd

package badger

import "math"

// freeSpace knows nothing here, and so never stands in the way.
func freeSpace(string) (int64, error) { return math.MaxInt64, nil }

// syncDir does nothing: a directory cannot be synced everywhere.
func syncDir(string) error { return nil }

// lockDir leaves locking to Badger.
func lockDir(string) (release func() error, err error) { return func() error { return nil }, nil }

// lockShared does, too.
func lockShared(dir string) (release func() error, err error) { return lockDir(dir) }
