package badger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reposit/reposit/storage"
)

func update(t testing.TB, b storage.Backend, fn func(storage.Tx) error) {
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

// TestOpenElsewhere opens a store where there is something else: it is named, and nothing is written there. What
// systems leave in any folder is not in the way.
func TestOpenElsewhere(t *testing.T) {
	for want, files := range map[string][]string{
		"a billyfs store":       {"reposit/format", "repos/x", "pools/x"},
		"a Git worktree":        {".git/HEAD", "main.go"},
		"a bare Git repository": {"HEAD", "config", "objects/x", "refs/x"},
		"letter.txt":            {"letter.txt"},
		"":                      {"lost+found/x", ".DS_Store", "desktop.ini"},
	} {
		dir := t.TempDir()
		for _, file := range files {
			file = filepath.Join(dir, file)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		before, _ := os.ReadDir(dir)
		b, err := Open(dir, nil)
		if want == "" {
			if err != nil {
				t.Errorf("Open() beside %v = %v, want nil", files, err)
				continue
			}
			closeStore(t, b)
			openTest(t, dir, nil)
			continue
		}
		if err == nil {
			closeStore(t, b)
		}
		if !errors.Is(err, storage.ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("Open() beside %v = %v, want %v that names %q", files, err, storage.ErrFormat, want)
		}
		if after, _ := os.ReadDir(dir); len(after) != len(before) {
			t.Errorf("Open() beside %v left %v", files, after)
		}
	}
}

// TestLockWait opens a store that is closed while Open waits for it.
func TestLockWait(t *testing.T) {
	dir := t.TempDir()
	first := openTest(t, dir, nil)
	if _, err := Open(dir, &Options{LockWait: time.Millisecond}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("Open() of a store that stays open = %v, want %v", err, storage.ErrLocked)
	}
	done := make(chan error)
	go func() {
		b, err := Open(dir, &Options{LockWait: time.Hour})
		if err == nil {
			err = b.Close()
		}
		done <- err
	}()
	closeStore(t, first)
	if err := <-done; err != nil {
		t.Errorf("Open() of a store that is closed meanwhile = %v", err)
	}
}

func TestFormatOfTheFuture(t *testing.T) {
	dir := t.TempDir()
	b := openTest(t, dir, nil)
	l := newWriteSet()
	l.set("f", seal([]byte("f"), []byte{formatForked + 1}))
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
