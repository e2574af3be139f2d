package reposit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/util"
	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/internal/check/fixture"
	"github.com/reposit/reposit/storage"
)

// readFile reads a file through billy.
func readFile(fs billy.Basic, name string) string {
	data, err := util.ReadFile(fs, name)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// status returns the status of a worktree, a line each.
func status(t testing.TB, w *reposit.Worktree) (lines []string) {
	t.Helper()
	for _, f := range must(w.Status(t.Context()))(t) {
		lines = append(lines, fmt.Sprintf("%v %s", f.Status, f.Path))
	}
	return lines
}

// TestWorktree takes one through its life.
func TestWorktree(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "x", nil)
		commit(t, r, nil, reposit.Put("a", []byte("a\n")), reposit.Put("dir/b", []byte("b\n")), reposit.Put("dir/c", nil),
			reposit.Symlink("link", "dir"), reposit.Submodule("module", reposit.Hash{1}))
		w := must(r.Worktree(ctx, "main"))(t)
		if got := readFile(w, "link/b"); got != "b\n" {
			t.Errorf("link/b = %q", got)
		}
		if got := status(t, w); len(got) > 0 {
			t.Errorf("Status() of a new one = %q", got)
		}
		if _, err := w.Commit(ctx, nil); !errors.Is(err, reposit.ErrNoChange) {
			t.Errorf("Commit() of nothing = %v", err)
		}
		for _, err := range []error{
			writeFile(w, "dir/b", "b\nmore\n"), writeFile(w, "new/file", "new\n"), w.Remove("a"), w.Chmod("dir/c", 0o755),
			w.Remove("link"), w.Symlink("dir/b", "link"), w.Rename("dir/c", "moved"), w.MkdirAll("none/of/it", 0o777),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		want := []string{"deleted a", "modified dir/b", "deleted dir/c", "modified link", "added moved", "added new/file"}
		if got := status(t, w); !slices.Equal(got, want) {
			t.Errorf("Status() = %q, want %q", got, want)
		}
		d := must(w.Diff(ctx, &reposit.DiffOptions{Renames: reposit.RenamesOn}))(t)
		if d.Additions != 3 || d.Deletions != 2 {
			t.Errorf("Diff() = %+v", d)
		}
		if _, err := r.Read(ctx, "", "new/file"); !errors.Is(err, reposit.ErrNotFound) {
			t.Errorf("what was written shows before Commit: %v", err)
		}
		c := must(w.Commit(ctx, &reposit.CommitOptions{Message: "m"}))(t)
		if tip := must(r.Resolve(ctx, "main"))(t); tip != c.Hash || len(c.Parents) != 1 {
			t.Errorf("Commit() = %+v, but main is %s", c, tip)
		}
		if got := must(r.Diff(ctx, "main~", "main", &reposit.DiffOptions{Renames: reposit.RenamesOn}))(t); got.Additions !=
			d.Additions || len(got.Files) != len(d.Files) || got.Files[1].Patch != d.Files[1].Patch {
			t.Errorf("Diff() of the commit = %+v, of the worktree %+v", got, d)
		}
		if got := status(t, w); len(got) > 0 {
			t.Errorf("Status() after Commit = %q", got)
		}
		if info, err := w.Stat("none/of/it"); err != nil || !info.IsDir() {
			t.Errorf("a directory without files after Commit = %v, %v", info, err)
		}
		if e := must(r.Stat(ctx, "", "moved"))(t); e.Mode != reposit.ModeExecutable {
			t.Errorf("moved has mode %v", e.Mode)
		}
		write(t, r, "elsewhere", "by somebody")
		if err := writeFile(w, "dropped", "x"); err != nil {
			t.Fatal(err)
		}
		if err := w.Reset(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Stat("dropped"); !os.IsNotExist(err) || readFile(w, "elsewhere") != "by somebody" {
			t.Errorf("after Reset, dropped: %v, elsewhere: %q", err, readFile(w, "elsewhere"))
		}
		checkStore(t, s)
	})
}

