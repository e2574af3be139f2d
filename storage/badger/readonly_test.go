package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit/storage"
)

func init() { children["readonly"] = childReadOnly }

func childReadOnly(t *testing.T) {
	b, err := Open(os.Getenv("DIR"), &Options{ReadOnly: true})
	if err != nil {
		fmt.Println("result:", err)
		return
	}
	defer closeStore(t, b)
	fmt.Println("result:", record(t, b, "n"))
}

// TestReadOnly opens one store to read alone, in two processes at once: neither writes, and nobody else can.
func TestReadOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Badger can't on Windows")
	}
	for name, key := range map[string][]byte{"plain": nil, "encrypted": []byte("0123456789abcdef")} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			options := &Options{Durability: storage.NoSync, EncryptionKey: key}
			reading := &Options{ReadOnly: true, EncryptionKey: key}
			if _, err := Open(dir, reading); !errors.Is(err, storage.ErrNotFound) {
				t.Fatalf("Open() of an empty folder to read = %v, want %v", err, storage.ErrNotFound)
			}
			b := mustOpen(t, dir, options)
			if _, err := Open(dir, reading); !errors.Is(err, storage.ErrLocked) {
				t.Fatalf("Open() to read beside a writer = %v, want %v", err, storage.ErrLocked)
			}
			const steps = 30
			for i := 1; i <= steps; i++ {
				update(t, b, func(tx storage.Tx) error { return step(tx, i, 10_000) })
			}
			update(t, b, func(tx storage.Tx) error { return tx.DropRepo(testRepo) })
			closeStore(t, b)

			before := folderOf(t, dir)
			b = mustOpen(t, dir, reading)
			if got := record(t, b, "n"); got != fmt.Sprint(steps) {
				t.Errorf("record = %s, want %d", got, steps)
			}
			if o, err := b.Object(t.Context(), testPool, noise(steps, 10_000).Hash); err != nil || o.Size != 10_000 {
				t.Errorf("Object() = %d bytes, %v", o.Size, err)
			}
			if key == nil {
				out, err := childCommand(t, "readonly", dir).CombinedOutput()
				if err != nil || !strings.Contains(string(out), fmt.Sprint("result: ", steps, "\n")) {
					t.Errorf("another process reads %q, %v, want %d", out, err, steps)
				}
			}
			if _, err := Open(dir, options); !errors.Is(err, storage.ErrLocked) {
				t.Errorf("Open() to write beside a reader = %v, want %v", err, storage.ErrLocked)
			}
			err := b.Update(t.Context(), func(storage.Tx) error { return nil })
			if _, stageErr := b.Stage(t.Context(), testPool); !errors.Is(err, storage.ErrReadOnly) ||
				!errors.Is(stageErr, storage.ErrReadOnly) {
				t.Errorf("Update() = %v, Stage() = %v, want %v", err, stageErr, storage.ErrReadOnly)
			}
			closeStore(t, b)
			if diff := gocmp.Diff(before, folderOf(t, dir)); diff != "" {
				t.Errorf("reading has changed the folder (-before +after):\n%s", diff)
			}
		})
	}
}

// TestReadOnlyAfterKill refuses to read a store alone that was not closed, until it was opened once to write.
func TestReadOnlyAfterKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Badger can't on Windows")
	}
	dir := t.TempDir()
	killOnce(t, dir, storage.NoSync, 0, 3)
	before := folderOf(t, dir)
	if _, err := Open(dir, &Options{ReadOnly: true}); !errors.Is(err, storage.ErrReadOnly) {
		t.Fatalf("Open() to read what was not closed = %v, want %v", err, storage.ErrReadOnly)
	}
	if diff := gocmp.Diff(before, folderOf(t, dir)); diff != "" {
		t.Errorf("what was refused has changed the folder (-before +after):\n%s", diff)
	}
	closeStore(t, mustOpen(t, dir, nil))
	closeStore(t, mustOpen(t, dir, &Options{ReadOnly: true}))
}

// folderOf says of each file in dir how long it is and when it was changed.
func folderOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			files[path] = fmt.Sprint(info.Size(), " ", info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
