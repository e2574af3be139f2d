package billyfs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
	"github.com/reposit/reposit/storage/storagetest"
)

var damages = flag.Int("damages", 40, "how many times TestDamage damages each kind of file")

// TestDamage flips a bit, zeroes a page or cuts off the end of each kind of file, and reads everything: wrong content
// is never handed out, nothing panics, and records that are gone are not passed over.
func TestDamage(t *testing.T) {
	t.Parallel()
	pristine := storagetest.TempDir(t)
	pool, repo := id("p1"), id("r1")
	var objects []storage.Object
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 70 {
		data := make([]byte, rng.IntN(3000))
		for j := range data {
			data[j] = byte(rng.IntN(20))
		}
		o := storagetest.NewObject(storage.Blob, data)
		if i%3 == 1 && i < 60 {
			o = storagetest.NewDelta(objects[i-1], append(bytes.Clone(objects[i-1].Data), data[:min(len(data), 50)]...))
		}
		objects = append(objects, o)
	}
	b := openOn(t, osfs.New(pristine), noSync)
	put := func(objects []storage.Object) {
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			err := tx.CreateRepo(repo, pool)
			for i, o := range objects {
				_, putErr := tx.PutObject(pool, o)
				err = errors.Join(err, putErr, tx.PutRecord(fmt.Appendf(nil, "k%d", i), bytes.Repeat([]byte{byte(i)}, 100)))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(objects[:60])
	put(objects[60:])
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	damaged, reported := 0, 0
	for _, pattern := range []string{"pools/*/objects/??/*", "pools/*/objects/pack/*.pack", "pools/*/objects/pack/*.idx",
		"reposit/journal", "reposit/format"} {
		files, err := filepath.Glob(filepath.Join(pristine, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files are called %s: %v", pattern, err)
		}
		dir := storagetest.TempDir(t)
		if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
			t.Fatal(err)
		}
		for range *damages {
			file, _ := filepath.Rel(pristine, files[rng.IntN(len(files))])
			whole, err := os.ReadFile(filepath.Join(pristine, file))
			if err != nil {
				t.Fatal(err)
			}
			os.Chmod(filepath.Join(dir, file), 0o644)
			if err := os.WriteFile(filepath.Join(dir, file), damage(rng, whole), 0o644); err != nil {
				t.Fatal(err)
			}
			damaged++
			if readDamaged(t, dir, file, pool, objects) {
				reported++
			}
			if err := os.WriteFile(filepath.Join(dir, file), whole, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{"reposit/journal", "reposit/format"} {
				data, err := os.ReadFile(filepath.Join(pristine, file))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d files damaged, %d times reported, otherwise without effect", damaged, reported)
}

// damage returns a file with some damage.
func damage(rng *rand.Rand, whole []byte) []byte {
	data := bytes.Clone(whole)
	switch rng.IntN(10) {
	case 0:
		return data[:rng.IntN(len(data))]
	case 1:
		at := rng.IntN(len(data))
		clear(data[at:min(at+4096, len(data))])
	default:
		data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	}
	return data
}

// readDamaged reads everything, and reports whether it was told of the damage.
func readDamaged(t *testing.T, dir, file string, pool storage.ID, objects []storage.Object) (reported bool) {
	t.Helper()
	b, err := billyfs.Open(osfs.New(dir), noSync)
	if err != nil {
		if !errors.Is(err, storage.ErrCorrupt) && !errors.Is(err, storage.ErrFormat) {
			t.Errorf("%s damaged: Open() = %v", file, err)
		}
		return true
	}
	defer b.Close()
	for _, o := range objects {
		got, err := b.Object(t.Context(), pool, o.Hash)
		if err == nil && (!bytes.Equal(got.Data, o.Data) || got.Type != o.Type) {
			t.Errorf("%s damaged: Object() has wrong content", file)
		}
		if err != nil && !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s damaged: Object() = %v", file, err)
		}
		_, _, r, err2 := b.OpenObject(t.Context(), pool, o.Hash)
		if err2 == nil {
			var data []byte
			data, err2 = io.ReadAll(r)
			if err2 == nil && !bytes.Equal(data, o.Data) {
				t.Errorf("%s damaged: OpenObject() has wrong content", file)
			}
			r.Close()
		}
		if err2 != nil && !errors.Is(err2, storage.ErrCorrupt) {
			t.Errorf("%s damaged: OpenObject() = %v", file, err2)
		}
		reported = reported || err != nil || err2 != nil
		if _, _, err := b.StatObject(t.Context(), pool, o.Hash); err != nil && !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s damaged: StatObject() = %v", file, err)
		}
	}
	err = b.View(t.Context(), func(v storage.View) error {
		for i := range 60 {
			value, err := v.Record(fmt.Appendf(nil, "k%d", i))
			if err != nil || !bytes.Equal(value, bytes.Repeat([]byte{byte(i)}, 100)) {
				return fmt.Errorf("record %d = %v, %v", i, value, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("%s damaged: %v", file, err)
	}
	return reported
}

// TestDamagedObjectIsReplaced has files that a crash left empty or cut: they do not count as objects.
func TestDamagedObjectIsReplaced(t *testing.T) {
	dir := storagetest.TempDir(t)
	b := openOn(t, osfs.New(dir), nil)
	pool := id("p1")
	o := storagetest.NewObject(storage.Blob, bytes.Repeat([]byte("content "), 100))
	put := func() (added bool) {
		err := b.Update(t.Context(), func(tx storage.Tx) (err error) {
			added, err = tx.PutObject(pool, o)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	put()
	h := o.Hash.String()
	file := filepath.Join(dir, "pools", pool.String()+".git", "objects", h[:2], h[2:])
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		os.Chmod(file, 0o644)
		if err := os.WriteFile(file, whole[:size], 0o644); err != nil {
			t.Fatal(err)
		}
		b = openOn(t, osfs.New(dir), nil)
		if _, err := b.Object(t.Context(), pool, o.Hash); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("Object() of a file of %d bytes = %v, want %v", size, err, storage.ErrCorrupt)
		}
		if !put() {
			t.Errorf("PutObject() over a file of %d bytes = false, want true", size)
		}
		if got, err := b.Object(t.Context(), pool, o.Hash); err != nil || !bytes.Equal(got.Data, o.Data) {
			t.Errorf("Object() after putting it again = %v", err)
		}
	}
}

// TestUnsyncableFilesystem asks for what the filesystem has not.
func TestUnsyncableFilesystem(t *testing.T) {
	if _, err := billyfs.Open(memfs.New(), &billyfs.Options{Durability: storage.Sync}); err == nil {
		t.Error("Open() with Sync on memfs = nil, want an error")
	}
	for want, b := range map[storage.Durability]storage.Backend{
		storage.Volatile: openOn(t, memfs.New(), nil),
		storage.NoSync:   openOn(t, osfs.New(storagetest.TempDir(t)), noSync),
		storage.Sync:     openOn(t, osfs.New(storagetest.TempDir(t)), nil),
	} {
		if got := b.Durability(); got != want {
			t.Errorf("Durability() = %v, want %v", got, want)
		}
	}
}

// TestSymlinksLeadNowhere has a link in the store that leads out of it.
func TestSymlinksLeadNowhere(t *testing.T) {
	dir, outside := storagetest.TempDir(t), storagetest.TempDir(t)
	b := openOn(t, osfs.New(dir), noSync)
	repo, pool := id("r1"), id("p1")
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) }); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "repos", repo.String()+".git", "refs", "tags")); err != nil {
		t.Skip("needs symbolic links")
	}
	err := b.Update(t.Context(), func(tx storage.Tx) error {
		return tx.PutRef(repo, storage.Ref{Name: "refs/tags/v1", Hash: storage.Hash{1}}, nil)
	})
	if err == nil {
		t.Error("Update() through a link that leads out = nil, want an error")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside of the store there are %v, %v", entries, err)
	}
}

// TestNamesLeadNowhere puts refs whose names are paths to other files.
func TestNamesLeadNowhere(t *testing.T) {
	b := openOn(t, memfs.New(), nil)
	repo, pool := id("r1"), id("p1")
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "config", "refs/../config", "/refs/heads/a", "refs//a", "refs/heads/a.lock",
		"refs/heads/.a",
		"refs/heads/a/", "refs/heads/a\x00b", "refs/heads/a\\b", "../" + repo.String(), "refs/heads/a.lock/b"} {
		err := b.Update(t.Context(), func(tx storage.Tx) error {
			return tx.PutRef(repo, storage.Ref{Name: name, Hash: storage.Hash{1}}, nil)
		})
		if !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("PutRef(%q) = %v, want %v", name, err, fs.ErrInvalid)
		}
		err = b.View(t.Context(), func(v storage.View) error {
			_, err := v.Ref(repo, name)
			return err
		})
		if !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Ref(%q) = %v, want %v", name, err, storage.ErrNotFound)
		}
	}
	evil := storage.ID([]byte("../../../../../../xx"))
	if err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.CreateRepo(evil, pool) }); !errors.Is(err,
		fs.ErrInvalid) {
		t.Errorf("CreateRepo(%q) = %v, want %v", evil, err, fs.ErrInvalid)
	}
}

