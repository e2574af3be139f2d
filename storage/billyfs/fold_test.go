package billyfs

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// foldings are the kinds of disks that fold names, and what Open finds out about them.
var foldings = []struct {
	name         string
	names        crashfs.Names
	ascii, other bool
}{
	{"ignores case", crashfs.IgnoreCase(), true, true},
	{"normalizes", crashfs.Normalize(), false, true},
	{"Windows", crashfs.Windows(), true, true},
	{"neither", crashfs.Names{}, false, false},
}

// eachFolding runs a test on each kind of disk, alone and beside git.
func eachFolding(t *testing.T, test func(t *testing.T, names crashfs.Names, shared bool)) {
	for _, f := range foldings {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/shared=%t", f.name, shared), func(t *testing.T) { test(t, f.names, shared) })
		}
	}
}

// openFolding opens a store that must open.
func openFolding(t *testing.T, fs *crashfs.FS, shared bool) *store {
	t.Helper()
	s, err := openCrashable(fs, shared)
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// levels is the flag of TestContract.
func levels() bool { return flag.Lookup("levels").Value.String() == "true" }

func TestFoldingContract(t *testing.T) {
	for i, f := range foldings[:3] {
		for _, shared := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/shared=%t", f.name, shared), func(t *testing.T) {
				if !levels() && (i > 0 || !shared) {
					t.Skip("long: needs -levels")
				}
				if testing.Short() {
					t.Skip("long: what of it differs, TestFoldingReopen shows")
				}
				storagetest.Run(t, func(t *testing.T) storage.Backend {
					return openFolding(t, crashfs.NewNames(f.names), shared)
				})
			})
		}
	}
}

func TestFoldingReopen(t *testing.T) {
	for i, f := range foldings[:3] {
		t.Run(f.name, func(t *testing.T) {
			if i > 0 && !levels() {
				t.Skip("long: needs -levels")
			}
			storagetest.RunReopen(t, func(t *testing.T) func() storage.Backend {
				fs := crashfs.NewNames(f.names)
				return func() storage.Backend { return openFolding(t, fs, true) }
			})
		})
	}
}

func TestFoldingFound(t *testing.T) {
	for _, f := range foldings {
		s := openFolding(t, crashfs.NewNames(f.names), false)
		if s.folding.ascii != f.ascii || s.folding.other != f.other {
			t.Errorf("a disk that %s: ascii = %t, other = %t, want %t, %t", f.name, s.folding.ascii, s.folding.other, f.ascii,
				f.other)
		}
	}
}

// likeNames are names that one disk or another takes for each other, or refuses.
var likeNames = []string{
	"refs/heads/feature", "refs/heads/Feature", "refs/heads/FEATURE", "refs/heads/feature-x", "refs/heads/Main/x",
	"refs/heads/main", "refs/heads/caf\u00e9", "refs/heads/cafe\u0301", "refs/heads/CAF\u00c9", "refs/heads/\xff",
	"refs/heads/con", "refs/heads/aux.c/x", "refs/heads/dir./x", "refs/heads/dir/x", "refs/heads/Dir/y", "refs/tags/v1",
	"refs/tags/V1", "refs/heads/a<b>|c\"",
}

var (
	likeRepo = storage.ID([]byte(strings.Repeat("r", 20)))
	likePool = storage.ID([]byte(strings.Repeat("p", 20)))
)

func likeHash(n int) storage.Hash { return storagetest.HashOf(storage.Blob, fmt.Append(nil, n)) }

func likeEntry(message string, h storage.Hash) *storage.LogEntry {
	return &storage.LogEntry{New: h, Name: "A", Email: "a@x", Message: message}
}

// A likeModel is what the refs and logs are to be.
type likeModel struct {
	refs map[string]storage.Ref
	logs map[string][]string // the last line first
}

func (m *likeModel) set(r storage.Ref, message string) func(tx storage.Tx) error {
	if _, ok := m.refs[r.Name]; ok || !r.Hash.IsZero() || r.Target != "" { // else there is nothing to delete
		m.logs[r.Name] = append([]string{message}, m.logs[r.Name]...)
	}
	if r.Hash.IsZero() && r.Target == "" {
		delete(m.refs, r.Name)
		return func(tx storage.Tx) error {
			return tx.DeleteRef(likeRepo, r.Name, likeEntry(message, storage.Hash{}))
		}
	}
	m.refs[r.Name] = r
	return func(tx storage.Tx) error { return tx.PutRef(likeRepo, r, likeEntry(message, r.Hash)) }
}

