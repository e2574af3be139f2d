package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/reposit/reposit"
)

// TestFS holds file systems against the rules of io/fs. Names that are not UTF-8 are left out: io/fs has no path for
// them (fs.ValidPath), so no file system with one could pass.
func TestFS(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 100_000)
	for name, c := range map[string]struct {
		changes []reposit.Change
		files   []string
	}{
		"empty":    {nil, nil},
		"one file": {[]reposit.Change{reposit.Put("a", nil)}, []string{"a"}},
		"deep": {[]reposit.Change{reposit.Put("a/b/c/d/e/f/g/h", []byte("x")), reposit.Put("a/b/x", []byte("y"))},
			[]string{"a/b/c/d/e/f/g/h", "a/b/x"}},
		"git's order is not the one of names": {[]reposit.Change{reposit.Put("a/x", nil), reposit.Put("a.b", nil),
			reposit.Put("a0", nil), reposit.Put("a-", nil)},
			[]string{"a/x", "a.b", "a0", "a-"}},
		"symlinks": {[]reposit.Change{reposit.Put("dir/file", []byte("x")), reposit.Symlink("to-file", "dir/file"),
			reposit.Symlink("to-dir", "dir"),
			reposit.Symlink("dir/up", "../to-file"), reposit.Symlink("dir/self", ".")},
			[]string{"dir/file", "to-file", "to-dir"}},
		"submodule": {[]reposit.Change{reposit.Submodule("vendor/lib", blobHash("x")), reposit.Put("a", nil)},
			[]string{"vendor/lib", "a"}},
		"modes": {[]reposit.Change{reposit.Put("run", []byte("x")).Mode(reposit.ModeExecutable),
			reposit.Put("text", nil)}, []string{"run", "text"}},
		"odd names": {[]reposit.Change{reposit.Put("two words/ü", nil), reposit.Put("quote\"d", nil),
			reposit.Put("colon:", nil), reposit.Put("...", nil), reposit.Put("-", nil)},
			[]string{"two words/ü", "quote\"d", "..."}},
		"large": {[]reposit.Change{reposit.PutReader("large", strings.NewReader(large)), reposit.Put("small", nil)},
			[]string{"large"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachKind(t, func(t *testing.T, open opener) {
				r := create(t, open(nil), "x", nil)
				if c.changes != nil {
					changes := c.changes
					if name == "large" {
						changes = []reposit.Change{reposit.PutReader("large", strings.NewReader(large)), reposit.Put("small", nil)}
					}
					commit(t, r, nil, changes...)
				}
				fsys, err := r.FS(t.Context(), "")
				if err != nil {
					t.Fatal(err)
				}
				if err := fstest.TestFS(fsys, c.files...); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestFSFollowsSymlinks(t *testing.T) {
	r := create(t, openMemory(t, nil), "x", nil)
	c := commit(t, r, nil, reposit.Put("dir/file", []byte("content")).Mode(reposit.ModeExecutable),
		reposit.Put("top", []byte("t")),
		reposit.Symlink("to-dir", "dir"), reposit.Symlink("dir/to-top", "../top"), reposit.Symlink("chain", "to-dir/to-top"),
		reposit.Symlink("loop", "loop2"),
		reposit.Symlink("loop2", "loop"), reposit.Symlink("out", "../top"), reposit.Symlink("far-out", "dir/../../x/top"),
		reposit.Symlink("root", "/top"),
		reposit.Symlink("dangling", "nothing"), reposit.Symlink("slashes", "dir//./file"),
		reposit.Symlink("through-file", "top/../top"),
		reposit.Submodule("module", blobHash("x")))
	fsys, err := r.FS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"dir/file": "content", "to-dir/file": "content", "dir/to-top": "t", "to-dir/to-top": "t", "chain": "t",
		"slashes": "content",
	} {
		if data, err := fs.ReadFile(fsys, name); err != nil || string(data) != want {
			t.Errorf("ReadFile(%q) = %q, %v, want %q", name, data, err, want)
		}
	}
	for _, name := range []string{"loop", "out", "far-out", "root", "dangling", "through-file", "loop/x", "module/x",
		"nothing"} {
		if _, err := fsys.Open(name); err == nil {
			t.Errorf("Open(%q) = nil, want an error", name)
		}
		if _, err := fs.Stat(fsys, name); err == nil {
			t.Errorf("Stat(%q) = nil, want an error", name)
		}
	}
	for _, name := range []string{"dir", "to-dir", "module", "."} {
		if _, err := fs.ReadFile(fsys, name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("ReadFile(%q) = %v, want %v", name, err, fs.ErrInvalid)
		}
	}
	info, err := fs.Lstat(fsys, "to-dir")
	if err != nil || info.Mode() != fs.ModeSymlink|0o777 || info.Size() != 3 || !info.ModTime().Equal(c.Committer.When) {
		t.Errorf("Lstat() = %v, %v", info, err)
	}
	if target, err := fs.ReadLink(fsys, "to-dir"); err != nil || target != "dir" {
		t.Errorf("ReadLink() = %q, %v", target, err)
	}
	if _, err := fs.ReadLink(fsys, "top"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("ReadLink() of a file = %v, want %v", err, fs.ErrInvalid)
	}
	if info, err := fs.Stat(fsys, "to-dir/file"); err != nil || info.Mode() != 0o755 || info.Name() != "file" {
		t.Errorf("Stat() = %v, %v", info, err)
	}
}

// TestFSHolds reads a file system while its branch goes on, and after its context has ended.
func TestFSHolds(t *testing.T) {
	eachBackend(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		write(t, r, "a", "1")
		write(t, r, "d/b", "1")
		ctx, cancel := context.WithCancel(t.Context())
		fsys, err := r.FS(ctx, "main")
		if err != nil {
			t.Fatal(err)
		}
		commit(t, r, nil, reposit.Put("a", []byte("2")), reposit.Delete("d"))
		if err := r.Branches().Rename(t.Context(), "main", "trunk"); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		err = fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(fsys, path)
			got[path] = string(data)
			return err
		})
		if diff := cmp.Diff(map[string]string{"a": "1", "d/b": "1"}, got); diff != "" || err != nil {
			t.Errorf("WalkDir() = %v, -want +got:\n%s", err, diff)
		}
		data, err := fs.ReadFile(fsys, "a")
		if err != nil {
			t.Fatal(err)
		}
		data[0] = 'x' // the caller's copy
		if again, err := fs.ReadFile(fsys, "a"); err != nil || string(again) != "1" {
			t.Errorf("ReadFile() = %q, %v after the caller changed its copy", again, err)
		}
		cancel()
		if _, err := fsys.Open("a"); !errors.Is(err, context.Canceled) {
			t.Errorf("Open() after the context ended = %v, want %v", err, context.Canceled)
		}
	})
}

// TestOpen reads files of all sizes around those at which they are kept in another way.
func TestOpen(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		r := create(t, open(nil), "x", nil)
		for _, n := range []int{0, 1, 255, 256, 4095, 4096, 65535, 65536, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
			content := bytes.Repeat([]byte("0123456789abcde\n"), n/16+1)[:n]
			for name, change := range map[string]reposit.Change{"put": reposit.Put("put", content),
				"reader": reposit.PutReader("reader", bytes.NewReader(content))} {
				c := commit(t, r, &reposit.CommitOptions{AllowEmpty: true}, change)
				f, err := r.Open(t.Context(), c.Hash.String(), name)
				if err != nil {
					t.Fatal(err)
				}
				if n <= 4096 {
					err = iotest.TestReader(f, content)
				} else if data, readErr := io.ReadAll(f); readErr != nil || !bytes.Equal(data, content) {
					err = errors.Join(readErr, errors.New("other bytes"))
				}
				if err != nil {
					t.Errorf("Open() of %d bytes from %s: %v", n, name, err)
				}
				f.Close()
				if data, err := r.Read(t.Context(), "", name); err != nil || !bytes.Equal(data, content) {
					t.Errorf("Read() of %d bytes from %s = %d bytes, %v", n, name, len(data), err)
				}
				if e, err := r.Stat(t.Context(), "", name); err != nil || e.Size != int64(n) {
					t.Errorf("Stat() of %d bytes from %s = %+v, %v", n, name, e, err)
				}
			}
		}
		// What was read belongs to the caller.
		commit(t, r, nil, reposit.Put("mine", []byte("mine")))
		data, err := r.Read(t.Context(), "", "mine")
		if err != nil {
			t.Fatal(err)
		}
		copy(data, "your")
		if again, err := r.Read(t.Context(), "", "mine"); err != nil || string(again) != "mine" {
			t.Errorf("Read() = %q, %v after the caller changed its copy", again, err)
		}
		given := []byte("given")
		c := commit(t, r, nil, reposit.Put("given", given))
		copy(given, "taken")
		if data, err := r.Read(t.Context(), c.Hash.String(), "given"); err != nil || string(data) != "given" {
			t.Errorf("Read() = %q, %v after the caller changed what it gave", data, err)
		}
	})
}