// TestWorktreeUnborn writes the first commit.
func TestWorktreeUnborn(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "x", nil)
	w := must(r.Worktree(ctx, ""))(t)
	if err := writeFile(w, "f", "first"); err != nil {
		t.Fatal(err)
	}
	other := must(r.Worktree(ctx, "main"))(t)
	if err := writeFile(other, "g", "first, too"); err != nil {
		t.Fatal(err)
	}
	must(w.Commit(ctx, &reposit.CommitOptions{Message: "m"}))(t)
	c := must(other.Commit(ctx, nil))(t) // merged with the first
	if len(c.Parents) != 1 || readFile(other, "f") != "first" || string(must(r.Read(ctx, "", "g"))(t)) != "first, too" {
		t.Errorf("Commit() = %+v", c)
	}
	for _, branch := range []string{"none", "a..b"} {
		if _, err := r.Worktree(ctx, branch); err == nil {
			t.Errorf("Worktree(%q) = no error", branch)
		}
	}
}

// TestWorktreeMerges commits what others change, too.
func TestWorktreeMerges(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		s, ctx := open(nil), t.Context()
		r := create(t, s, "x", nil)
		lines := "1\n2\n3\n4\n5\n6\n7\n8\n"
		commit(t, r, nil, reposit.Put("f", []byte(lines)), reposit.Put("dir/g", []byte("content of some length\n")))
		w := must(r.Worktree(ctx, ""))(t)
		err := errors.Join(writeFile(w, "f", strings.Replace(lines, "1", "one", 1)), writeFile(w, "new", "n"))
		if err != nil {
			t.Fatal(err)
		}
		held := must(w.OpenFile("dir/g", os.O_RDWR|os.O_APPEND, 0))(t)
		must(held.Write([]byte("more\n")))(t)
		commit(t, r, nil, reposit.Put("f", []byte(strings.Replace(lines, "8", "eight", 1))), reposit.Move("dir", "directory"))
		theirs := must(r.Resolve(ctx, "main"))(t)
		c := must(w.Commit(ctx, &reposit.CommitOptions{Message: "m"}))(t)
		if len(c.Parents) != 1 || c.Parents[0] != theirs {
			t.Errorf("Commit() has parents %v, want %s", c.Parents, theirs)
		}
		if got, want := readFile(w, "f"), "one\n2\n3\n4\n5\n6\n7\neight\n"; got != want {
			t.Errorf("f = %q, want %q", got, want)
		}
		if got := readFile(w, "directory/g"); got != "content of some length\nmore\n" { // it follows the move
			t.Errorf("directory/g = %q", got)
		}
		if _, err := held.Write([]byte("lost")); err != nil { // of a file that is none any more
			t.Error(err)
		}
		if got := status(t, w); len(got) > 0 {
			t.Errorf("Status() = %q", got)
		}

		// Both change the same.
		if err := errors.Join(held.Close(), writeFile(w, "f", "mine\n"), writeFile(w, "other", "o")); err != nil {
			t.Fatal(err)
		}
		write(t, r, "f", "theirs\n")
		before := status(t, w)
		_, err = w.Commit(ctx, &reposit.CommitOptions{Message: "m"})
		var conflict *reposit.MergeConflictError
		if !errors.As(err, &conflict) || len(conflict.Conflicts) != 1 || conflict.Conflicts[0].Path != "f" {
			t.Fatalf("Commit() = %v", err)
		}
		merged := string(conflict.Conflicts[0].Merged)
		if !strings.Contains(merged, "<<<<<<< main\ntheirs\n") || !strings.Contains(merged, "mine\n>>>>>>> worktree\n") {
			t.Errorf("merged = %q", merged)
		}
		if after := status(t, w); !slices.Equal(before, after) || readFile(w, "f") != "mine\n" {
			t.Errorf("after a conflict: %q, before %q", after, before)
		}
		tip := must(r.Resolve(ctx, "main"))(t)
		if err := writeFile(w, "f", "theirs\n"); err != nil { // what they have is no conflict
			t.Fatal(err)
		}
		old := c.Hash
		if _, err := w.Commit(ctx, &reposit.CommitOptions{Expect: &old}); !errors.Is(err, reposit.ErrConflict) ||
			errors.As(err, &conflict) {
			t.Errorf("Commit() that expects what was = %v", err)
		}
		if c = must(w.Commit(ctx, &reposit.CommitOptions{Expect: &tip}))(t); c.Parents[0] != tip {
			t.Errorf("Commit() has parents %v, want %s", c.Parents, tip)
		}
		for _, o := range []reposit.CommitOptions{{Branch: "x"}, {From: "main"}} {
			if _, err := w.Commit(ctx, &o); !errors.Is(err, reposit.ErrInvalid) {
				t.Errorf("Commit(%+v) = %v", o, err)
			}
		}
		checkStore(t, s)
	})
}

