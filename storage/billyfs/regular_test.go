//go:build !windows

package billyfs_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// TestIrregularFiles has named pipes, links to devices and files without end where there were files of a repository:
// what needs them returns ErrCorrupt, and none waits for a writer, or reads on for ever.
func TestIrregularFiles(t *testing.T) {
	d := newDisk(t, nil)
	repo, pool := id("r1"), id("p1")
	d.create(repo, pool)
	tip := d.add(repo, pool, "refs/heads/main", "one")
	packed := d.add(repo, pool, "refs/heads/packed", "two")
	d.git(d.repo(repo), "-c", "extensions.preciousObjects=false", "pack-refs", "--all")
	d.add(repo, pool, "refs/heads/loose", "three")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	dir, hash := filepath.Join("repos", repo.String()+".git"), tip.String()
	object := filepath.Join("pools", pool.String()+".git", "objects", hash[:2], hash[2:])
	for kind, make := range map[string]func(name string) error{
		"pipe":    func(name string) error { return syscall.Mkfifo(name, 0o644) },
		"endless": func(name string) error { return endless(name) },
	} {
		for _, name := range []string{"HEAD", "refs/heads/loose", "packed-refs", "refs", "config", "objects/info/alternates",
			object} {
			left := copyOf(t, d.dir)
			file := filepath.Join(left, dir, name)
			if name == object {
				file = filepath.Join(left, object)
			}
			if err := errors.Join(os.RemoveAll(file), make(file)); err != nil {
				t.Fatal(err)
			}
			b := openOn(t, osfs.New(left), nil)
			reported := false
			look := func(what string, err error) {
				reported = reported || err != nil
				if err != nil && !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrNotFound) {
					t.Errorf("%s instead of %s: %s = %v", kind, name, what, err)
				}
			}
			err := b.View(t.Context(), func(v storage.View) error {
				for _, ref := range []string{"HEAD", "refs/heads/loose", "refs/heads/packed"} {
					r, err := v.Ref(repo, ref)
					look("Ref("+ref+")", err)
					if err == nil && ref == "refs/heads/packed" && r.Hash != packed {
						t.Errorf("%s instead of %s: Ref(%s) = %v", kind, name, ref, r)
					}
				}
				for _, err := range v.Refs(repo, "", "") {
					look("Refs()", err)
				}
				return nil
			})
			look("View()", err)
			_, err = b.Object(t.Context(), pool, tip)
			look("Object()", err)
			_, _, err = b.StatObject(t.Context(), pool, tip)
			look("StatObject()", err)
			if _, _, r, err := b.OpenObject(t.Context(), pool, tip); err == nil {
				r.Close()
			} else {
				look("OpenObject()", err)
			}
			if needed := name != "config" && name != "objects/info/alternates"; reported != needed {
				t.Errorf("%s instead of %s is reported: %t", kind, name, reported)
			}
			b.Close()
		}
	}
	for _, name := range []string{"reposit/journal", "reposit/format"} {
		left := copyOf(t, d.dir)
		file := filepath.Join(left, name)
		if err := errors.Join(os.Remove(file), syscall.Mkfifo(file, 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := billyfs.Open(osfs.New(left), nil); !errors.Is(err, storage.ErrCorrupt) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("Open() with a pipe instead of %s = %v, want %v with its name", name, err, storage.ErrCorrupt)
		}
	}
}

// endless makes a file of which nobody has the memory to read all.
func endless(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(1<<42), f.Close())
}

// TestHeadIsSymlink has HEAD be what git made of it long ago.
func TestHeadIsSymlink(t *testing.T) {
	for _, target := range []string{"refs/heads/main", "refs/heads/unborn"} {
		d := newDisk(t, nil)
		repo, pool := id("r1"), id("p1")
		d.create(repo, pool)
		d.add(repo, pool, "refs/heads/main", "one")
		head := filepath.Join(d.repo(repo), "HEAD")
		if err := errors.Join(os.Remove(head), os.Symlink(target, head)); err != nil {
			t.Fatal(err)
		}
		want := d.git(d.repo(repo), "symbolic-ref", "HEAD")
		check := func() {
			t.Helper()
			err := d.View(context.Background(), func(v storage.View) error {
				r, err := v.Ref(repo, "HEAD")
				if err != nil || r.Target != want || want != target {
					t.Errorf("Ref(HEAD) = %v, %v, git has %s", r, err, want)
				}
				for r, err := range v.Refs(repo, "HEAD", "") {
					if err != nil || r.Target != want {
						t.Errorf("Refs(HEAD) has %v, %v, git has %s", r, err, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		check()
		want, target = "refs/heads/other", "refs/heads/other"
		err := d.Update(t.Context(), func(tx storage.Tx) error {
			return tx.PutRef(repo, storage.Ref{Name: "HEAD", Target: want}, nil)
		})
		if got := d.git(d.repo(repo), "symbolic-ref", "HEAD"); err != nil || got != want {
			t.Errorf("after an Update that sets it to %s, %v, git symbolic-ref HEAD = %s", want, err, got)
		}
		check()
	}
}
