package disk_test

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

func newMedium(t *testing.T, d disk.Disk, syncs bool) *disk.Medium {
	t.Helper()
	m := disk.NewMedium(d, disk.Options{Syncs: syncs, TempDir: "tmp", Limit: func(name string) int64 {
		if path.Base(name) == "small" {
			return 2
		}
		return 100
	}})
	must(t, m.MkdirAll("tmp"), m.Flush())
	return m
}

func TestMediumReads(t *testing.T) {
	m := newMedium(t, disk.NewBilly(crashfs.New()), true)
	must(t, m.Replace("dir/small", []byte("123"), 0), m.Replace("dir/large", []byte("123"), 0))
	if _, err := m.ReadFile("dir/small"); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("ReadFile() of more than the limit = %v, want %v", err, storage.ErrCorrupt)
	}
	for name, want := range map[string]string{"dir/large": "123", "dir/none": "", "dir/large/below": ""} {
		if text, err := m.ReadText(name); text != want || err != nil {
			t.Errorf("ReadText(%s) = %q, %v, want %q", name, text, err, want)
		}
	}
	must(t, m.RemoveAny("dir/large"), m.RemoveAny("dir/large"), m.RemoveAny("none/at/all"))
}

// TestAccount writes in every way there is, and cuts the power: what is left is what was there at the last Flush, and
// all of what came before it.
func TestAccount(t *testing.T) {
	power := crashfs.New()
	m := newMedium(t, disk.NewBilly(power), true)
	must(t, m.Replace("a/b/replaced", []byte("one"), 0), m.Append("a/log", []byte("1\n")), m.Replace("gone", nil, 0),
		m.Replace("moved/x", []byte("x"), 0))
	if n := m.Unsynced(); n == 0 {
		t.Error("Unsynced() = 0 after writing")
	}
	must(t, m.Flush())
	if n := m.Unsynced(); n != 0 {
		t.Errorf("Unsynced() after Flush() = %d, want 0", n)
	}
	must(t, m.Replace("a/b/replaced", []byte("two"), 0), m.Append("a/log", []byte("2\n")), m.RemoveAny("gone"))
	left := func() string {
		after := newMedium(t, disk.NewBilly(power.Clone(1, 0)), true)
		var texts []string
		for _, name := range []string{"a/b/replaced", "a/log", "moved/x", "to/x"} {
			text, err := after.ReadText(name)
			must(t, err)
			texts = append(texts, text)
		}
		if _, err := after.Stat("gone"); err == nil {
			texts = append(texts, "gone")
		}
		return strings.Join(texts, ",")
	}
	if got, want := left(), "one,1\n,x,,gone"; got != want {
		t.Errorf("after a power cut there is %q, want %q", got, want)
	}
	must(t, m.Replace("moved/x", []byte("y"), 0), m.Publish("moved", "to"))
	m.Renamed("moved", "to")
	must(t, m.Flush())
	if got, want := left(), "two,1\n2\n,,y"; got != want {
		t.Errorf("after Flush() and a power cut there is %q, want %q", got, want)
	}
}

// TestFlushFails has a sync fail: what it was to make permanent is still on the account.
func TestFlushFails(t *testing.T) {
	power := crashfs.New()
	m := newMedium(t, disk.NewBilly(power), true)
	must(t, m.Replace("a/b", []byte("one"), 0))
	n := m.Unsynced()
	power.Inject(crashfs.Fault{At: power.Ops() + 1, Forever: true, Err: fs.ErrPermission})
	if err := m.Flush(); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("Flush() = %v, want %v", err, fs.ErrPermission)
	}
	if got := m.Unsynced(); got != n {
		t.Errorf("Unsynced() after a failed Flush() = %d, want %d", got, n)
	}
	power.Inject()
	must(t, m.Flush())
}

// TestSyncNow makes one file permanent, whatever else is on the account.
func TestSyncNow(t *testing.T) {
	power := crashfs.New()
	m := newMedium(t, disk.NewBilly(power), true)
	must(t, m.Replace("a/b/c", []byte("one"), 0), m.Replace("other", nil, 0), m.SyncNow("a/b/c"), m.SyncNow("none"))
	after := newMedium(t, disk.NewBilly(power.Clone(1, 0)), true)
	if text, err := after.ReadText("a/b/c"); text != "one" || err != nil {
		t.Errorf("after a power cut ReadText() = %q, %v, want one", text, err)
	}
}

func TestReplaceWhole(t *testing.T) {
	power := crashfs.New()
	m := newMedium(t, disk.NewBilly(power), false)
	must(t, m.Replace("dir/x", []byte("old"), 0))
	power.Inject(crashfs.Fault{At: power.Ops() + 2, Err: fs.ErrPermission}) // the write
	if err := m.Replace("dir/x", []byte("new"), 0); err == nil {
		t.Fatal("Replace() = nil, want the fault")
	}
	if text, err := m.ReadText("dir/x"); text != "old" || err != nil {
		t.Errorf("after a Replace() that failed there is %q, %v, want old", text, err)
	}
	if left, err := m.ReadDir("tmp"); len(left) > 0 || err != nil {
		t.Errorf("temporary files %v, %v are left", left, err)
	}
}

func TestClearPath(t *testing.T) {
	m := newMedium(t, disk.NewBilly(crashfs.New()), true)
	write := func() error { return m.Replace("top/a", []byte("x"), 0) }
	must(t, m.MkdirAll("top/a/b/c"), m.ClearPath("top", "a", write))
	if text, err := m.ReadText("top/a"); text != "x" || err != nil {
		t.Errorf("ReadText() = %q, %v, want x", text, err)
	}
	must(t, m.RemoveAny("top/a"), m.Replace("top/a/b/file", nil, 0))
	if err := m.ClearPath("top", "a", write); err == nil {
		t.Error("ClearPath() = nil where a file is in the way")
	}
	if _, err := m.Stat("top/a/b/file"); err != nil {
		t.Errorf("the file in the way: %v", err)
	}
}

func TestRemoveEmpty(t *testing.T) {
	m := newMedium(t, disk.NewBilly(crashfs.New()), true)
	must(t, m.MkdirAll("top/a/b/c"), m.Replace("top/a/file", nil, 0))
	m.RemoveEmpty("top/a/b/c", "top")
	if _, err := m.Stat("top/a/b"); !disk.Absent(err) {
		t.Errorf("Stat() of an empty directory = %v", err)
	}
	if _, err := m.Stat("top/a/file"); err != nil {
		t.Errorf("Stat() of a file above = %v", err)
	}
}

func TestCopyFile(t *testing.T) {
	eachDisk(t, func(t *testing.T, d disk.Disk) {
		m := newMedium(t, d, false)
		must(t, m.Replace("from", []byte("text"), 0), m.CopyFile("from", "to/copy"))
		if text, err := m.ReadText("to/copy"); text != "text" || err != nil {
			t.Errorf("ReadText() = %q, %v, want text", text, err)
		}
	})
}
