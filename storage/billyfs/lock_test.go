package billyfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

func TestLockOfAnotherProgram(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	lock := filepath.Join(d.repo(repo), "refs/heads/main.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	objects, next := commitOf(tip, "two")
	put := func(tx storage.Tx) error {
		_, err := tx.PutObject(pool, objects[2])
		return errors.Join(err, tx.PutRecord([]byte("k"), []byte("v")),
			tx.PutRef(repo, storage.Ref{Name: "refs/heads/a", Hash: next}, nil),
			tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: next}, nil))
	}
	if err := d.Update(t.Context(), put); !errors.Is(err, storage.ErrBusy) {
		t.Fatalf("Update() = %v, want %v", err, storage.ErrBusy)
	}
	if got, want := strings.Join(d.refs(repo), " "), "HEAD refs/heads/main"; got != want {
		t.Errorf("Refs() after ErrBusy = %s, want %s", got, want)
	}
	if _, err := d.Object(t.Context(), pool, next); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("Object() after ErrBusy = %v, want %v", err, storage.ErrNotFound)
	}
	d.git(d.repo(repo), "update-ref", "refs/heads/a", tip.String()) // no lock of ours is left
	if _, err := os.Stat(lock); err != nil {
		t.Errorf("the other program's lock: %v", err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	if err := d.Update(t.Context(), put); err != nil {
		t.Errorf("Update() = %v, want nil", err)
	}
}

// TestLockAfterCrash opens a store that a crash left with locks in it: its own go, those of git stay, for the program
// that has them may be alive.
func TestLockAfterCrash(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	left := copyOf(t, d.dir)
	dir := filepath.Join(left, "repos", repo.String()+".git")
	write(t, filepath.Join(dir, "refs/heads/main.lock/ref.lock"), "rubbish")
	for _, name := range []string{"packed-refs.lock", "HEAD.lock", "refs/heads/a/b.lock"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "refs/heads/other.lock"), tip.String()+"\n")
	b := openOn(t, osfs.New(left), nil)
	put := func(names ...string) error {
		return b.Update(t.Context(), func(tx storage.Tx) (err error) {
			for _, name := range names {
				err = errors.Join(err, tx.PutRef(repo, storage.Ref{Name: name, Hash: tip}, nil))
			}
			return err
		})
	}
	if err := put("HEAD", "refs/heads/a/b", "refs/heads/main"); err != nil {
		t.Errorf("Update() of refs with a lock of our own = %v", err)
	}
	err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.DeleteRef(repo, "refs/heads/a/b", nil) })
	if err != nil {
		t.Errorf("Update() that deletes a ref = %v", err)
	}
	if err := put("refs/heads/other"); !errors.Is(err, storage.ErrBusy) ||
		!strings.Contains(err.Error(), "refs/heads/other.lock") {
		t.Errorf("Update() of a ref with another program's lock = %v, want %v with the file's name", err, storage.ErrBusy)
	}
}

// TestLockWait opens a store that is closed while Open waits for it.
func TestLockWait(t *testing.T) {
	dir := t.TempDir()
	first := openOn(t, osfs.New(dir), noSync)
	wait := func(d time.Duration) error {
		b, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync, LockWait: d})
		if err != nil {
			return err
		}
		return b.Close()
	}
	if err := wait(time.Millisecond); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("Open() of a store that stays open = %v, want %v", err, storage.ErrLocked)
	}
	done := make(chan error)
	go func() { done <- wait(time.Hour) }()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Open() of a store that is closed meanwhile = %v", err)
	}
}

// TestLostWithoutRestart opens a store after a crash that took all bytes which were not synced, while the machine
// stayed up: a disk that was pulled.
func TestLostWithoutRestart(t *testing.T) {
	t.Parallel()
	for kind, spoil := range map[string]func(data []byte) []byte{
		"empty": func([]byte) []byte { return nil },
		"zeros": func(data []byte) []byte { return make([]byte, len(data)) },
	} {
		d := newDisk(t, nil)
		repo, pool := id("r1"), id("p1")
		d.create(repo, pool)
		tip := d.add(repo, pool, "refs/heads/main", "one")
		other := d.add(repo, pool, "refs/heads/side", "two")
		left := copyOf(t, d.dir)
		err := filepath.WalkDir(left, func(name string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Base(filepath.Dir(name)) == "reposit" {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return errors.Join(os.Chmod(name, 0o644), os.WriteFile(name, spoil(data), 0o644))
		})
		if err != nil {
			t.Fatal(err)
		}
		b := openOn(t, osfs.New(left), nil)
		for name, want := range map[string]storage.Hash{"refs/heads/main": tip, "refs/heads/side": other} {
			err := b.View(t.Context(), func(v storage.View) error {
				if r, err := v.Ref(repo, name); err != nil || r.Hash != want {
					t.Errorf("%s: Ref(%s) = %v, %v, want %v", kind, name, r, err, want)
				}
				_, err := b.Object(t.Context(), pool, want)
				return err
			})
			if err != nil {
				t.Errorf("%s: Object() = %v", kind, err)
			}
		}
		out, err := d.tryGit(filepath.Join(left, "repos", repo.String()+".git"), "fsck", "--strict")
		if err != nil {
			t.Errorf("%s: git fsck = %v %s", kind, err, out)
		}
	}
}
