//go:build linux

package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

// smallDisk mounts a file system of some size, where that is permitted.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// TestFullDisk fills a small disk beside a store that keeps the smallest reserve, takes some away and fills it again:
// the process lives, what does not fit is refused by name, and what was acknowledged is there.
//
// It does not run beside others: between Badger's making of a file and its writing to it, the filler must not be as
// fast as no disk is.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "96m")
	out, err := childCommand(t, "full", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("child: %v\n%.4000s", err, out)
	}
	t.Logf("%s", out)
	fields := strings.Fields(string(out))
	acked, err := strconv.Atoi(fields[1])
	if err != nil {
		t.Fatalf("child says %s", out)
	}
	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	// What a compaction could not make is made now, beside what it is made from.
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=320m"); err != nil {
		t.Fatal(err)
	}
	b := openTest(t, filepath.Join(dir, "store"), &Options{Durability: storage.NoSync, MemoryBudget: 1})
	checkSteps(t, b, acked)
	closeStore(t, b)
}

func init() { children["full"] = childFull }

// fillDisk writes to f until the disk is full, at the pace of a disk.
func fillDisk(f *os.File) {
	block := make([]byte, 256<<10)
	for n := len(block); n > 0; {
		if _, err := f.Write(block[:n]); err != nil {
			n /= 2
		} else {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func childFull(t *testing.T) {
	dir := os.Getenv("DIR")
	b := openTest(t, filepath.Join(dir, "store"), &Options{
		Durability: storage.NoSync, MemoryBudget: 1, MinFreeSpace: 1,
	})
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	var fill sync.WaitGroup
	stop := make(chan struct{})
	const turns = 40
	fill.Go(func() {
		for i := range turns {
			// It comes and goes, and is at the end of the disk for most of the time.
			if err := filler.Truncate(0); err != nil {
				t.Error(err)
			}
			_, _ = filler.Seek(0, 0)
			time.Sleep(time.Duration(i%5) * 20 * time.Millisecond)
			fillDisk(filler)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	last, refused := 0, 0
	for range 600 {
		i := last + 1
		err := b.Update(context.Background(), func(tx storage.Tx) error { return step(tx, i, keeperSize) })
		switch {
		case err == nil:
			last = i
		case errors.Is(err, storage.ErrNoSpace):
			refused++
			time.Sleep(5 * time.Millisecond)
		default:
			t.Fatalf("step %d: %v, want success or %v", i, err, storage.ErrNoSpace)
		}
	}
	close(stop)
	fill.Wait()
	fillDisk(filler)
	if err := b.Close(); err != nil {
		t.Fatalf("Close() on a full disk: %v", err)
	}
	fmt.Println("acked", last, "refused", refused)
}
