package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

func update(t *testing.T, b storage.Backend, fn func(storage.Tx) error) {
	t.Helper()
	if err := b.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update() = %v, want nil", err)
	}
}

func closeStore(t *testing.T, b storage.Backend) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
}

func record(t *testing.T, b storage.Backend, key string) string {
	t.Helper()
	var value []byte
	err := b.View(t.Context(), func(v storage.View) (err error) {
		value, err = v.Record([]byte(key))
		return err
	})
	if errors.Is(err, storage.ErrNotFound) {
		return "<none>"
	}
	if err != nil {
		t.Fatalf("Record(%q) = %v, want nil", key, err)
	}
	return string(value)
}

func TestDurability(t *testing.T) {
	for _, test := range []struct {
		opts *Options
		want storage.Durability
	}{
		{nil, storage.Sync},
		{&Options{Durability: storage.Sync}, storage.Sync},
		{&Options{Durability: storage.NoSync}, storage.NoSync},
		{&Options{InMemory: true}, storage.Volatile},
	} {
		dir := t.TempDir()
		if test.want == storage.Volatile {
			dir = ""
		}
		if got := openTest(t, dir, test.opts).Durability(); got != test.want {
			t.Errorf("Durability() with %+v = %v, want %v", test.opts, got, test.want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "MANIFEST"), []byte("something of another program"), 0o600); err != nil {
		t.Fatal(err)
	}
	openTest(t, dir, nil)
	for name, test := range map[string]struct {
		dir  string
		opts Options
		want error
	}{
		"second opener":         {dir, Options{}, storage.ErrLocked},
		"foreign directory":     {foreign, Options{}, storage.ErrFormat},
		"memory with directory": {dir, Options{InMemory: true}, nil},
		"no directory":          {"", Options{}, nil},
		"short key":             {t.TempDir(), Options{EncryptionKey: make([]byte, 15)}, nil},
	} {
		b, err := Open(test.dir, &test.opts)
		if err == nil {
			closeStore(t, b)
		}
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("Open() of %s = %v, want %v", name, err, test.want)
		}
	}
}

func TestFormatOfTheFuture(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	l := newLayer()
	l.set("f", seal([]byte("f"), []byte{format + 1}))
	if err := b.await(b.put(l), false); err != nil {
		t.Fatal(err)
	}
	closeStore(t, b)
	if _, err := Open(dir, nil); !errors.Is(err, storage.ErrFormat) {
		t.Errorf("Open() of a later format = %v, want %v", err, storage.ErrFormat)
	}
}

func TestEncryption(t *testing.T) {
	dir := t.TempDir()
	key := bytes.Repeat([]byte{7}, 32)
	b := openTest(t, dir, &Options{EncryptionKey: key})
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("a very plain text")) })
	closeStore(t, b)
	for name, key := range map[string][]byte{"none": nil, "wrong": bytes.Repeat([]byte{8}, 32)} {
		if b, err := Open(dir, &Options{EncryptionKey: key}); err == nil {
			closeStore(t, b)
			t.Errorf("Open() with key %s = nil, want an error", name)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("a very plain text")) {
			t.Errorf("%s has plain text", filepath.Base(file))
		}
	}
	b = openTest(t, dir, &Options{EncryptionKey: key})
	if got := record(t, b, "k"); got != "a very plain text" {
		t.Errorf("Record() = %q, want what was put", got)
	}
}

