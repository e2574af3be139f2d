package codeowners

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// TestCache holds that each file is loaded and decoded once, as long as there is room, and that those go first which
// nobody asked for.
func TestCache(t *testing.T) {
	var c Cache
	loads := map[byte]int{}
	ask := func(n byte, size int) {
		t.Helper()
		f, err := c.File([20]byte{n}, func() ([]byte, error) {
			loads[n]++
			return append(fmt.Appendf(nil, "/%d @u%d\n#", n, n), make([]byte, size)...), nil
		})
		if err != nil || f.Of(fmt.Sprint(n)) == nil {
			t.Errorf("File(%d) = %v, %v", n, f, err)
		}
	}
	for range 3 {
		for n := range byte(3) {
			ask(n, 10)
		}
	}
	if loads[0] != 1 || loads[1] != 1 || loads[2] != 1 {
		t.Errorf("files were loaded %v times, want once each", loads)
	}
	ask(0, 10)
	ask(3, MaxSize-100)
	ask(4, MaxSize-100) // there is no room for 1 and 2 beside these, but for 0, maybe
	ask(5, MaxSize-100)
	if c.size > maxCached || len(c.files) > 2 {
		t.Errorf("the cache holds %d files of %d bytes, want at most %d", len(c.files), c.size, maxCached)
	}
	ask(5, 0)
	if loads[5] != 1 {
		t.Error("the latest file was loaded again")
	}
	for n := range byte(200) {
		ask(n, 0)
	}
	if len(c.files) > maxFiles {
		t.Errorf("the cache holds %d files, want at most %d", len(c.files), maxFiles)
	}
	fails := errors.New("it fails")
	if _, err := c.File([20]byte{201}, func() ([]byte, error) { return nil, fails }); !errors.Is(err, fails) {
		t.Errorf("File() that can't be loaded = %v, want %v", err, fails)
	}
	var group sync.WaitGroup
	for n := range byte(8) {
		group.Go(func() {
			for i := range byte(100) {
				c.File([20]byte{n ^ i}, func() ([]byte, error) { return nil, nil })
			}
		})
	}
	group.Wait()
}
