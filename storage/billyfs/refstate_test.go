package billyfs

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
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
