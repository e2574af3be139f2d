package storagetest

import (
	"os"
	"testing"
)

// TempDir is t.TempDir, in memory where the system has a directory for that with room enough, unless the environment
// names one in TMPDIR. What is tested is what is left of files when a process ends or reads again, which is the same
// in memory; a slow disk would take minutes for the many that are made.
func TempDir(t testing.TB) string {
	t.Helper()
	if os.Getenv("TMPDIR") != "" || !roomInMemory() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memoryDir, "storagetest")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("TempDir: %v", err)
		}
	})
	return dir
}