func (m *likeModel) check(t *testing.T, when string, s *store) {
	t.Helper()
	err := s.View(t.Context(), func(v storage.View) error {
		n := 0
		for r, err := range v.Refs(likeRepo, "", "") {
			if err != nil {
				return err
			}
			if n++; m.refs[r.Name] != r {
				t.Errorf("%s: Refs() has %v, want %v", when, r, m.refs[r.Name])
			}
		}
		if n != len(m.refs) {
			t.Errorf("%s: Refs() has %d, want %d", when, n, len(m.refs))
		}
		for _, name := range likeNames {
			r, err := v.Ref(likeRepo, name)
			if want, ok := m.refs[name]; r != want || ok != (err == nil) || !ok && !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("%s: Ref(%q) = %v, %v, want %v", when, name, r, err, want)
			}
			var got []string
			for e, err := range v.Log(likeRepo, name) {
				if err != nil {
					return err
				}
				got = append(got, e.Message)
			}
			if strings.Join(got, ",") != strings.Join(m.logs[name], ",") {
				t.Errorf("%s: Log(%q) = %v, want %v", when, name, got, m.logs[name])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
}

// TestAlikeRefs creates, moves, deletes, renames and makes again refs whose names a disk takes for each other: they
// stay as many as they are, with their logs, in the process, opened again, and after a power cut.
func TestAlikeRefs(t *testing.T) {
	eachFolding(t, func(t *testing.T, names crashfs.Names, shared bool) {
		fs := crashfs.NewNames(names)
		s := openFolding(t, fs, shared)
		m := &likeModel{map[string]storage.Ref{}, map[string][]string{}}
		update := func(fns ...func(tx storage.Tx) error) {
			t.Helper()
			err := s.Update(t.Context(), func(tx storage.Tx) error {
				for _, fn := range fns {
					if err := fn(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatalf("Update() = %v", err)
			}
			m.check(t, "in the process", s)
			cut, err := openCrashable(fs.Clone(1, 0), shared)
			if err != nil {
				t.Fatalf("Open() after a power cut = %v", err)
			}
			m.check(t, "after a power cut", cut)
			if err := cut.Close(); err != nil {
				t.Fatal(err)
			}
		}
		create := func(tx storage.Tx) error { return tx.CreateRepo(likeRepo, likePool) }
		hash := func(name string, n int) storage.Ref { return storage.Ref{Name: name, Hash: likeHash(n)} }
		update(create, m.set(storage.Ref{Name: "HEAD", Target: "refs/heads/Feature"}, "head"),
			m.set(hash(likeNames[0], 1), "new"))
		for i, name := range likeNames {
			update(m.set(hash(name, 10+i), "made "+name))
		}
		update(m.set(hash(likeNames[0], 31), "both"), m.set(hash(likeNames[1], 32), "both"))
		update(m.set(storage.Ref{Name: likeNames[0]}, "gone"))
		update(m.set(storage.Ref{Name: likeNames[1]}, "renamed"), m.set(hash("refs/heads/fEATURE", 33), "renamed"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openFolding(t, fs, shared)
		m.check(t, "opened again", s)
		update(m.set(hash(likeNames[0], 34), "again"), m.set(storage.Ref{Name: likeNames[1]}, "gone"))
		update(m.set(storage.Ref{Name: "refs/heads/feature", Target: "refs/heads/main"}, "link"))
		update(m.set(storage.Ref{Name: "refs/heads/Feature", Target: "refs/heads/Main/x"}, "link"))
		update(m.set(hash("refs/heads/Feature", 35), "no link"))
		for _, name := range likeNames[:9] {
			update(m.set(storage.Ref{Name: name}, "gone "+name))
		}
		var all []func(tx storage.Tx) error
		for i, name := range likeNames[:9] {
			all = append(all, m.set(hash(name, 50+i), "at once "+name))
		}
		update(all...)
	})
}

// copyOut writes what is on fs into a directory of the operating system.
func copyOut(t *testing.T, fs *crashfs.FS, from, to string) {
	t.Helper()
	entries, err := fs.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, at := from+"/"+e.Name(), filepath.Join(to, e.Name())
		if e.IsDir() {
			if err := os.MkdirAll(at, 0o777); err != nil {
				t.Fatal(err)
			}
			copyOut(t, fs, name, at)
			continue
		}
		f, err := fs.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close(), os.WriteFile(at, data, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFoldedOnOther has refs be alike on a disk that folds, and moves the store to one that does not: git reads them
// all there, the store opens with them and their logs, and goes on.
func TestFoldedOnOther(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	eachFolding(t, func(t *testing.T, names crashfs.Names, shared bool) {
		fs := crashfs.NewNames(names)
		s := openFolding(t, fs, shared)
		m := &likeModel{map[string]storage.Ref{}, map[string][]string{}}
		update := func(s *store, fns ...func(tx storage.Tx) error) {
			t.Helper()
			err := s.Update(t.Context(), func(tx storage.Tx) error {
				for _, fn := range fns {
					if err := fn(tx); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatalf("Update() = %v", err)
			}
		}
		blob := storagetest.NewObject(storage.Tree, nil)
		commit := storagetest.NewObject(storage.Commit, []byte("tree "+blob.Hash.String()+
			"\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nm\n"))
		update(s, func(tx storage.Tx) error {
			_, err := tx.PutObject(likePool, blob)
			_, err2 := tx.PutObject(likePool, commit)
			return errors.Join(tx.CreateRepo(likeRepo, likePool), err, err2)
		}, m.set(storage.Ref{Name: "HEAD", Target: "refs/heads/main"}, "head"))
		for _, name := range likeNames {
			update(s, m.set(storage.Ref{Name: name, Hash: commit.Hash}, "made "+name))
		}
		update(s, m.set(storage.Ref{Name: "refs/heads/Link", Target: "refs/heads/Feature"}, "link"))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		copyOut(t, fs, "", dir)
		git := func(args ...string) string {
			out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C",
				filepath.Join(dir, repoDir(likeRepo))}, args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("git %v: %v\n%s", args, err, out)
			}
			return string(out)
		}
		var want strings.Builder
		for _, name := range slices.Sorted(slices.Values(likeNames)) {
			fmt.Fprintf(&want, "%s %s\n", commit.Hash, name)
		}
		got := git("for-each-ref", "--format=%(objectname) %(refname)")
		if got = strings.Replace(got, commit.Hash.String()+" refs/heads/Link\n", "", 1); got != want.String() {
			t.Errorf("git for-each-ref = %s\nwant %s", got, want.String())
		}
		git("fsck", "--strict")
		moved, err := disk.New(osfs.New(dir))
		if err != nil {
			t.Fatal(err)
		}
		there, err := open(moved, &Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		defer there.Close()
		m.check(t, "moved", there)
		for i, name := range likeNames {
			update(there, m.set(storage.Ref{Name: name, Hash: likeHash(i)}, "changed "+name))
		}
		update(there, m.set(storage.Ref{Name: "refs/heads/Link"}, "no link"))
		m.check(t, "changed where it was moved", there)
	})
}

// TestFoldedPushes has git make files of refs with names that the disk may change, as a push does: they are read as
// they are, and no ref of a like name changes them.
func TestFoldedPushes(t *testing.T) {
	for _, f := range foldings[:3] {
		fs := crashfs.NewNames(f.names)
		s := openFolding(t, fs, true)
		m := &likeModel{map[string]storage.Ref{}, map[string][]string{}}
		update := func(fns ...func(tx storage.Tx) error) {
			t.Helper()
			for _, fn := range fns {
				if err := s.Update(t.Context(), fn); err != nil {
					t.Fatalf("on a disk that %s: Update() = %v", f.name, err)
				}
			}
			m.check(t, "on a disk that "+f.name, s)
		}
		update(func(tx storage.Tx) error { return tx.CreateRepo(likeRepo, likePool) })
		for i, name := range []string{"refs/heads/Feature", "refs/heads/Main/x"} {
			if err := s.m.Replace(repoDir(likeRepo)+"/"+name, refFile(refValue{Hash: likeHash(i)}), 0); err != nil {
				t.Fatal(err)
			}
			m.refs[name] = storage.Ref{Name: name, Hash: likeHash(i)}
		}
		m.check(t, "pushed to a disk that "+f.name, s)
		update(m.set(storage.Ref{Name: "refs/heads/feature", Hash: likeHash(7)}, "new"),
			m.set(storage.Ref{Name: "refs/heads/main", Hash: likeHash(8)}, "new"),
			m.set(storage.Ref{Name: "refs/heads/Feature", Hash: likeHash(9)}, "moved"),
			m.set(storage.Ref{Name: "refs/heads/Feature"}, "gone"),
			m.set(storage.Ref{Name: "refs/heads/feature", Hash: likeHash(10)}, "moved"),
			m.set(storage.Ref{Name: "refs/heads/main"}, "gone"),
			m.set(storage.Ref{Name: "refs/heads/Main/x"}, "gone"))
	}
}

// TestOlderLogs opens a store of version 2, in which the log of a deleted ref has a name that keeps capitals.
func TestOlderLogs(t *testing.T) {
	eachFolding(t, func(t *testing.T, names crashfs.Names, shared bool) {
		fs := crashfs.NewNames(names)
		s := openFolding(t, fs, shared)
		m := &likeModel{map[string]storage.Ref{}, map[string][]string{"refs/heads/Feature": {"older"}}}
		err := s.Update(t.Context(), func(tx storage.Tx) error { return tx.CreateRepo(likeRepo, likePool) })
		if err != nil {
			t.Fatal(err)
		}
		older := likeEntry("older", storage.Hash{})
		older.Old = likeHash(1)
		err = s.m.Replace(repoDir(likeRepo)+"/reposit-logs/refs%2Fheads%2FFeature", []byte(logText(older)), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := s.m.ReadText(formatName)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.m.WriteFile(formatName, []byte(strings.Replace(text, "billyfs 4", "billyfs 2", 1)), 0); err != nil {
			t.Fatal(err)
		}
		s = openFolding(t, fs, shared)
		m.check(t, "opened", s)
		for i, r := range []storage.Ref{{Name: "refs/heads/Feature", Hash: likeHash(2)}, {Name: "refs/heads/Feature"},
			{Name: "refs/heads/feature", Hash: likeHash(3)}} {
			if err := s.Update(t.Context(), m.set(r, fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			m.check(t, "changed", s)
			cut, err := openCrashable(fs.Clone(1, 0), shared)
			if err != nil {
				t.Fatal(err)
			}
			m.check(t, "after a power cut", cut)
			if err := cut.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestFoldedPacks has so many refs have files of their own, some by git, that they are packed: none is lost.
func TestFoldedPacks(t *testing.T) {
	eachFolding(t, func(t *testing.T, names crashfs.Names, shared bool) {
		fs := crashfs.NewNames(names)
		s := openFolding(t, fs, shared)
		m := &likeModel{map[string]storage.Ref{}, map[string][]string{}}
		create := func(tx storage.Tx) error { return tx.CreateRepo(likeRepo, likePool) }
		if err := s.Update(t.Context(), create); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			name := fmt.Sprintf("refs/heads/By-Git-%d", i)
			if err := s.m.Replace(repoDir(likeRepo)+"/"+name, refFile(refValue{Hash: likeHash(i)}), 0); err != nil {
				t.Fatal(err)
			}
			s.refs.touch(repoDir(likeRepo))
			m.refs[name] = storage.Ref{Name: name, Hash: likeHash(i)}
		}
		m.check(t, "made by git", s)
		for i := range 40 {
			for _, name := range []string{"refs/heads/by-git-%d", "refs/heads/x/%d", "refs/heads/X/%d"} {
				r := storage.Ref{Name: fmt.Sprintf(name, i), Hash: likeHash(100 + i)}
				if err := s.Update(t.Context(), m.set(r, "new")); err != nil {
					t.Fatal(err)
				}
			}
		}
		m.check(t, "packed", s)
		cut, err := openCrashable(fs.Clone(1, 0), shared)
		if err != nil {
			t.Fatal(err)
		}
		m.check(t, "after a power cut", cut)
		if err := cut.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
