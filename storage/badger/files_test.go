//go:build linux || darwin || freebsd

package badger

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

// TestTooManyFiles takes all descriptors of a process, again and again, between the Updates of a store: what cannot be
// written is refused by name, it goes on when there are descriptors again, and what tables were made of is all there.
func TestTooManyFiles(t *testing.T) {
	out, err := childCommand(t, "files", t.TempDir()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
}

func init() { children["files"] = childFiles }

func childFiles(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Skip(err)
	}
	limit := old
	limit.Cur = 256
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	dir := os.Getenv("DIR")
	options := &Options{Durability: storage.NoSync, MemoryBudget: 1}
	b := openTest(t, dir, options)

	// refuse reports whether the step was refused. Badger may just have closed a file for it.
	refuse := func(i int) bool {
		taken := takeFiles()
		defer func() { closeFiles(taken) }()
		b.files.give(1)
		if extra, err := os.Open(os.DevNull); err == nil {
			taken = append(taken, extra)
		}
		err := b.Update(t.Context(), func(tx storage.Tx) error { return step(tx, i, 100_000) })
		if err == nil {
			return false
		}
		if !errors.Is(err, storage.ErrNoFiles) || errors.Is(err, storage.ErrCorrupt) {
			t.Fatalf("step %d without descriptors: %v, want %v", i, err, storage.ErrNoFiles)
		}
		if last, err := lastStep(b); err != nil || last != i-1 {
			t.Fatalf("without descriptors, the last step is %d, %v, want %d", last, err, i-1)
		}
		return true
	}
	// A compaction makes no table without descriptors, and nothing is written that would wait for it.
	taken, done := takeFiles(), make(chan struct{})
	go func() {
		defer close(done)
		hook{b.files}.Debugf("[%d] LOG Compact. Added %d keys.")
	}()
	for b.files.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	closeFiles(taken[:reserveFiles]) // Enough for the reserve alone.
	if err := b.files.check(); !errors.Is(err, storage.ErrNoFiles) {
		t.Fatalf("check() while a compaction waits = %v, want %v", err, storage.ErrNoFiles)
	}
	closeFiles(taken[reserveFiles:])
	<-done
	last, refused := rounds(filesSteps), 0
	for i := 1; i <= last; i++ {
		if i%10 == 1 {
			if !refuse(i) {
				continue
			}
			refused++
		}
		if err := b.Update(t.Context(), func(tx storage.Tx) error { return step(tx, i, 100_000) }); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	if refused < last/20 {
		t.Errorf("%d of %d steps were refused, want nearly each tenth", refused, last)
	}
	closeStore(t, b)

	b = openTest(t, dir, options)
	defer closeStore(t, b)
	if got, err := lastStep(b); err != nil || got != last {
		t.Fatalf("after Open, the last step is %d, %v, want %d", got, err, last)
	}
	for i := 1; i <= last; i++ {
		if _, err := b.Object(t.Context(), testPool, noise(i, 0).Hash); err != nil {
			t.Fatalf("object of step %d: %v", i, err)
		}
	}
}

// filesSteps is as many as change memtables, and are not yet compacted: a compaction that has begun to make its table
// when others take all descriptors is beyond what can be tested here.
const filesSteps = 300

func takeFiles() (taken []*os.File) {
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return taken
		}
		taken = append(taken, f)
	}
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
