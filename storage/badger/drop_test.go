package badger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/reposit/reposit/storage"
)

func TestDropGoesOnAfterCrash(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	const n = 3 * sweepBatch
	update(t, b, func(tx storage.Tx) error {
		for i := range n {
			if _, err := tx.PutObject(testPool, testObject(i, 10)); err != nil {
				return err
			}
		}
		return tx.PutRef(testRepo, storage.Ref{Name: "refs/heads/a", Hash: storage.Hash{1}}, &storage.LogEntry{})
	})
	// The marker is committed, and of the sweep nothing: as if the process had ended there.
	err := b.update(t.Context(), func(tx *tx) error {
		return errors.Join(tx.DropPool(testPool), tx.DropRepo(testRepo))
	})
	if err != nil {
		t.Fatal(err)
	}
	gone := func() {
		t.Helper()
		if _, err := b.Object(t.Context(), testPool, testObject(1, 10).Hash); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Object() of a dropped pool = %v, want %v", err, storage.ErrNotFound)
		}
		err := b.View(t.Context(), func(v storage.View) error {
			for l, err := range v.Log(testRepo, "refs/heads/a") {
				t.Errorf("Log() of a dropped repository = %v, %v", l, err)
			}
			_, err := v.Ref(testRepo, "refs/heads/a")
			return err
		})
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Ref() of a dropped repository = %v, want %v", err, storage.ErrNotFound)
		}
	}
	gone()
	// The repository may be made again at once; what is put then is not of the drop.
	update(t, b, func(tx storage.Tx) error {
		return tx.PutRef(testRepo, storage.Ref{Name: "refs/heads/b", Hash: storage.Hash{2}}, nil)
	})
	closeStore(t, b)

	b = openTest(t, dir, nil)
	gone()
	for b.calls.Load() > 0 { // the sweep that Open has started
		gone()
	}
	if got := rawKeys(t, b); got != 2 { // the format and the new ref
		t.Errorf("%d keys are left, want 2", got)
	}
	err = b.View(t.Context(), func(v storage.View) error {
		_, err := v.Ref(testRepo, "refs/heads/b")
		return err
	})
	if err != nil {
		t.Errorf("Ref() of the new repository = %v, want nil", err)
	}
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), nil) })
	if got := b.drops.count.Load(); got != 0 {
		t.Errorf("%d drops are remembered, want 0", got)
	}
}

// rawKeys returns how many keys the engine has.
func rawKeys(t *testing.T, b *backend) (n int) {
	t.Helper()
	for kind := range 256 {
		if kind != '!' { // Badger's own
			n += countKeys(t, b, []byte{byte(kind)})
		}
	}
	return n
}

func TestDropGivesSpaceBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := openTest(t, dir, &Options{Durability: storage.NoSync})
	for i := range 250 {
		update(t, b, func(tx storage.Tx) error {
			for k := range 10 {
				if _, err := tx.PutObject(testPool, noise(i*10+k, 50_000)); err != nil {
					return err
				}
			}
			return tx.PutRecord(fmt.Append(nil, i), []byte("stays"))
		})
	}
	tables := func() (size int64) {
		for _, table := range b.db.Tables() {
			size += int64(table.OnDiskSize)
		}
		return size
	}
	// Only what is in tables is compacted.
	snap := b.timeline.acquire()
	ts := snap.ts
	snap.release()
	if err := b.fill(); err != nil || !b.flushed(ts) {
		t.Fatalf("fill() = %v, or what is before it is not in a table", err)
	}
	if err := b.flatten(); err != nil {
		t.Fatal(err)
	}
	before := tables()
	update(t, b, func(tx storage.Tx) error { return tx.DropPool(testPool) })
	if after := tables(); after > before/4 {
		t.Errorf("tables have %d bytes after a drop and %d before", after, before)
	}
	if got := record(t, b, "199"); got != "stays" {
		t.Errorf("Record() after a drop = %q, want stays", got)
	}
}
