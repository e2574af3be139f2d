package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// eachDisk runs a test on every kind of disk.
func eachDisk(t *testing.T, test func(t *testing.T, d disk.Disk)) {
	for name, root := range map[string]func(t *testing.T) billy.Filesystem{
		"osfs":    func(t *testing.T) billy.Filesystem { return osfs.New(t.TempDir()) },
		"boundos": func(t *testing.T) billy.Filesystem { return osfs.New(t.TempDir(), osfs.WithBoundOS()) },
		"memfs":   func(*testing.T) billy.Filesystem { return memfs.New() },
		"crashfs": func(*testing.T) billy.Filesystem { return crashfs.New() },
	} {
		t.Run(name, func(t *testing.T) {
			d, err := disk.New(root(t))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			test(t, d)
		})
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// is checks that err is of a kind.
func is(t *testing.T, call string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s = %v, want %v", call, err, want)
	}
}

func TestErrors(t *testing.T) {
	eachDisk(t, func(t *testing.T, d disk.Disk) {
		must(t, d.Mkdir("a"), d.WriteFile("a/file", []byte("12345"), 0))
		is(t, "Mkdir() of a name that is taken", d.Mkdir("a"), fs.ErrExist)
		is(t, "Mkdir() of a file's name", d.Mkdir("a/file"), fs.ErrExist)
		is(t, "Mkdir() where the parent is missing", d.Mkdir("b/c"), fs.ErrNotExist)
		is(t, "WriteFile(Exclusive) of a name that is taken", d.WriteFile("a/file", nil, disk.Exclusive), fs.ErrExist)
		_, err := d.ReadFile("a/file", 4)
		is(t, "ReadFile() of more than the limit", err, storage.ErrCorrupt)
		if data, err := d.ReadFile("a/file", 5); string(data) != "12345" || err != nil {
			t.Errorf("ReadFile() = %q, %v, want 12345", data, err)
		}
		for _, name := range []string{"b", "b/c", "a", "a/file/below"} {
			if _, err := d.ReadFile(name, 5); !disk.Absent(err) {
				t.Errorf("ReadFile(%s) = %v, want an error that Absent knows", name, err)
			}
		}
		if disk.Absent(nil) || disk.Absent(fs.ErrPermission) {
			t.Error("Absent() = true of an error that does not say so")
		}
		must(t, d.RemoveAll("a"), d.RemoveAll("a"))
		if _, err := d.Stat("a"); !disk.Absent(err) {
			t.Errorf("Stat() after RemoveAll() = %v", err)
		}
	})
}

// TestRenameDir moves a directory with what is in it, also where it is.
func TestRenameDir(t *testing.T) {
	eachDisk(t, func(t *testing.T, d disk.Disk) {
		must(t, d.Mkdir("from"), d.Mkdir("from/sub"), d.Mkdir("to"), d.WriteFile("from/sub/x", []byte("x"), 0),
			d.WriteFile("from/y", []byte("y"), 0), d.Rename("from", "to/here"))
		for name, want := range map[string]string{"to/here/sub/x": "x", "to/here/y": "y"} {
			if data, err := d.ReadFile(name, 9); string(data) != want || err != nil {
				t.Errorf("ReadFile(%s) = %q, %v, want %s", name, data, err, want)
			}
		}
		if _, err := d.Stat("from"); !disk.Absent(err) {
			t.Errorf("Stat() of the old name = %v", err)
		}
	})
}

func TestFolder(t *testing.T) {
	eachDisk(t, func(t *testing.T, d disk.Disk) {
		must(t, d.Mkdir("a"), d.Mkdir("a/sub"), d.WriteFile("a/file", []byte("12345"), 0))
		f, err := disk.OpenFolder(d, "a")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		entries, err := f.ReadDir()
		slices.SortFunc(entries, func(a, b disk.Entry) int { return len(b.Name) - len(a.Name) })
		if want := []disk.Entry{{Name: "file"}, {Name: "sub", Dir: true}}; !slices.Equal(entries, want) || err != nil {
			t.Errorf("ReadDir() = %v, %v, want %v", entries, err, want)
		}
		if info, err := f.Stat("."); err != nil || !info.IsDir() {
			t.Errorf("Stat(.) = %v, %v, want a directory", info, err)
		}
		_, err = f.ReadFile("file", 4)
		is(t, "ReadFile() of more than the limit", err, storage.ErrCorrupt)
	})
}

// TestLock takes the lock of a disk twice where the disk can keep the second one out.
func TestLock(t *testing.T) {
	dir, memory := t.TempDir(), memfs.New()
	for name, root := range map[string]billy.Filesystem{"osfs": osfs.New(dir), "memfs": memory} {
		one, err := disk.New(root)
		must(t, err)
		two, err := disk.New(root)
		must(t, err)
		lock, err := one.Lock("lock")
		must(t, err)
		if _, err = two.Lock("lock"); !errors.Is(err, storage.ErrLocked) {
			t.Errorf("%s: Lock() of what is locked = %v, want %v", name, err, storage.ErrLocked)
		}
		must(t, lock.Close())
		if lock, err = two.Lock("lock"); err != nil {
			t.Errorf("%s: Lock() after Close() = %v", name, err)
		} else {
			must(t, lock.Close())
		}
		must(t, one.Close(), two.Close())
	}
}

// TestReading holds when a file counts as the same: never while it is so new that it may change without looking so.
func TestReading(t *testing.T) {
	dir := t.TempDir()
	d, err := disk.New(osfs.New(dir))
	must(t, err)
	defer d.Close()
	must(t, d.WriteFile("x", []byte("1"), 0))
	fi, err := d.Stat("x")
	must(t, err)
	if disk.NewReading(fi).Holds(fi) {
		t.Error("Holds() = true of a file that was just written")
	}
	if (disk.Reading{}).Holds(fi) {
		t.Error("Holds() = true of the zero Reading")
	}
	stat := func(text string, age time.Duration) fs.FileInfo {
		must(t, d.WriteFile("x", []byte(text), 0))
		then := time.Now().Add(-age)
		must(t, os.Chtimes(filepath.Join(dir, "x"), then, then))
		fi, err := d.Stat("x")
		must(t, err)
		return fi
	}
	old := stat("1", time.Hour)
	if !disk.NewReading(old).Holds(old) {
		t.Error("Holds() = false of an old file that did not change")
	}
	for what, now := range map[string]fs.FileInfo{"time": stat("2", 2*time.Hour), "size": stat("12", time.Hour)} {
		if disk.NewReading(old).Holds(now) {
			t.Errorf("Holds() = true of a file of another %s", what)
		}
	}
}
