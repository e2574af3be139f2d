package place

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Holder says which process holds a lock on the folder of a store, or on a file in it; "" if that can't be told.
func Holder(dir string) string {
	inodes := map[string]bool{}
	note := func(name string) {
		var st syscall.Stat_t
		if syscall.Stat(name, &st) == nil {
			inodes[fmt.Sprint(st.Ino)] = true
		}
	}
	note(dir)
	for _, pattern := range []string{"*", "reposit/*"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			note(name)
		}
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 {
			continue
		}
		device := strings.Split(fields[5], ":")
		if !inodes[device[len(device)-1]] {
			continue
		}
		name, _ := os.ReadFile("/proc/" + fields[4] + "/comm")
		return strings.TrimSpace(fmt.Sprintf("process %s (%s)", fields[4], strings.TrimSpace(string(name))))
	}
	return ""
}
