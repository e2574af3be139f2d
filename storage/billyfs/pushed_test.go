package billyfs

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs/internal/disk"
	"github.com/reposit/reposit/storage/storagetest"
)

// A clearingDisk is one on which git clears the objects of a repository away, one file whenever somebody looks.
type clearingDisk struct {
	disk.Disk
	dir   string // whose objects go
	clear []string
}

func (d *clearingDisk) ReadDir(name string) ([]disk.Entry, error) {
	entries, err := d.Disk.ReadDir(name)
	if len(d.clear) > 0 && strings.HasPrefix(name, d.dir+"/") && err == nil {
		err = d.Remove(d.clear[0])
		d.clear = d.clear[1:]
	}
	return entries, err
}

// TestPushedWhileCleared imports objects of which git clears away a file after each look at the directory: all that it
// has packed before must be imported from the pack.
func TestPushedWhileCleared(t *testing.T) {
	root := storagetest.TempDir(t)
	backend, err := Open(osfs.New(root), &Options{Durability: storage.NoSync})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	s := backend.(*store)
	repo, pool := storage.ID([]byte(strings.Repeat("r", 20))), storage.ID([]byte(strings.Repeat("p", 20)))
	dir := repoDir(repo) + "/objects"
	var cleared []string
	for i := range 300 {
		name := filepath.ToSlash(filepath.Join(dir, writeLoose(t, filepath.Join(root, dir), fmt.Sprint(i))))
		cleared = append(cleared, name)
	}
	for i := range 40 { // packs that git has packed anew, whose indexes go first; the last one stays
		for _, suffix := range []string{".idx", ".pack"} {
			name := fmt.Sprintf("%s/pack/pack-%040x%s", dir, i, suffix)
			writeFile(t, filepath.Join(root, name), name)
			if i < 39 {
				cleared = append(cleared, name)
			}
		}
	}
	writeFile(t, filepath.Join(root, dir, "pack", fmt.Sprintf("pack-%040x.idx", 99)), "an index without its pack")
	slices.Sort(cleared)
	s.m.Disk = &clearingDisk{Disk: s.m.Disk, dir: dir, clear: cleared}
	if _, err := s.objects.importFrom(s.objects.dir(dir), pool); err != nil {
		t.Fatalf("importFrom() = %v", err)
	}
	for _, suffix := range []string{".idx", ".pack"} {
		name := fmt.Sprintf("%s/objects/pack/pack-%040x%s", poolDir(pool), 39, suffix)
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("the pack that stays was not imported: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, poolDir(pool), "objects", "pack",
		fmt.Sprintf("pack-%040x.idx", 99))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Stat() of an index without its pack = %v, want it left alone", err)
	}
}

// writeLoose writes a loose blob, and returns its name below dir.
func writeLoose(t *testing.T, dir, content string) string {
	t.Helper()
	o := storagetest.NewObject(storage.Blob, []byte(content))
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	fmt.Fprintf(z, "blob %d\x00%s", len(content), content)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	hex := o.Hash.String()
	name := filepath.Join(hex[:2], hex[2:])
	writeFile(t, filepath.Join(dir, name), b.String())
	return name
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