// TestWorktreeLarge writes what does not stay in memory.
func TestWorktreeLarge(t *testing.T) {
	eachKind(t, func(t *testing.T, open opener) {
		s, ctx := open(&reposit.Options{Limits: reposit.Limits{BlobSize: 8 << 20}}), t.Context()
		r := create(t, s, "x", nil)
		rnd := rand.New(rand.NewPCG(1, 2))
		want := make([]byte, 3<<20+12345)
		for i := range want {
			want[i] = byte(rnd.Uint32())
		}
		commit(t, r, nil, reposit.PutReader("large", bytes.NewReader(want)))
		w := must(r.Worktree(ctx, ""))(t)
		f := must(w.OpenFile("large", os.O_RDWR, 0))(t)
		model := bytes.Clone(want)
		for range 60 {
			at, n := rnd.IntN(len(model)+300_000), rnd.IntN(100_000)
			switch rnd.IntN(6) {
			case 0:
				n = min(n, max(0, len(model)-at))
				got := make([]byte, n)
				if _, err := f.ReadAt(got, int64(at)); err != nil && n > 0 || n > 0 && !bytes.Equal(got, model[at:at+n]) {
					t.Fatalf("ReadAt(%d, %d) = %v", n, at, err)
				}
			case 1:
				size := rnd.IntN(4 << 20)
				if err := f.Truncate(int64(size)); err != nil {
					t.Fatal(err)
				}
				model = append(model[:min(size, len(model))], make([]byte, max(0, size-len(model)))...)
			default:
				part := make([]byte, n)
				for i := range part {
					part[i] = byte(rnd.Uint32())
				}
				if _, err := f.Seek(int64(at), io.SeekStart); err != nil {
					t.Fatal(err)
				}
				if _, err := f.Write(part); err != nil {
					t.Fatal(err)
				}
				if at+n > len(model) && n > 0 {
					model = append(model, make([]byte, at+n-len(model))...)
				}
				copy(model[min(at, len(model)):], part)
			}
		}
		if got := readFile(w, "large"); got != string(model) {
			t.Fatalf("the file has %d bytes, want %d, or others", len(got), len(model))
		}
		if _, err := f.Seek(8<<20, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); !errors.Is(err, reposit.ErrTooLarge) {
			t.Errorf("Write() beyond BlobSize = %v", err)
		}
		if err := writeFile(w, "copy", string(model)); err != nil {
			t.Fatal(err)
		}
		c := must(w.Commit(ctx, &reposit.CommitOptions{Message: "m"}))(t)
		if got := must(r.Read(ctx, c.Hash.String(), "large"))(t); !bytes.Equal(got, model) {
			t.Error("what was committed is another")
		}
		if _, err := f.(io.WriterAt).WriteAt([]byte("after"), 2); err != nil {
			t.Fatal(err)
		}
		copy(model[2:], "after")
		if got := status(t, w); !slices.Equal(got, []string{"modified large"}) || readFile(w, "large") != string(model) {
			t.Errorf("after a write to a file that stayed open, Status() = %q", got)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		must(w.Commit(ctx, nil))(t)
		checkStore(t, s)
	})
}

// TestWorktreeQuota counts what is staged.
func TestWorktreeQuota(t *testing.T) {
	s, ctx := openMemory(t, &reposit.Options{Limits: reposit.Limits{RepoSize: 4 << 20}}), t.Context()
	r := create(t, s, "x", nil)
	w := must(r.Worktree(ctx, ""))(t)
	f := must(w.Create("f"))(t)
	var err error
	n := 0
	for part := make([]byte, 100_000); err == nil && n < 1000; n++ {
		part[0], part[1] = byte(n), byte(n>>8)
		_, err = f.Write(part)
	}
	if !errors.Is(err, reposit.ErrTooLarge) || n > 80 {
		t.Errorf("Write() of %d times 100 kB where there is room for 4 MiB = %v", n, err)
	}
}

// TestWorktreeAccess opens worktrees as whoever, and takes the right to write away.
func TestWorktreeAccess(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	putUsers(t, s, "bob", "carl")
	r := create(t, s, "x", &reposit.CreateOptions{Owner: "ann", Private: true})
	write(t, r, "f", "content")
	for login, p := range map[string]reposit.Permission{"bob": reposit.Write, "carl": reposit.Read} {
		if err := r.Collaborators().Add(ctx, login, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.repoAs(t, r, "carl").Worktree(ctx, ""); !errors.Is(err, reposit.ErrForbidden) {
		t.Errorf("Worktree() as one who may read = %v", err)
	}
	w := must(s.repoAs(t, r, "bob").Worktree(ctx, ""))(t)
	f := must(w.OpenFile("f", os.O_RDWR, 0))(t)
	if err := writeFile(w, "g", "x"); err != nil {
		t.Fatal(err)
	}
	view := w.FS()
	calls := map[string]func() error{
		"Open":          func() error { return errorOf(w.Open("f")) },
		"Create":        func() error { return errorOf(w.Create("h")) },
		"Stat":          func() error { return errorOf(w.Stat("f")) },
		"ReadDir":       func() error { return errorOf(w.ReadDir("")) },
		"MkdirAll":      func() error { return w.MkdirAll("d", 0o777) },
		"Rename":        func() error { return w.Rename("f", "k") },
		"Remove":        func() error { return w.Remove("f") },
		"Symlink":       func() error { return w.Symlink("f", "l") },
		"Readlink":      func() error { return errorOf(w.Readlink("f")) },
		"Chmod":         func() error { return w.Chmod("f", 0o755) },
		"Chtimes":       func() error { return w.Chtimes("f", time.Now(), time.Now()) },
		"File.Read":     func() error { return errorOf(f.Read(make([]byte, 1))) },
		"File.Write":    func() error { return errorOf(f.Write(make([]byte, 1))) },
		"File.Truncate": func() error { return f.Truncate(1) },
		"FS.Open":       func() error { return errorOf(view.Open("f")) },
		"FS.ReadFile":   func() error { return errorOf(fs.ReadFile(view, "f")) },
		"FS.ReadDir":    func() error { return errorOf(fs.ReadDir(view, ".")) },
		"Status":        func() error { return errorOf(w.Status(ctx)) },
		"Diff":          func() error { return errorOf(w.Diff(ctx, nil)) },
		"Commit":        func() error { return errorOf(w.Commit(ctx, nil)) },
		"Reset":         func() error { return w.Reset(ctx) },
	}
	refused := func(when string, want error) {
		t.Helper()
		for name, call := range calls {
			if err := call(); !errors.Is(err, want) {
				t.Errorf("%s %s = %v, want %v", name, when, err, want)
			}
		}
	}
	if err := r.Collaborators().Add(ctx, "bob", reposit.Read); err != nil {
		t.Fatal(err)
	}
	refused("as one who may only read now", reposit.ErrForbidden)
	if err := r.Collaborators().Remove(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	refused("as one who may not read any more", reposit.ErrNotFound)
	if err := r.Collaborators().Add(ctx, "bob", reposit.Write); err != nil {
		t.Fatal(err)
	}
	must(w.Commit(ctx, nil))(t)
	if got := string(must(r.Read(ctx, "", "g"))(t)); got != "x" {
		t.Errorf("g = %q", got)
	}
	remove(t, r)
	refused("of a deleted repository", reposit.ErrNotFound)
}

// TestWorktreeEnds ends a worktree with its context, and with the store.
func TestWorktreeEnds(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	write(t, r, "f", "content")
	ctx, cancel := context.WithCancel(t.Context())
	w, other := must(r.Worktree(ctx, ""))(t), must(r.Worktree(t.Context(), ""))(t)
	cancel()
	if _, err := w.Open("f"); !errors.Is(err, context.Canceled) {
		t.Errorf("Open() = %v", err)
	}
	f := must(other.Open("f"))(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, reposit.ErrClosed) {
		t.Errorf("Read() = %v", err)
	}
	if _, err := other.Stat("f"); !errors.Is(err, reposit.ErrClosed) {
		t.Errorf("Stat() = %v", err)
	}
}

// TestWorktreeReads counts what is read: of 10,000 files, those that are touched.
func TestWorktreeReads(t *testing.T) {
	ctx := t.Context()
	b := rawBackend(t, "memory")
	s := openStore(t, kept{b}, "", nil)
	r := create(t, s, "x", nil)
	changes := make([]reposit.Change, 10_000)
	for i := range changes {
		changes[i] = reposit.Put(fmt.Sprintf("d%d/e%d/f%d", i%10, i/10%10, i), fmt.Appendf(nil, "%d", i))
	}
	commit(t, r, nil, changes...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	counted := &countedReads{Backend: b}
	s = openStore(t, counted, "", &reposit.Options{Upkeep: reposit.Upkeep{Off: true}})
	r = must(s.Repo(ctx, "x"))(t)
	reads := func(what string, most int, do func() error) {
		t.Helper()
		before := counted.n()
		if err := do(); err != nil {
			t.Fatalf("%s = %v", what, err)
		}
		if n := counted.n() - before; n > most {
			t.Errorf("%s reads %d objects, want at most %d", what, n, most)
		}
	}
	var w *reposit.Worktree
	reads("to open it", 1, func() (err error) { w, err = r.Worktree(ctx, ""); return err })
	reads("a first file", 5, func() error { readFile(w, "d3/e4/f43"); return nil })
	reads("one beside it", 2, func() error { readFile(w, "d3/e4/f143"); return nil })
	reads("a directory", 2, func() error { return errorOf(w.ReadDir("d5/e1")) })
	reads("a new file", 0, func() error { return writeFile(w, "d3/e4/new", "new") })
	reads("a file that is written anew", 0, func() error { return writeFile(w, "d3/e4/f443", "other") })
	reads("a directory that moves", 0, func() error { return w.Rename("d7", "d5/moved") })
	reads("the status of that, without the moved", 15, func() error {
		return errors.Join(w.Rename("d5/moved", "d7"), errorOf(w.Status(ctx)))
	})
	reads("a commit", 6, func() error { return errorOf(w.Commit(ctx, nil)) })
}

// countedReads counts the objects that are read.
type countedReads struct {
	storage.Backend
	mu    sync.Mutex
	count int
}

func (c *countedReads) n() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *countedReads) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
}

func (c *countedReads) Object(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Object, error) {
	c.add()
	return c.Backend.Object(ctx, pool, h)
}

func (c *countedReads) StatObject(ctx context.Context, pool storage.ID, h storage.Hash) (storage.Type, int64, error) {
	c.add()
	return c.Backend.StatObject(ctx, pool, h)
}

func (c *countedReads) OpenObject(ctx context.Context, pool storage.ID,
	h storage.Hash) (storage.Type, int64, io.ReadCloser, error) {
	c.add()
	return c.Backend.OpenObject(ctx, pool, h)
}

// TestWorktreeGoGit has go-git's own worktree run on one.
func TestWorktreeGoGit(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "x", nil)
	commit(t, r, nil, reposit.Put("a", []byte("a\n")), reposit.Put("dir/b", []byte("b\n")),
		reposit.Put("run", []byte("#!")).Mode(reposit.ModeExecutable), reposit.Symlink("link", "a"))
	w := must(r.Worktree(ctx, ""))(t)
	repo := must(gogit.Open(must(r.Storer(ctx))(t), w))(t)
	tree := must(repo.Worktree())(t)
	if err := tree.Reset(&gogit.ResetOptions{Mode: gogit.MixedReset}); err != nil {
		t.Fatal(err)
	}
	if found := must(tree.Status())(t); !found.IsClean() {
		t.Errorf("Status() = %v", found)
	}
	if err := errors.Join(writeFile(w, "a", "other\n"), writeFile(w, "dir/new", "new\n"), w.Remove("dir/b")); err != nil {
		t.Fatal(err)
	}
	found := must(tree.Status())(t)
	if found.File("a").Worktree != gogit.Modified || found.File("dir/new").Worktree != gogit.Untracked ||
		found.File("dir/b").Worktree != gogit.Deleted || len(found) != 3 {
		t.Errorf("Status() = %v", found)
	}
	if err := tree.AddWithOptions(&gogit.AddOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	who := &object.Signature{Name: "n", Email: "e", When: time.Unix(1, 0)}
	h := must(tree.Commit("by go-git", &gogit.CommitOptions{Author: who}))(t)
	if found := must(tree.Status())(t); !found.IsClean() {
		t.Errorf("Status() after Commit = %v", found)
	}
	c := must(r.CommitAt(ctx, "main"))(t)
	if c.Hash != reposit.Hash(h) || c.Message != "by go-git" {
		t.Errorf("main is %+v, want %s", c, h)
	}
	// For the worktree, somebody else committed just what was written to it.
	if _, err := w.Commit(ctx, nil); !errors.Is(err, reposit.ErrNoChange) {
		t.Errorf("Commit() of what is committed = %v", err)
	}
	if err := tree.Checkout(&gogit.CheckoutOptions{Branch: "refs/heads/side", Create: true}); err != nil {
		t.Fatal(err)
	}
	before := must(r.Resolve(ctx, "main~"))(t)
	if err := tree.Reset(&gogit.ResetOptions{Mode: gogit.HardReset, Commit: [20]byte(before)}); err != nil {
		t.Fatal(err)
	}
	if got := readFile(w, "dir/b"); got != "b\n" || readFile(w, "a") != "a\n" {
		t.Errorf("after a hard reset, dir/b = %q", got)
	}
}

// TestWorktreeGoroutines has many write and read at once, while one commits.
func TestWorktreeGoroutines(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "x", nil)
	write(t, r, "shared", "0")
	w := must(r.Worktree(ctx, ""))(t)
	var group sync.WaitGroup
	const writers, files = 8, 20
	for n := range writers {
		group.Go(func() {
			for i := range files {
				name := fmt.Sprintf("d%d/e%d/f", n, i)
				if err := writeFile(w, name, name); err != nil {
					t.Error(err)
				}
				if err := w.Rename(name, name+"2"); err != nil {
					t.Error(err)
				}
				if got := readFile(w, name+"2"); got != name {
					t.Errorf("%s = %q", name, got)
				}
				if _, err := w.ReadDir(""); err != nil {
					t.Error(err)
				}
				if err := writeFile(w, "shared", name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Go(func() {
		for range 10 {
			if _, err := w.Commit(ctx, nil); err != nil && !errors.Is(err, reposit.ErrNoChange) {
				t.Error(err)
			}
			write(t, r, "by others", fmt.Sprint(time.Now()))
			_, _ = w.Status(ctx)
		}
	})
	group.Wait()
	if _, err := w.Commit(ctx, nil); err != nil && !errors.Is(err, reposit.ErrNoChange) {
		t.Fatal(err)
	}
	for n := range writers {
		for i := range files {
			name := fmt.Sprintf("d%d/e%d/f", n, i)
			if got := must(r.Read(ctx, "", name+"2"))(t); string(got) != name {
				t.Errorf("%s = %q", name, got)
			}
		}
	}
}

// TestWorktreeInvalid refuses what a tree can't have, when it is written.
func TestWorktreeInvalid(t *testing.T) {
	s, ctx := openMemory(t, nil), t.Context()
	r := create(t, s, "x", nil)
	commit(t, r, nil, reposit.Put("f", nil), reposit.Put("d/f", nil), reposit.Symlink("loop", "loop"),
		reposit.Symlink("up", "../../f"), reposit.Submodule("module", reposit.Hash{1}))
	w := must(r.Worktree(ctx, ""))(t)
	for what, err := range map[string]error{
		".git":                 writeFile(w, ".git/config", "x"),
		".GIT below":           writeFile(w, "a/.GIT/x", "x"),
		"a link .gitmodules":   w.Symlink("f", ".gitmodules"),
		"a NUL":                writeFile(w, "a\x00b", "x"),
		"a long path":          writeFile(w, strings.Repeat("a/", 3000)+"f", "x"),
		"a directory .git":     w.MkdirAll("a/.git", 0o777),
		"a rename to .git":     w.Rename("f", ".git"),
		"an empty target":      w.Symlink("", "empty"),
		"a file as directory":  writeFile(w, "f/g", "x"),
		"a directory as file":  errorOf(w.Open("d")),
		"a loop":               errorOf(w.Open("loop")),
		"what leads out":       errorOf(w.Open("../f")),
		"the root":             w.Remove("/"),
		"a directory in use":   w.Remove("d"),
		"into itself":          w.Rename("d", "d/e"),
		"a file for one":       w.Rename("f", "d"),
		"one for a file":       w.Rename("d", "f"),
		"a link that is there": w.Symlink("f", "d"),
		"what is not there":    w.Rename("none", "x"),
		"no link":              errorOf(w.Readlink("f")),
		"exclusively":          errorOf(w.OpenFile("f", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o666)),
	} {
		if err == nil {
			t.Errorf("%s = no error", what)
		}
	}
	if got := status(t, w); len(got) > 0 {
		t.Errorf("Status() = %q", got)
	}
	if _, err := w.Open("up"); err != nil { // as below the root of a system
		t.Errorf("Open() of a link to what is above the root = %v", err)
	}
	f := must(w.Open("f"))(t)
	if _, err := f.Write([]byte("x")); err == nil {
		t.Error("Write() of a file that is open to read = no error")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err == nil {
		t.Error("a second Close() = no error")
	}
}

// TestWorktreeModel does the same at random to a worktree and to a directory of the system: each call has the same
// outcome, what is there is the same all the time, and git makes the same tree of it.
func TestWorktreeModel(t *testing.T) {
	needGit(t)
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	for i := range rounds {
		seed := *fixture.Seed + uint64(i)
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			m := newWorktreeModel(t, seed)
			for n := range 250 {
				m.step(n)
				if n%50 == 49 {
					m.compare()
				}
			}
		})
	}
}

type worktreeModel struct {
	t    *testing.T
	rand *rand.Rand
	r    *reposit.Repo
	w    *reposit.Worktree
	disk systemFiles
}

func newWorktreeModel(t *testing.T, seed uint64) *worktreeModel {
	s := openMemory(t, nil)
	m := &worktreeModel{t: t, rand: rand.New(rand.NewPCG(seed, 0)), r: create(t, s, "x", nil)}
	m.disk = systemFiles(t.TempDir())
	m.w = must(m.r.Worktree(t.Context(), ""))(t)
	git(t, string(m.disk), nil, "init", "-q")
	return m
}

// someFiles is what a model does with files.
type someFiles interface {
	OpenFile(name string, flag int, perm os.FileMode) (billy.File, error)
	Stat(name string) (os.FileInfo, error)
	Lstat(name string) (os.FileInfo, error)
	ReadDir(name string) ([]os.FileInfo, error)
	MkdirAll(name string, perm os.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	Symlink(target, name string) error
	Readlink(name string) (string, error)
	Chmod(name string, mode os.FileMode) error
}

// systemFiles are those of a directory, by package os, but for directories that billy makes.
type systemFiles string

func (d systemFiles) at(name string) string { return filepath.Join(string(d), name) }

func (d systemFiles) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := os.MkdirAll(filepath.Dir(d.at(name)), 0o777); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(d.at(name), flag, perm)
	return systemFile{f}, err
}

func (d systemFiles) Stat(name string) (os.FileInfo, error)  { return os.Stat(d.at(name)) }
func (d systemFiles) Lstat(name string) (os.FileInfo, error) { return os.Lstat(d.at(name)) }
func (d systemFiles) MkdirAll(name string, perm os.FileMode) error {
	return os.MkdirAll(d.at(name), perm)
}
func (d systemFiles) Rename(from, to string) error              { return os.Rename(d.at(from), d.at(to)) }
func (d systemFiles) Remove(name string) error                  { return os.Remove(d.at(name)) }
func (d systemFiles) Symlink(target, name string) error         { return os.Symlink(target, d.at(name)) }
func (d systemFiles) Readlink(name string) (string, error)      { return os.Readlink(d.at(name)) }
func (d systemFiles) Chmod(name string, mode os.FileMode) error { return os.Chmod(d.at(name), mode) }

func (d systemFiles) ReadDir(name string) (list []os.FileInfo, err error) {
	entries, err := os.ReadDir(d.at(name))
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		list = append(list, info)
	}
	return list, err
}

type systemFile struct{ *os.File }

func (systemFile) Lock() error   { return nil }
func (systemFile) Unlock() error { return nil }

func (m *worktreeModel) path() string {
	name := []string{"a", "b", "c"}[m.rand.IntN(3)]
	for m.rand.IntN(2) == 0 {
		name = path.Join(name, []string{"a", "b", "d"}[m.rand.IntN(3)])
	}
	return name
}

// both does something to both, and compares what comes of it.
func (m *worktreeModel) both(n int, what string, do func(fs someFiles) (string, error)) {
	m.t.Helper()
	got, err := do(m.w)
	want, failed := do(m.disk)
	// Of a rename that has two faults, systems tell one or the other.
	fits := os.IsNotExist(err) == os.IsNotExist(failed) || strings.HasPrefix(what, "rename")
	if (err == nil) != (failed == nil) || !fits || got != want {
		m.t.Fatalf("step %d: %s = %q, %v, but on disk %q, %v", n, what, got, err, want, failed)
	}
}

func (m *worktreeModel) step(n int) {
	name, other := m.path(), m.path()
	content := strings.Repeat(fmt.Sprintf("%d %d\n", n, m.rand.Int()), m.rand.IntN(4))
	open := func(flag int, do func(billy.File) error) func(fs someFiles) (string, error) {
		return func(fs someFiles) (string, error) {
			f, err := fs.OpenFile(name, flag, 0o666)
			if err != nil {
				return "", err
			}
			err = do(f)
			return "", errors.Join(err, f.Close())
		}
	}
	put := func(f billy.File) error { _, err := f.Write([]byte(content)); return err }
	at := int64(m.rand.IntN(60))
	switch m.rand.IntN(12) {
	case 0, 1, 2:
		m.both(n, "write "+name, open(os.O_CREATE|os.O_TRUNC|os.O_WRONLY, put))
	case 3:
		m.both(n, "append to "+name, open(os.O_APPEND|os.O_WRONLY, put))
	case 4:
		m.both(n, "change "+name, open(os.O_RDWR, func(f billy.File) error {
			if _, err := f.Seek(at, io.SeekStart); err != nil {
				return err
			}
			err := put(f)
			if n%3 == 0 {
				err = errors.Join(err, f.Truncate(at))
			}
			return err
		}))
	case 5, 6:
		m.both(n, "remove "+name, func(fs someFiles) (string, error) { return "", fs.Remove(name) })
	case 7, 8:
		m.both(n, "rename "+name+" to "+other, func(fs someFiles) (string, error) {
			if _, err := fs.Stat(path.Dir(other)); err != nil { // billy makes the directories that lead there
				return "", err
			}
			return "", fs.Rename(name, other)
		})
	case 9:
		m.both(n, "make "+name, func(fs someFiles) (string, error) { return "", fs.MkdirAll(name, 0o777) })
	case 10:
		m.both(n, "mode of "+name, func(fs someFiles) (string, error) {
			if info, err := fs.Stat(name); err != nil || !info.Mode().IsRegular() {
				return "", err
			}
			return "", fs.Chmod(name, os.FileMode(0o644|0o111*(n%2)))
		})
	case 11:
		m.both(n, "link "+name, func(fs someFiles) (string, error) {
			if _, err := fs.Stat(path.Dir(name)); err != nil {
				return "", err
			}
			return "", fs.Symlink(other, name)
		})
	}
	if m.rand.IntN(25) == 0 {
		if _, err := m.w.Commit(m.t.Context(), nil); err != nil && !errors.Is(err, reposit.ErrNoChange) {
			m.t.Fatal(err)
		}
	}
	m.both(n, "list "+path.Dir(name), func(fs someFiles) (string, error) {
		list, err := fs.ReadDir(path.Dir(name))
		var text []string
		for _, info := range list {
			is := fmt.Sprint(info.Name(), info.Mode().Type())
			if !info.IsDir() {
				is += fmt.Sprint(info.Mode()&0o100, info.Size())
			}
			text = append(text, is)
		}
		return strings.Join(text, "; "), err
	})
	m.both(n, "read "+name, func(fs someFiles) (string, error) {
		if info, err := fs.Stat(name); err != nil || info.IsDir() {
			return "", err
		}
		f, err := fs.OpenFile(name, os.O_RDONLY, 0)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(f)
		return string(data), errors.Join(err, f.Close())
	})
	m.both(n, "link of "+name, func(fs someFiles) (string, error) { return fs.Readlink(name) })
}

// compare has git make a tree of the directory, and the worktree be committed.
func (m *worktreeModel) compare() {
	m.t.Helper()
	dir := string(m.disk)
	git(m.t, dir, nil, "add", "-A")
	want := strings.TrimSpace(git(m.t, dir, nil, "write-tree"))
	_, err := m.w.Commit(m.t.Context(), &reposit.CommitOptions{AllowEmpty: true})
	if err != nil {
		m.t.Fatal(err)
	}
	if c := must(m.r.CommitAt(m.t.Context(), "main"))(m.t); c.Tree.String() != want {
		m.t.Fatalf("the tree is %s, but git's %s", c.Tree, want)
	}
}
