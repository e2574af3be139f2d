package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reposit/reposit/storage"
)

// TestObjectsAhead stores more objects in one Update than fit into one transaction.
func TestObjectsAhead(t *testing.T) {
	b := openTest(t, t.TempDir(), nil)
	var commits [][]put
	b.commit = func(puts []put, ts uint64) error {
		commits = append(commits, append([]put(nil), puts...))
		return b.commitPuts(puts, ts)
	}
	update(t, b, func(tx storage.Tx) error {
		if err := tx.PutRecord([]byte("k"), []byte("v")); err != nil {
			return err
		}
		for i := range 40_000 {
			if _, err := tx.PutObject(testPool, testObject(i, 20)); err != nil {
				return err
			}
		}
		return nil
	})
	if len(commits) < 3 {
		t.Fatalf("%d transactions, want 3 or more", len(commits))
	}
	for i, puts := range commits {
		for _, p := range puts {
			if last := i == len(commits)-1; isObject(p.key) == last {
				t.Fatalf("transaction %d of %d has key %q", i, len(commits), p.key)
			}
		}
	}
	n := 0
	for _, err := range b.Objects(t.Context(), testPool, storage.Hash{}, storage.Hash(bytes.Repeat([]byte{255}, 20))) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 40_000 {
		t.Errorf("Objects() = %d hashes, want 40000", n)
	}
}

func TestGroupCommit(t *testing.T) {
	b := openTest(t, t.TempDir(), nil)
	const writers, each = 32, 10
	gate := make(chan struct{})
	var commits atomic.Int64
	b.commit = func(puts []put, ts uint64) error {
		if commits.Add(1) == 1 {
			<-gate // until all others are waiting for the turn or a group
		}
		return b.commitPuts(puts, ts)
	}
	var wg sync.WaitGroup
	var ran atomic.Int64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				err := b.Update(t.Context(), func(tx storage.Tx) error {
					if ran.Add(1) == writers {
						close(gate)
					}
					old, err := tx.Record([]byte("n"))
					if err != nil && !errors.Is(err, storage.ErrNotFound) {
						return err
					}
					if err := tx.PutRecord(fmt.Appendf(nil, "%d/%d", w, i), nil); err != nil {
						return err
					}
					return tx.PutRecord([]byte("n"), append(bytes.Clone(old), '.'))
				})
				if err != nil {
					t.Errorf("Update() = %v, want nil", err)
				}
			}
		})
	}
	wg.Wait()
	if got := len(record(t, b, "n")); got != writers*each {
		t.Errorf("%d increments, want %d", got, writers*each)
	}
	if n := commits.Load(); n > writers*(each-1)+2 {
		t.Errorf("%d commits for %d updates: the first %d must share two", n, writers*each, writers)
	} else {
		t.Logf("%d commits for %d updates", n, writers*each)
	}
}

func TestFailStop(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("1")) })
	broken := errors.New("input/output error")
	release, started := make(chan struct{}), make(chan struct{})
	b.commit = func([]put, uint64) error {
		close(started)
		<-release
		return broken
	}
	errs := make(chan error)
	go func() {
		errs <- b.Update(context.Background(), func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("2")) })
	}()
	<-started
	// This one reads what is in flight.
	go func() {
		errs <- b.Update(context.Background(), func(tx storage.Tx) error {
			got, err := tx.Record([]byte("k"))
			if err != nil || string(got) != "2" {
				t.Errorf("Record() in flight = %q, %v, want 2", got, err)
			}
			defer close(release)
			return tx.PutRecord([]byte("k"), []byte("3"))
		})
	}()
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("Update() of a failed commit = nil, want an error")
		}
	}
	if got := record(t, b, "k"); got != "1" {
		t.Errorf("Record() after a failed commit = %q, want 1", got)
	}
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("4")) })
	if err == nil {
		t.Error("Update() after a failed commit = nil, want an error")
	}
	closeStore(t, b)
	if got := record(t, openTest(t, dir, nil), "k"); got != "1" {
		t.Errorf("Record() after opening again = %q, want 1", got)
	}
}

func TestDiskNearlyFull(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	var left atomic.Int64
	left.Store(1 << 40)
	b.space.free = func() (int64, error) { return left.Load(), nil }
	put := func(i int) error {
		return b.Update(t.Context(), func(tx storage.Tx) error {
			_, err := tx.PutObject(testPool, testObject(i, 200))
			return errors.Join(err, tx.PutRecord([]byte("k"), fmt.Append(nil, i)))
		})
	}
	if err := put(1); err != nil {
		t.Fatal(err)
	}
	left.Store(b.space.need - 1)
	b.space.left = 0 // as after some milliseconds
	if err := put(2); !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("Update() on a nearly full disk = %v, want %v", err, storage.ErrNoSpace)
	}
	if got := record(t, b, "k"); got != "1" {
		t.Errorf("Record() = %q, want 1", got)
	}
	update(t, b, func(tx storage.Tx) error { return tx.DropPool(testPool) })
	left.Store(b.space.need/2 - 1)
	b.space.left = 0
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRecord([]byte("k")) })
	if !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("Update() that deletes on a full disk = %v, want %v", err, storage.ErrNoSpace)
	}
	left.Store(1 << 40)
	if err := put(3); err != nil {
		t.Errorf("Update() after space was freed = %v, want nil", err)
	}
}

// TestRunsAgain has a commit fail while the next function, which has read what it was to leave, still runs.
func TestRunsAgain(t *testing.T) {
	b := openTest(t, t.TempDir(), nil)
	started, release := make(chan struct{}), make(chan struct{})
	looks := 0
	b.space.left = 0
	b.space.free = func() (int64, error) {
		if looks++; looks > 1 {
			return 1 << 40, nil
		}
		close(started)
		<-release
		return 0, nil
	}
	first := make(chan error, 1)
	go func() {
		first <- b.Update(context.Background(), func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("1")) })
	}()
	<-started
	var read []string
	update(t, b, func(tx storage.Tx) error {
		value, err := tx.Record([]byte("k"))
		if err != nil && !errors.Is(err, storage.ErrNotFound) {
			return err
		}
		if read = append(read, string(value)); len(read) == 1 {
			close(release)
			if err := <-first; !errors.Is(err, storage.ErrNoSpace) {
				t.Errorf("Update() without space = %v, want %v", err, storage.ErrNoSpace)
			}
		}
		return tx.PutRecord([]byte("k"), append(value, '2'))
	})
	if len(read) != 2 || read[0] != "1" || read[1] != "" {
		t.Errorf("the runs have read %q, want 1 and nothing", read)
	}
	if got := record(t, b, "k"); got != "2" {
		t.Errorf("Record() = %q, want 2", got)
	}
}
