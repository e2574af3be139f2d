package badger

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// residentFiles returns how many bytes of mapped files the process has in memory, or 0 if the system does not tell.
func residentFiles() int64 {
	const shared = 2 // resident pages of files: proc_pid_statm(5)
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) <= shared {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[shared]), 10, 64)
	return n * int64(os.Getpagesize())
}

// unload takes the pages of a mapped file out of the process. They come back when they are used, from what the system
// keeps of files.
func unload(mapped []byte) {
	if len(mapped) > 0 {
		_ = syscall.Madvise(mapped, syscall.MADV_DONTNEED) // It is advice.
	}
}