func TestLargeObjects(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	noise := make([]byte, 5<<20)
	for i := range noise {
		noise[i] = byte(i*i>>7) ^ byte(i>>3*131)
	}
	put := func(n int) storage.Hash {
		t.Helper()
		s, err := b.Stage(t.Context(), testPool)
		if err != nil {
			t.Fatal(err)
		}
		w, err := s.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(noise[:n])}); err != nil {
			t.Fatal(err)
		}
		h := storage.Hash{byte(n), byte(n >> 8), byte(n >> 16)}
		if err := errors.Join(w.Commit(t.Context(), h, storage.Blob), s.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		return h
	}
	sizes := []int{0, 1, maxInline, maxInline + 1, chunkSize - 1, chunkSize, chunkSize + 1, 4 * chunkSize, 5<<20 - 3}
	hashes := make([]storage.Hash, len(sizes))
	for i, n := range sizes {
		hashes[i] = put(n)
		put(n) // It is there: the chunks of the second are deleted.
	}
	for range 2 {
		for i, n := range sizes {
			o, err := b.Object(t.Context(), testPool, hashes[i])
			if err != nil || !bytes.Equal(o.Data, noise[:n]) || o.Size != int64(n) {
				t.Errorf("Object() of %d bytes = %d bytes, %v", n, len(o.Data), err)
			}
			typ, size, r, err := b.OpenObject(t.Context(), testPool, hashes[i])
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || typ != storage.Blob || size != int64(n) || !bytes.Equal(got, noise[:n]) {
				t.Errorf("OpenObject() of %d bytes = %v %d, %d bytes, %v", n, typ, size, len(got), err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		want := 0
		for _, n := range sizes {
			if n > maxInline {
				want += (n + chunkSize - 1) / chunkSize
			}
		}
		if got := countKeys(t, b, appendHead(nil, chunkType, testPool)); got != want {
			t.Errorf("%d chunks are stored, want %d", got, want)
		}
		closeStore(t, b)
		b = openTest(t, dir, nil)
	}
}

// countKeys returns how many keys with the given prefix the engine has.
func countKeys(t *testing.T, b *backend, prefix []byte) (n int) {
	t.Helper()
	r := reader{b: b, snap: b.timeline.acquire()}
	defer r.end()
	r.scan(span{prefix: prefix, lo: prefix, hi: prefixEnd(prefix)}, func(_ entry, err error) bool {
		if err != nil {
			t.Fatal(err)
		}
		n++
		return true
	})
	return n
}

func TestLargeRecords(t *testing.T) {
	b := openTest(t, t.TempDir(), &Options{MemoryBudget: 1}) // where the limits are the lowest
	key := strings.Repeat("k", storage.MaxKey)
	large := bytes.Repeat([]byte("0123456789abcdef"), storage.MaxValue/16)
	for _, value := range []string{string(large), "small", string(large[:maxHead+1]), string(large[:maxHead])} {
		update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte(key), []byte(value)) })
		if got := record(t, b, key); got != value {
			t.Errorf("Record() = %d bytes, want %d", len(got), len(value))
		}
		want := 0
		if len(value) > maxHead {
			want = 1
		}
		if got := countKeys(t, b, []byte{tailType}); got != want {
			t.Errorf("%d second parts after a value of %d bytes, want %d", got, len(value), want)
		}
	}
}

func TestLargeRecordReopened(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), make([]byte, storage.MaxValue)) })
	closeStore(t, b)
	b = openTest(t, dir, nil)
	update(t, b, func(tx storage.Tx) error { return tx.DeleteRecord([]byte("k")) })
	if got := countKeys(t, b, []byte{tailType}); got != 0 {
		t.Errorf("%d second parts are left, want 0", got)
	}
}

func TestDropGivesSpaceBack(t *testing.T) {
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

func TestTooLarge(t *testing.T) {
	b := openTest(t, t.TempDir(), nil)
	value := make([]byte, storage.MaxValue)
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		for i := range 10 {
			if err := tx.PutRecord([]byte{byte(i)}, value); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("Update() with 10 MiB of records = %v, want %v", err, storage.ErrTooLarge)
	}
	err = b.Update(t.Context(), func(tx storage.Tx) error {
		for i := range 100_000 {
			_ = tx.PutRef(testRepo, storage.Ref{Name: fmt.Sprint("refs/heads/", i), Hash: storage.Hash{1}}, nil)
		}
		return nil // The error must not get lost.
	})
	if !errors.Is(err, storage.ErrTooLarge) {
		t.Errorf("Update() with 100,000 refs = %v, want %v", err, storage.ErrTooLarge)
	}
	update(t, b, func(tx storage.Tx) error { return tx.PutRecord([]byte("k"), []byte("v")) })
}

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

// TestCacheAndSnapshots has readers check that each View shows one state, while the keys change and others evict them.
func TestCacheAndSnapshots(t *testing.T) {
	b := openTest(t, "", &Options{InMemory: true, MemoryBudget: 1})
	b.cache = newCache(64 * 1024) // so small that entries come and go
	const keys = 20
	set := func(i int) error {
		return b.Update(t.Context(), func(tx storage.Tx) error {
			for k := range keys {
				key := fmt.Append(nil, k)
				if i%3 == 0 && k%2 == 0 {
					if err := tx.DeleteRecord(key); err != nil {
						return err
					}
					continue
				}
				if err := tx.PutRecord(key, fmt.Append(nil, i)); err != nil {
					return err
				}
			}
			return tx.PutRecord([]byte("i"), fmt.Append(nil, i))
		})
	}
	if err := set(1); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				err := b.View(t.Context(), func(v storage.View) error { return sameState(v, keys) })
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for i := 0; !stop.Load(); i++ {
			_ = b.View(t.Context(), func(v storage.View) error {
				_, err := v.Record(fmt.Append(nil, "other", i%1000))
				return err
			})
		}
	})
	for i := 2; i < 1000; i++ {
		if err := set(i); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

func sameState(v storage.View, keys int) error {
	state, err := v.Record([]byte("i"))
	if err != nil {
		return err
	}
	var i int
	fmt.Sscan(string(state), &i)
	got, want := map[string]string{}, map[string]string{}
	for k := range keys {
		value, err := v.Record(fmt.Append(nil, k))
		if err == nil {
			got[fmt.Sprint(k)] = string(value)
		}
		if i%3 != 0 || k%2 != 0 {
			want[fmt.Sprint(k)] = fmt.Sprint(i)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("state %d differs (-want +got):\n%s", i, diff)
	}
	return nil
}

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
