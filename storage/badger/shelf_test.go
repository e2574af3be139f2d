package badger

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4/table"

	"github.com/reposit/reposit/storage"
)

// TestDescriptors counts the descriptors of a store of many tables, while it is open, and again after it was opened
// anew: it has none of a table. What compactions have replaced is deleted nevertheless.
func TestDescriptors(t *testing.T) {
	if _, err := os.ReadDir("/proc/self/fd"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	options := &Options{Durability: storage.NoSync, MemoryBudget: 1}
	random := rand.NewChaCha8([32]byte{})
	check := func(b *backend) {
		t.Helper()
		// One that is being made has a descriptor until it is there.
		for n, _ := b.memtables.count(); n > 1 || b.keeper.busy.Load(); n, _ = b.memtables.count() {
			time.Sleep(time.Millisecond)
		}
		b.shelf.arrange(b.db)
		if n := len(b.db.Tables()); n < 3 {
			t.Fatalf("%d tables, want 3 to count descriptors of", n)
		}
		if open := openIn(dir, ".sst"); len(open) > 0 {
			t.Errorf("descriptors of tables: %q, want none", open)
		}
	}
	var b *backend
	for round := range byte(3) {
		b = openTest(t, dir, options)
		for i := range byte(40) {
			data := make([]byte, mib)
			_, _ = random.Read(data)
			s, err := b.Stage(t.Context(), testPool)
			if err != nil {
				t.Fatal(err)
			}
			o := storage.Object{Hash: storage.Hash{i * 3, round}, Type: storage.Blob, Size: mib, Data: data}
			if err := s.Put(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.flatten(); err != nil {
			t.Fatal(err)
		}
		check(b)
		closeStore(t, b)
	}
	b = openTest(t, dir, options)
	defer closeStore(t, b)
	check(b)
	var want, got []string
	for _, info := range b.db.Tables() {
		want = append(want, table.NewFilename(info.ID, dir))
	}
	got, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d files of tables, want the %d that there are", len(got), len(want))
	}
}

// openIn returns the files in dir with a suffix that the process has open.
func openIn(dir, suffix string) (names []string) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		name, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err == nil && strings.HasPrefix(name, dir) && strings.HasSuffix(strings.TrimSuffix(name, " (deleted)"), suffix) {
			names = append(names, name)
		}
	}
	return names
}
