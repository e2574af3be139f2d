package storagetest

import "syscall"

// memoryDir is where POSIX's shared memory is (shm_overview(7)).
const memoryDir = "/dev/shm"

// memoryRoom is how many bytes must be free there: containers may have as few as 64 MiB.
const memoryRoom = 1 << 30

const tmpfsMagic = 0x01021994 // statfs(2)

func roomInMemory() bool {
	var st syscall.Statfs_t
	return syscall.Statfs(memoryDir, &st) == nil && int64(st.Type) == tmpfsMagic &&
		st.Bavail*uint64(st.Bsize) >= memoryRoom && syscall.Access(memoryDir, 7) == nil
}