// TestManyWriters has goroutines append to one branch, each on the tip that it read, while others list and read.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() storage.Backend{
		"memfs": func() storage.Backend { return openOn(t, memfs.New(), nil) },
		"osfs":  func() storage.Backend { return openOn(t, osfs.New(storagetest.TempDir(t)), noSync) },
	} {
		t.Run(name, func(t *testing.T) {
			const writers, each = 32, 20
			b := open()
			repo, pool := id("r1"), id("p1")
			if err := b.Update(t.Context(), func(tx storage.Tx) error { return tx.CreateRepo(repo, pool) }); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						err := b.Update(t.Context(), func(tx storage.Tx) error {
							r, err := tx.Ref(repo, "refs/heads/main")
							if err != nil && !errors.Is(err, storage.ErrNotFound) {
								return err
							}
							objects, tip := commitOf(r.Hash, fmt.Sprint(w, " ", i))
							for _, o := range objects {
								if _, err := tx.PutObject(pool, o); err != nil {
									return err
								}
							}
							return errors.Join(tx.PutRef(repo, storage.Ref{Name: "refs/heads/main", Hash: tip}, logEntry(r.Hash, tip, "x")),
								tx.PutRef(repo, storage.Ref{Name: "refs/heads/twin", Hash: tip}, nil))
						})
						if err != nil {
							t.Errorf("Update() = %v", err)
						}
						err = b.View(t.Context(), func(v storage.View) error {
							one, err1 := v.Ref(repo, "refs/heads/main")
							two, err2 := v.Ref(repo, "refs/heads/twin")
							n := 0
							for r, err := range v.Refs(repo, "refs/", "") {
								if err != nil || r.Hash != one.Hash {
									return fmt.Errorf("Refs() has %v, %w, main is %v", r, err, one)
								}
								n++
							}
							if one.Hash != two.Hash || n != 2 {
								return fmt.Errorf("main = %v, twin = %v, of %d refs", one, two, n)
							}
							return errors.Join(err1, err2)
						})
						if err != nil {
							t.Errorf("View() = %v", err)
						}
					}
				})
			}
			wg.Wait()
			length := 0
			err := b.View(t.Context(), func(v storage.View) error {
				r, err := v.Ref(repo, "refs/heads/main")
				if err != nil {
					return err
				}
				for h := r.Hash; !h.IsZero(); length++ {
					o, err := b.Object(t.Context(), pool, h)
					if err != nil {
						return err
					}
					h = storage.Hash{}
					if _, parent, ok := strings.Cut(string(o.Data), "\nparent "); ok {
						if _, err := hex.Decode(h[:], []byte(parent[:40])); err != nil {
							return err
						}
					}
				}
				return nil
			})
			if err != nil || length != writers*each {
				t.Errorf("the history has %d commits, %v, want %d", length, err, writers*each)
			}
		})
	}
}
