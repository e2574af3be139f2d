package billyfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// filesOf says of each file in dir how long it is and when it was changed.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestReadOnly opens one store to read alone, twice at once: nothing is written, and nobody else can.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	dir := t.TempDir()
	reading := &billyfs.Options{ReadOnly: true}
	for _, dir := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := billyfs.Open(osfs.New(dir), reading); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("Open(%s) to read = %v, want %v", dir, err, storage.ErrNotFound)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open() to read has made a folder: %v", err)
	}
	b := openOn(t, osfs.New(dir), nil)
	if _, err := billyfs.Open(osfs.New(dir), reading); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("Open() to read beside a writer = %v, want %v", err, storage.ErrLocked)
	}
	repo, pool := storage.ID([]byte("00000000000000000001")), storage.ID([]byte("0000000000000000000p"))
	blob := storage.Object{Type: storage.Blob, Data: []byte("content"), Size: 7}
	blob.Hash = storage.Hash(plumbing.ComputeHash(plumbing.BlobObject, blob.Data))
	err := b.Update(ctx, func(tx storage.Tx) error {
		if err := tx.CreateRepo(repo, pool); err != nil {
			return err
		}
		if _, err := tx.PutObject(pool, blob); err != nil {
			return err
		}
		for i := range 300 { // so many that somebody would pack them
			name := fmt.Sprintf("refs/tags/t%03d", i)
			if err := tx.PutRef(repo, storage.Ref{Name: name, Hash: blob.Hash}, nil); err != nil {
				return err
			}
		}
		return tx.PutRecord([]byte("k"), []byte("v"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	before := filesOf(t, dir)
	var readers []storage.Backend
	for range 2 {
		b, err := billyfs.Open(osfs.New(dir), reading)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, b)
	}
	for _, b := range readers {
		refs := 0
		err := b.View(ctx, func(v storage.View) error {
			for _, err := range v.Refs(repo, "refs/", "") {
				if err != nil {
					return err
				}
				refs++
			}
			_, err := v.Record([]byte("k"))
			return err
		})
		o, objectErr := b.Object(ctx, pool, blob.Hash)
		if err != nil || objectErr != nil || refs != 300 || string(o.Data) != "content" {
			t.Errorf("%d refs, %v, object %q, %v", refs, err, o.Data, objectErr)
		}
		err = b.Update(ctx, func(storage.Tx) error { return nil })
		if _, stageErr := b.Stage(ctx, pool); !errors.Is(err, storage.ErrReadOnly) ||
			!errors.Is(stageErr, storage.ErrReadOnly) {
			t.Errorf("Update() = %v, Stage() = %v, want %v", err, stageErr, storage.ErrReadOnly)
		}
	}
	if _, err := billyfs.Open(osfs.New(dir), nil); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("Open() to write beside readers = %v, want %v", err, storage.ErrLocked)
	}
	for _, b := range readers {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(before, filesOf(t, dir)); d != "" {
		t.Errorf("reading has changed the folder (-before +after):\n%s", d)
	}
	b = openOn(t, osfs.New(dir), nil)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestReadOnlyUnclosed refuses to read a store alone that was not closed.
func TestReadOnlyUnclosed(t *testing.T) {
	t.Parallel()
	root := memfs.New()
	b := openOn(t, root, nil)
	if _, err := billyfs.Open(root, &billyfs.Options{ReadOnly: true}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("Open() to read beside a writer = %v, want %v", err, storage.ErrLocked)
	}
	if err := root.Remove("reposit/lock"); err != nil { // as a crash would
		t.Fatal(err)
	}
	if _, err := billyfs.Open(root, &billyfs.Options{ReadOnly: true}); !errors.Is(err, storage.ErrReadOnly) {
		t.Errorf("Open() to read what was not closed = %v, want %v", err, storage.ErrReadOnly)
	}
	_ = b.Close()
	r, err := billyfs.Open(root, &billyfs.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
