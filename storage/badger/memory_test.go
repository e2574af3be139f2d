package badger

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

var streamed = flag.Int("streamed", 320, "how many MiB TestStreamMemory streams")

// storeCache is what a Store takes for its cache by default, besides the memory of its backend.
const storeCache = 64 * mib

// TestStreamMemory shows that what streaming takes does not depend on how much is streamed: at most what a Store may,
// twice the memory budget and a cache, in a process of its own. What the system has mapped of files is not counted,
// since it can take that back.
func TestStreamMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes memory of its own")
	}
	if anonymous() == 0 {
		t.Skip("the system does not tell how much memory a process has")
	}
	size := *streamed
	if testing.Short() {
		size = min(size, 128)
	}
	out, err := childCommand(t, "stream", t.TempDir(), fmt.Sprint("MIB=", size)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, line, _ := strings.Cut(string(out), "peak ")
	peak, err := strconv.Atoi(strings.Fields(line)[0])
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("%d MiB streamed: %d MiB at most; %.20s", size, peak, out)
	if limit := int((2*Options{}.memoryBudget() + storeCache) / mib); peak > limit {
		t.Errorf("%d MiB streamed: %d MiB taken, want at most %d", size, peak, limit)
	}
}

// TestMemtables has no compaction make a table: what is written then waits, with two memtables in memory, until there
// are tables again, and no more of them come to be.
func TestMemtables(t *testing.T) {
	t.Parallel()
	b := openTest(t, t.TempDir(), &Options{Durability: storage.NoSync, MemoryBudget: 1})
	defer closeStore(t, b)
	gate := make(chan struct{})
	b.keeper.making = func() { <-gate }
	most, done := 0, make(chan error, 1)
	var opened atomic.Bool
	go func() {
		random := rand.NewChaCha8([32]byte{})
		for i, more := 0, 3*int(minMemtable/mib); more > 0; i++ {
			data := make([]byte, mib)
			_, _ = random.Read(data)
			s, err := b.Stage(t.Context(), testPool)
			if err == nil {
				hash := storage.Hash{byte(i), byte(i >> 8)}
				err = s.Put(t.Context(), storage.Object{Hash: hash, Type: storage.Blob, Size: mib, Data: data})
			}
			if err == nil {
				err = s.Close(t.Context())
			}
			if err != nil {
				done <- err
				return
			}
			n, _ := b.memtables.count()
			if most = max(most, n); opened.Load() {
				more--
			}
		}
		done <- nil
	}()
	// A write may also wait for a moment, until a memtable has become a table, before there is no room for one.
	for {
		if n, full := b.memtables.count(); b.held.Load() > 0 && n == maxMemtables && full {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("writing ended without a table: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	opened.Store(true)
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if most > maxMemtables {
		t.Errorf("there were %d memtables, want at most %d", most, maxMemtables)
	}
}

// l0Tables is how many tables there may be besides those that a compaction has made as large as it could.
const l0Tables = 60

func childStream(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("MIB"))
	if err != nil {
		t.Fatal(err)
	}
	b := openTest(t, os.Getenv("DIR"), nil)
	before, peak, memtables := anonymous(), int64(0), 0
	s, err := b.Stage(t.Context(), testPool)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	random, part := rand.NewChaCha8([32]byte{}), make([]byte, mib)
	for range n {
		_, _ = random.Read(part)
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
		peak = max(peak, anonymous()-before)
		now, _ := b.memtables.count()
		memtables = max(memtables, now)
	}
	if err := w.Commit(t.Context(), storage.Hash{1}, storage.Blob); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Those of level 0 are not compacted yet, and the last of a compaction may be of any size.
	tables, size, most := 0, int64(0), int64(l0Tables)
	for _, table := range b.db.Tables() {
		tables++
		size += int64(table.OnDiskSize)
	}
	if most += size / (3 * mib / 2); int64(tables) > most {
		t.Errorf("%d tables for %d MiB, want at most %d", tables, size/mib, most)
	}
	if memtables > maxMemtables {
		t.Errorf("there were %d memtables, want at most %d", memtables, maxMemtables)
	}
	fmt.Println("tables", tables)
	fmt.Println("peak", max(peak, anonymous()-before)/mib, "MiB")
}

// anonymous returns how many bytes of memory this process has that are no part of a file, or 0 where that is unknown.
func anonymous() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("RssAnon:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}
