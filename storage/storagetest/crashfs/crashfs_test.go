package crashfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, f *FS, name, data string, sync bool) {
	t.Helper()
	file, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, data); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := file.(interface{ Sync() error }).Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(f *FS, name string) string {
	file, err := f.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "<none>"
		}
		return err.Error()
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// outcomes returns what a file may hold after a cut, over many seeds.
func outcomes(f *FS, name string, pct int) map[string]bool {
	got := map[string]bool{}
	for seed := range uint64(200) {
		got[read(f.Clone(seed, pct), name)] = true
	}
	return got
}

func want(t *testing.T, what string, got map[string]bool, want ...string) {
	t.Helper()
	for _, w := range want {
		if !got[w] {
			t.Errorf("%s never holds %q", what, w)
		}
		delete(got, w)
	}
	for g := range got {
		t.Errorf("%s holds %q", what, g)
	}
}

func TestNamesAndBytesAreDurableApart(t *testing.T) {
	f := New()
	write(t, f, "synced, not named", "x", true)
	want(t, "file", outcomes(f, "synced, not named", 0), "<none>")
	want(t, "file", outcomes(f, "synced, not named", 50), "<none>", "x")
	want(t, "file", outcomes(f, "synced, not named", 100), "x")
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	write(t, f, "named", "x", false)
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "synced, not named", 0), "x")
	want(t, "file", outcomes(f, "named", 0), "")
	want(t, "file", outcomes(f, "named", 50), "", "\x00", "x")
}

func TestRenameIsAtomic(t *testing.T) {
	f := New()
	write(t, f, "a", "old", true)
	write(t, f, "b", "new", true)
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	if err := f.Rename("b", "a"); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "a", 50), "old", "new")
	for seed := range uint64(100) {
		c := f.Clone(seed, 50)
		if a, b := read(c, "a"), read(c, "b"); (a == "new") != (b == "<none>") {
			t.Errorf("after a rename, a = %q and b = %q", a, b)
		}
	}
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "a", 0), "new")
	want(t, "file", outcomes(f, "b", 100), "<none>")
}

func TestBlocksSurviveEach(t *testing.T) {
	f := New()
	write(t, f, "a", strings.Repeat("o", 2*block), true)
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	write(t, f, "a", strings.Repeat("n", 2*block), false)
	o, n := strings.Repeat("o", block), strings.Repeat("n", block)
	want(t, "file", outcomes(f, "a", 50), o+o, o+n, n+o, n+n)
}

func TestDirectoryWithoutItsNameIsLost(t *testing.T) {
	f := New()
	if err := f.MkdirAll("d/e", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, f, "d/e/a", "x", true)
	if err := f.SyncDir("d/e"); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "d/e/a", 0), "<none>")
	if err := errors.Join(f.SyncDir("d"), f.SyncDir("")); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "d/e/a", 0), "x")
}

func TestFailedSyncLosesForGood(t *testing.T) {
	f := New()
	file, err := f.Create("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(file, "x"); err != nil {
		t.Fatal(err)
	}
	f.Inject(Fault{At: f.Ops() + 1, Err: syscall.EIO})
	sync := file.(interface{ Sync() error }).Sync
	if err := sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Sync() = %v, want %v", err, syscall.EIO)
	}
	if err := errors.Join(sync(), f.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	want(t, "file", outcomes(f, "a", 100), "\x00")
}

func TestFaults(t *testing.T) {
	f := New()
	f.Inject(Fault{At: 2, Forever: true, Err: syscall.ENOSPC})
	if err := f.MkdirAll("a", 0o755); err != nil {
		t.Errorf("MkdirAll() = %v, want nil", err)
	}
	for range 2 {
		if err := f.MkdirAll("b", 0o755); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("MkdirAll() = %v, want %v", err, syscall.ENOSPC)
		}
	}
	f.Inject(Fault{At: f.Ops() + 2, Short: true})
	file, err := f.Create("c")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.WriteString(file, "1234"); n != 2 || err != nil {
		t.Errorf("Write() = %d, %v, want 2, nil", n, err)
	}
	var kinds []string
	f.Hook(func(op Op) { kinds = append(kinds, op.Kind) })
	if err := errors.Join(file.Close(), f.Remove("c")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(kinds, " "); got != "close remove" {
		t.Errorf("operations = %q, want %q", got, "close remove")
	}
}
