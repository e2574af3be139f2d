package billyfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest/crashfs"
)

// A lookingDisk counts looks at files.
type lookingDisk struct {
	disk.Disk
	looks int
}

func (d *lookingDisk) Stat(name string) (fs.FileInfo, error) {
	d.looks++
	return d.Disk.Stat(name)
}

func (d *lookingDisk) ReadFile(name string, limit int64) ([]byte, error) {
	d.looks++
	return d.Disk.ReadFile(name, limit)
}

// TestManyRefs makes, moves and deletes refs with logs in one transaction each, on a disk where git may work, too, and
// counts what is asked of the filesystem: a lock each, whatever else is to be done.
func TestManyRefs(t *testing.T) {
	const few, many = 40, 240
	count := func(n int) (ops map[string]int) {
		fs := crashfs.New()
		s, err := open(gitDisk{disk.NewBilly(fs)}, &Options{Durability: storage.Sync})
		if err != nil {
			t.Fatal(err)
		}
		s.upkeep.flushBytes = 1 << 40 // a flush at the end, by Close
		repo, pool := storage.ID([]byte(strings.Repeat("r", 20))), storage.ID([]byte(strings.Repeat("p", 20)))
		create := func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) }
		if err := s.Update(t.Context(), create); err != nil {
			t.Fatal(err)
		}
		ops = map[string]int{}
		fs.Hook(func(op crashfs.Op) { ops[op.Kind]++ })
		old := storage.Hash{}
		for _, next := range []storage.Hash{{1}, {2}, {}} {
			err := s.Update(t.Context(), func(tx storage.Tx) error {
				for range tx.Refs(repo, "", "") { // as the checks of names do
				}
				for i := range n {
					name, entry := fmt.Sprintf("refs/tags/%d", i), likeEntry("many", next)
					entry.Old = old
					var err error
					if next.IsZero() {
						err = tx.DeleteRef(repo, name, entry)
					} else {
						err = tx.PutRef(repo, storage.Ref{Name: name, Hash: next}, entry)
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			old = next
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return ops
	}
	one, two := count(few), count(many)
	t.Logf("%d refs: %v\n%d refs: %v", few, one, many, two)
	// NewBilly looks twice before it makes a directory, and large files are read in more pieces.
	perRef := map[string]int{"mkdir": 3, "remove": 3, "stat": 6, "read": 1}
	for kind, n := range two {
		if most := one[kind] + perRef[kind]*(many-few); n > most {
			t.Errorf("%d refs made, moved and deleted took %d times %s, %d took %d, want at most %d", few, one[kind], kind,
				many, n, most)
		}
	}
}

// TestRefsInOneTransaction makes refs in one transaction, each after a list of those that its name would be a directory
// of, and lists them in one View: both look at each file some times, however many there are.
func TestRefsInOneTransaction(t *testing.T) {
	looks := func(t *testing.T, n int) (write, read int) {
		backend, err := Open(osfs.New(t.TempDir()), &Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		defer backend.Close()
		repo, pool := storage.ID([]byte(strings.Repeat("r", 20))), storage.ID([]byte(strings.Repeat("p", 20)))
		put := func(prefix string) error {
			return backend.Update(t.Context(), func(tx storage.Tx) error {
				if err := tx.CreateRepo(repo, pool); err != nil {
					return err
				}
				for i := range n {
					name := fmt.Sprintf("refs/tags/%s%d", prefix, i)
					for r, err := range tx.Refs(repo, name+"/", "") {
						return fmt.Errorf("%s is in the way: %v", r.Name, err)
					}
					if err := tx.PutRef(repo, storage.Ref{Name: name, Hash: storage.Hash{1}}, nil); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := put("a"); err != nil {
			t.Fatal(err)
		}
		s := backend.(*store)
		d := &lookingDisk{Disk: s.m.Disk}
		s.m.Disk = d
		if err := put("b"); err != nil {
			t.Fatal(err)
		}
		write, d.looks = d.looks, 0
		err = backend.View(t.Context(), func(v storage.View) error {
			for range n {
				for _, err := range v.Refs(repo, "refs/tags/b1/", "") {
					return fmt.Errorf("a ref, %v, below a ref", err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return write, d.looks
	}
	const few, many = 50, 200
	write, read := looks(t, few)
	writeMany, readMany := looks(t, many)
	if most := 5 * write; writeMany > most {
		t.Errorf("%d refs took %d looks, %d took %d, want at most %d", few, write, many, writeMany, most)
	}
	if most := 5 * read; readMany > most {
		t.Errorf("%d lists of %d refs took %d looks, %d of %d took %d, want at most %d", few, few, read, many, many,
			readMany, most)
	}
}

// TestRenamedWhileOpen gives the directory of an open store another name, and the old name to a directory that looks
// the same: refs are read where they are.
func TestRenamedWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("directories that are open keep their names")
	}
	dir := filepath.Join(t.TempDir(), "store")
	backend, err := Open(osfs.New(dir), &Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	repo, pool := storage.ID([]byte(strings.Repeat("r", 20))), storage.ID([]byte(strings.Repeat("p", 20)))
	name := "refs/heads/main"
	err = backend.Update(t.Context(), func(tx storage.Tx) error {
		if err := tx.CreateRepo(repo, pool); err != nil {
			return err
		}
		return tx.PutRef(repo, storage.Ref{Name: name, Hash: storage.Hash{1}}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	read := func() (hash storage.Hash, version uint64) {
		err := backend.View(t.Context(), func(v storage.View) (err error) {
			for r, err := range v.Refs(repo, name, "") {
				if err != nil {
					return err
				}
				hash = r.Hash
			}
			version, err = storage.RefsVersion(v, repo)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return hash, version
	}
	past := time.Now().Add(-time.Hour)
	err = filepath.WalkDir(filepath.Join(dir, "repos"), func(name string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(name, past, past))
	})
	if err != nil {
		t.Fatal(err)
	}
	_, first := read()
	if hash, again := read(); hash != (storage.Hash{1}) || again != first {
		t.Fatalf("read again: %s of version %d, want the same of version %d", hash, again, first)
	}
	moved := dir + "-moved"
	if err := errors.Join(os.Rename(dir, moved), os.CopyFS(dir, os.DirFS(moved))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(moved, repoDir(repo), name)
	if err := os.WriteFile(file, refFile(refValue{Hash: storage.Hash{2}}), 0o644); err != nil {
		t.Fatal(err)
	}
	if hash, now := read(); hash != (storage.Hash{2}) || now == first {
		t.Errorf("after it was written elsewhere: %s of version %d, want %s of another", hash, now, storage.Hash{2})
	}
}
