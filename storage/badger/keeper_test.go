package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4/table"

	"github.com/reposit/reposit/storage"
)

// obstruct makes files under the names that the next tables would get, so that they cannot be made, and returns what
// removes them. That is an error for Badger like any other that it meets there.
func obstruct(dir string) (remove func()) {
	var last uint64
	tables, _ := filepath.Glob(filepath.Join(dir, "*.sst*"))
	for _, name := range tables {
		if id, ok := table.ParseFileID(filepath.Base(name)); ok {
			last = max(last, id)
		}
	}
	var made []string
	for id := last + 1; id <= last+2; id++ {
		name := table.NewFilename(id, dir)
		if f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
			made = append(made, name)
			f.Close()
		}
	}
	return func() {
		for _, name := range made {
			if info, err := os.Stat(name); err == nil && info.Size() == 0 {
				_ = os.Remove(name)
			}
		}
	}
}

// fillUntil makes steps until done, and returns the number of the last that succeeded. What fails for want of
// something is tried again.
func fillUntil(t *testing.T, b *backend, from int, done func() bool) (last int) {
	t.Helper()
	for i := from; ; i++ {
		for {
			err := b.Update(t.Context(), func(tx storage.Tx) error { return step(tx, i, keeperSize) })
			if err == nil {
				break
			}
			if !isLack(err) && !strings.Contains(err.Error(), "file exists") {
				t.Fatalf("step %d: %v, want success or %v", i, err, storage.ErrNoFiles)
			}
			if done() {
				return i - 1
			}
			time.Sleep(time.Millisecond)
		}
		if done() {
			return i
		}
	}
}

const keeperSize = 100_000

// eventually calls fn until it does not fail for want of something.
func eventually(fn func() error) error {
	for {
		if err := fn(); !isLack(err) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// checkSteps checks that everything of n steps, and nothing else, is there.
func checkSteps(t *testing.T, b *backend, n int) {
	t.Helper()
	last := 0
	err := eventually(func() (err error) {
		last, err = lastStep(b)
		return err
	})
	if err != nil || last != n {
		t.Fatalf("the last step is %d, %v, want %d", last, err, n)
	}
	for i := 1; i <= n; i++ {
		want, o := noise(i, keeperSize), storage.Object{}
		err := eventually(func() (err error) {
			o, err = b.Object(t.Context(), testPool, want.Hash)
			return err
		})
		if err != nil || !bytes.Equal(o.Data, want.Data) {
			t.Fatalf("Object() of step %d = %d bytes, %v", i, len(o.Data), err)
		}
	}
}

// TestLostTable has Badger fail to make a table of a compaction: nothing is lost, reads are right or refused by name,
// and the store goes on by itself.
func TestLostTable(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "0123456789abcdef"} {
		t.Run(fmt.Sprintf("key=%t", key != ""), func(t *testing.T) {
			t.Parallel()
			if key != "" && testing.Short() {
				t.Skip("long")
			}
			dir := t.TempDir()
			b := openTest(t, dir, &Options{
				Durability: storage.NoSync, MemoryBudget: 1, EncryptionKey: []byte(key),
			})
			var down atomic.Bool
			var free atomic.Pointer[func()]
			b.keeper.making = func() {
				if down.CompareAndSwap(false, true) {
					f := obstruct(dir)
					free.Store(&f)
				}
			}
			lost := b.keeper
			last := fillUntil(t, b, 1, func() bool {
				if f := free.Load(); f != nil && b.down.Load() != nil {
					(*f)()
					return true
				}
				return false
			})
			lost.mu.Lock()
			err := lost.lost
			lost.mu.Unlock()
			if !errors.Is(err, storage.ErrNoFiles) {
				t.Fatalf("the keeper says %v, want %v", err, storage.ErrNoFiles)
			}
			// It comes up by itself.
			next := 0
			next = fillUntil(t, b, last+1, func() bool { return b.down.Load() == nil })
			checkSteps(t, b, max(next, last))
			closeStore(t, b)
			b = openTest(t, dir, &Options{Durability: storage.NoSync, MemoryBudget: 1, EncryptionKey: []byte(key)})
			checkSteps(t, b, max(next, last))
			closeStore(t, b)
			if rests, _ := filepath.Glob(filepath.Join(dir, "*"+keptSuffix)); len(rests) > 0 {
				t.Errorf("left after it was restored: %q", rests)
			}
		})
	}
}

// TestLostTableCrash kills the process after a compaction has lost a table.
func TestLostTableCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := childCommand(t, "lose", dir).CombinedOutput()
	_, said, ok := bytes.Cut(out, []byte("acked "))
	if err == nil || !ok {
		t.Fatalf("child: %v: %s", err, out)
	}
	acked, err := strconv.Atoi(string(bytes.Fields(said)[0]))
	if err != nil {
		t.Fatal(err)
	}
	if pinned, err := readPins(dir); err != nil || len(pinned) == 0 {
		t.Fatalf("readPins() after the crash = %d tables, %v", len(pinned), err)
	}
	b := openTest(t, dir, &Options{Durability: storage.NoSync, MemoryBudget: 1})
	checkSteps(t, b, acked)
	closeStore(t, b)
	if pinned, err := readPins(dir); err != nil || len(pinned) > 0 {
		t.Errorf("readPins() of a closed store = %d tables, %v, want none", len(pinned), err)
	}
}

func init() { children["lose"] = childLose }

func childLose(t *testing.T) {
	b := openTest(t, os.Getenv("DIR"), &Options{Durability: storage.NoSync, MemoryBudget: 1})
	var once sync.Once
	b.keeper.making = func() { once.Do(func() { obstruct(b.dir) }) }
	acked := 0
	b.keeper.lose = func(error) {
		fmt.Println("acked", acked)
		os.Exit(3)
	}
	for i := 1; ; i++ {
		if err := b.Update(context.Background(), func(tx storage.Tx) error {
			acked = i - 1 // what is acknowledged when the process ends
			return step(tx, i, keeperSize)
		}); err != nil {
			i-- // A flush may meet what is in the way of the compaction, too.
			time.Sleep(time.Millisecond)
		}
	}
}
