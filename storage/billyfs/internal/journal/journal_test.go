package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

func mediumOn(t *testing.T, root *crashfs.FS) *disk.Medium {
	t.Helper()
	m := disk.NewMedium(disk.NewBilly(root), disk.Options{Syncs: true, TempDir: "reposit/tmp",
		Limit: func(string) int64 { return 1 << 30 }})
	if err := m.MkdirAll("reposit/tmp"); err != nil {
		t.Fatal(err)
	}
	return m
}

func fits(int64, int64) error { return nil }

// open opens the journal of root, and returns what is in it.
func open(t *testing.T, root *crashfs.FS) (*Journal, *History, map[string]string) {
	t.Helper()
	records := map[string]string{}
	h := &History{Put: func(writes []RecordWrite) {
		for _, r := range writes {
			if records[r.Key] = string(r.Value); r.Gone {
				delete(records, r.Key)
			}
		}
	}}
	j, err := Open(mediumOn(t, root), h, fits)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { j.Close() })
	return j, h, records
}

func update(n int) *Commit {
	head := RefName{Repo: storage.ID{'r'}, Name: "HEAD"}
	return &Commit{
		Seq: uint64(n), Objects: []ObjectWrite{{Pool: storage.ID{'p'}, Hash: storage.Hash{1}, Data: []byte("data")}},
		Creates: []RepoCreate{{Repo: storage.ID{'r'}, Pool: storage.ID{'p'}}},
		Drops:   []RepoRef{{Repo: storage.ID{'o'}, Born: 300}}, Pools: []storage.ID{{'q'}},
		Refs:    []RefWrite{{RefName: head, Old: RefValue{Hash: storage.Hash{2}}, New: RefValue{Target: "t"}, LogSize: 5}},
		Logs:    []LogWrite{{RefName: head, Lines: "line\n"}},
		Records: []RecordWrite{{Key: fmt.Sprint("k", n), Value: fmt.Append(nil, n)}, {Key: "k0", Gone: true}},
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestReplay writes each kind of entry, and reads back what it leaves to look after.
func TestReplay(t *testing.T) {
	root := crashfs.New()
	j, h, records := open(t, root)
	if h.Seq != 0 || h.Opened || h.Closed || len(records) > 0 {
		t.Errorf("History of a new journal = %+v, %v", h, records)
	}
	must(t, j.Begin("boot"), j.Commit(update(1)), j.Done(1), j.Commit(update(2)), j.Close())
	j, h, records = open(t, root)
	want := []*Commit{update(1), update(2)}
	want[0].Records, want[1].Records = nil, nil
	if diff := cmp.Diff(want, h.Commits); diff != "" {
		t.Errorf("Commits differ (-want +got):\n%s", diff)
	}
	if h.Seq != 2 || h.Boot != "boot" || !h.Opened || h.Closed {
		t.Errorf("History = %+v", h)
	}
	if want := map[string]string{"k1": "1", "k2": "2"}; !maps.Equal(records, want) {
		t.Errorf("records = %v, want %v", records, want)
	}
	must(t, j.Flushed(1), j.Close())
	if j, h, _ = open(t, root); len(h.Commits) != 1 || h.Commits[0].Seq != 2 {
		t.Errorf("Commits after Flushed(1) = %v, want that of 2", h.Commits)
	}
	must(t, j.End(), j.Close())
	if j, h, _ = open(t, root); !h.Closed || len(h.Commits) > 0 {
		t.Errorf("after End() Closed = %t, Commits = %v, want it closed", h.Closed, h.Commits)
	}
	must(t, j.Begin(""), j.Close())
	if _, h, _ = open(t, root); h.Closed {
		t.Error("Closed = true after Begin()")
	}
}

// TestBytes holds what is stored.
func TestBytes(t *testing.T) {
	head := RefName{Repo: storage.ID([]byte(strings.Repeat("r", 20))), Name: "HEAD"}
	c := &Commit{Seq: 300, Refs: []RefWrite{{RefName: head, New: RefValue{Target: "t"}, LogSize: 5}},
		Logs:    []LogWrite{{RefName: head, Lines: "l\n"}},
		Records: []RecordWrite{{Key: "k", Value: []byte("v")}, {Key: "g", Gone: true}}}
	repo, zero := strings.Repeat("72", 20), strings.Repeat("00", 20)
	for name, got := range map[string]struct {
		bytes []byte
		want  string
	}{
		"commit": {c.encode(), "43ac0200000000" + "01" + repo + "0448454144" + zero + "00" + zero + "0174" + "05" +
			"01" + repo + "0448454144" + "026c0a" + "02" + "00016b0176" + "01016700"},
		"open":  {openEntry("b"), "4f62"},
		"done":  {encodeMark(kindDone, 300), "44ac02"},
		"frame": {appendFrame(nil, 7, []byte("x")), "524a4e31000000010000000000000007f6211bc678"},
	} {
		if hex.EncodeToString(got.bytes) != got.want {
			t.Errorf("%s is %x, want %s", name, got.bytes, got.want)
		}
	}
}

// TestCut cuts a journal after each of its bytes, as a crash may: what is left is the Updates that are there as a
// whole, and the journal takes more. A byte that is another one, before what is known to be synced, is damage.
func TestCut(t *testing.T) {
	root := crashfs.New()
	j, _, _ := open(t, root)
	must(t, j.Begin(""))
	ends := []int64{j.Size()}
	for n := 1; n <= 3; n++ {
		must(t, j.Commit(update(n)))
		ends = append(ends, j.Size())
	}
	data, err := mediumOn(t, root).ReadFile(Name)
	must(t, err)
	for size := range len(data) {
		cut := crashfs.New()
		must(t, mediumOn(t, cut).Replace(Name, data[:size], 0))
		j, h, _ := open(t, cut)
		want := 0
		for n := 1; n < len(ends) && ends[n] <= int64(size); n++ {
			want = n
		}
		if int(h.Seq) != want {
			t.Fatalf("%d of %d bytes have %d Updates, want %d", size, len(data), h.Seq, want)
		}
		must(t, j.Commit(update(9)), j.Close())
		if _, h, _ := open(t, cut); h.Seq != 9 {
			t.Fatalf("%d of %d bytes: after one more Update, the last is %d, want 9", size, len(data), h.Seq)
		}
	}
	for at := range ends[2] {
		damaged := crashfs.New()
		bad := append([]byte{}, data...)
		bad[at] ^= 1
		must(t, mediumOn(t, damaged).Replace(Name, bad, 0))
		if _, err := Open(mediumOn(t, damaged), &History{Put: func([]RecordWrite) {}}, fits); !errors.Is(err,
			storage.ErrCorrupt) {
			t.Fatalf("Open() with byte %d flipped = %v, want %v", at, err, storage.ErrCorrupt)
		}
	}
}

// TestFit has Open leave a journal as it is that does not fit.
func TestFit(t *testing.T) {
	root := crashfs.New()
	j, _, _ := open(t, root)
	must(t, j.Commit(update(1)), j.Close())
	m := mediumOn(t, root)
	must(t, m.Append(Name, []byte("rest")))
	before, err := m.ReadFile(Name)
	must(t, err)
	_, err = Open(m, &History{Put: func([]RecordWrite) {}}, func(end, size int64) error {
		if size-end != 4 {
			t.Errorf("fit(%d, %d), want a rest of 4 bytes", end, size)
		}
		return fs.ErrInvalid
	})
	if !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Open() = %v, want %v", err, fs.ErrInvalid)
	}
	if after, err := m.ReadFile(Name); string(after) != string(before) || err != nil {
		t.Errorf("the journal changed, %v", err)
	}
}

// TestBroken has a sync fail: the journal takes no more until it is written afresh, and what is then in it is what it
// was given.
func TestBroken(t *testing.T) {
	root := crashfs.New()
	j, _, _ := open(t, root)
	must(t, j.Begin(""), j.Commit(update(1)))
	root.Inject(crashfs.Fault{At: root.Ops() + 2, Err: fs.ErrPermission})
	if err := j.Commit(update(2)); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("Commit() = %v, want %v", err, fs.ErrPermission)
	}
	if j.Broken() == nil || j.Done(2) == nil || j.Commit(update(3)) == nil || j.Force() == nil {
		t.Error("a journal whose sync failed takes more")
	}
	must(t, j.Rewrite(2, "boot", maps.All(map[string][]byte{"a": []byte("1"), "b": make([]byte, 2*recordsChunk)})))
	if j.Broken() != nil {
		t.Errorf("Broken() after Rewrite() = %v", j.Broken())
	}
	must(t, j.Commit(update(3)))
	left := root.Clone(1, 0)
	_, h, records := open(t, left)
	if h.Seq != 3 || h.Boot != "boot" || len(h.Commits) != 1 {
		t.Errorf("History after Rewrite() = %+v", h)
	}
	if records["a"] != "1" || len(records["b"]) != 2*recordsChunk || records["k3"] != "3" || len(records) != 3 {
		t.Errorf("%d records after Rewrite(), a = %q", len(records), records["a"])
	}
}

// TestWriteFails has a write fail: it is taken back, and the journal goes on.
func TestWriteFails(t *testing.T) {
	for _, fault := range []crashfs.Fault{{Err: fs.ErrPermission}, {Short: true}, {Err: fs.ErrPermission, After: true}} {
		root := crashfs.New()
		j, _, _ := open(t, root)
		must(t, j.Begin(""), j.Commit(update(1)))
		fault.At = root.Ops() + 1
		root.Inject(fault)
		if err := j.Commit(update(2)); err == nil || j.Broken() != nil {
			t.Fatalf("%+v: Commit() = %v, Broken() = %v, want an error that does not break it", fault, err, j.Broken())
		}
		must(t, j.Commit(update(3)), j.Close())
		if _, h, records := open(t, root); h.Seq != 3 || records["k2"] != "" {
			t.Errorf("%+v: the last Update is %d, records %v", fault, h.Seq, records)
		}
	}
}
