//go:build unix

package bench

import (
	"os"
	"syscall"
)

// allocated returns the bytes that a file takes on disk, which for a sparse one are fewer than its size.
func allocated(info os.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
