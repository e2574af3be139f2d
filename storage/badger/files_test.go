//go:build linux || darwin || freebsd

package badger

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

var churns = flag.Int("churns", 400, "how many steps TestChurningFiles tries")

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
		b.files.await()
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

// TestChurningFiles writes and reads while others of the same process open files up to the limit and close them again,
// all the time: nothing that was acknowledged is lost, what fails is refused by name, and when they end the store goes
// on.
func TestChurningFiles(t *testing.T) {
	dir := t.TempDir()
	cmd := childCommand(t, "churn", dir)
	cmd.Args = append(cmd.Args, fmt.Sprint("-churns=", rounds(*churns)), fmt.Sprint("-seed=", *seed))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
	t.Logf("%s", out)
}

func init() { children["churn"] = childChurn }

// churn takes descriptors up to the limit and gives some back, until stop is closed.
func churn(stop <-chan struct{}, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0))
	var held []*os.File
	defer func() { closeFiles(held) }()
	for {
		select {
		case <-stop:
			return
		default:
		}
		if f, err := os.Open(os.DevNull); err == nil {
			held = append(held, f)
			continue
		}
		n := random.IntN(len(held) + 1)
		closeFiles(held[len(held)-n:])
		held = held[:len(held)-n]
		time.Sleep(time.Duration(random.IntN(1000)) * time.Microsecond)
	}
}

func childChurn(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	limit.Cur = 256
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	dir := os.Getenv("DIR")
	options := &Options{Durability: storage.NoSync, MemoryBudget: 1}
	b := openTest(t, dir, options)
	stop := make(chan struct{})
	var churners sync.WaitGroup
	for i := range 3 {
		churners.Go(func() { churn(stop, *seed+uint64(i)) })
	}
	fine := func(err error) bool {
		return err == nil || isLack(err) && !errors.Is(err, storage.ErrCorrupt)
	}
	readers, refused := sync.WaitGroup{}, 0
	var acked atomic.Int64
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				n := acked.Load()
				got, err := lastStep(b)
				if !fine(err) || err == nil && int64(got) < n {
					t.Errorf("the last step is %d, %v, want %d or more, or %v", got, err, n, storage.ErrNoFiles)
					return
				}
				if n > 0 {
					k := int(n) - i%int(n)
					if _, err := b.Object(t.Context(), testPool, noise(k, 0).Hash); !fine(err) {
						t.Errorf("object of step %d: %v", k, err)
						return
					}
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	last := 0
	for range *churns {
		i := last + 1
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			// What was refused may have been written nevertheless: as in a crash, it is then all there.
			if v, err := tx.Record([]byte("n")); err == nil && string(v) == strconv.Itoa(i) {
				return nil
			}
			return step(tx, i, keeperSize)
		})
		switch {
		case err == nil:
			acked.Store(int64(i))
			last = i
		case !fine(err):
			t.Fatalf("step %d: %v, want success or %v", i, err, storage.ErrNoFiles)
		default:
			refused++
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	churners.Wait()
	readers.Wait()
	for {
		err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.PutRecord([]byte("after"), nil) })
		if err == nil {
			break
		}
		if !fine(err) {
			t.Fatalf("an Update after there are descriptors again: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if got, err := lastStep(b); err == nil && got == last+1 {
		last++ // It was refused, since it was not known whether it was written.
	}
	checkSteps(t, b, last)
	closeStore(t, b)
	b = openTest(t, dir, options)
	checkSteps(t, b, last)
	closeStore(t, b)
	fmt.Printf("%d steps, %d refusals\n", last, refused)
}
