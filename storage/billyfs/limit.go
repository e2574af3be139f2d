package billyfs

import (
	"path"
	"strings"
)

// Limits of what is read as a whole. What others may write is bounded: nobody wants a file that does not end.
const (
	maxSmall  = 1 << 20 // a ref, the config of a repository
	maxPacked = 1 << 30 // packed-refs: eight million refs; packed logs
	maxWhole  = 2 << 30 // an object, an index, a log
	maxOwn    = 1 << 40 // a file of the store itself
)

// sizeLimit returns how large a file may be that is read as a whole.
func sizeLimit(name string) int64 {
	_, inRepo, ok := strings.Cut(strings.TrimPrefix(name, "repos/"), ".git/")
	switch {
	case strings.HasPrefix(name, "reposit/"):
		return maxOwn
	case path.Base(name) == packedName, path.Base(name) == packedLogsName:
		return maxPacked
	case ok && strings.HasPrefix(name, "repos/") &&
		(strings.HasPrefix(inRepo, "refs/") || !strings.Contains(inRepo, "/")):
		return maxSmall
	}
	return maxWhole
}
