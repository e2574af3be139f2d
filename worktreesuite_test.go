package reposit_test

import (
	"testing"
	"testing/fstest"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/test"
	"gopkg.in/check.v1"

	"github.com/reposit/reposit"
)

var (
	_ billy.Filesystem = (*reposit.Worktree)(nil)
	_ billy.Change     = (*reposit.Worktree)(nil)
	_ billy.Capable    = (*reposit.Worktree)(nil)
)

// A billySuite is billy's own tests of a filesystem.
type billySuite struct {
	test.FilesystemSuite
	t *testing.T
	s *store
}

func (b *billySuite) SetUpTest(c *check.C) {
	r := create(b.t, b.s, c.TestName()[len("billySuite."):], nil)
	w, err := r.Worktree(b.t.Context(), "")
	c.Assert(err, check.IsNil)
	b.FilesystemSuite = test.NewFilesystemSuite(w)
}

// TestWorktreeBilly has billy's tests run on a worktree.
func TestWorktreeBilly(t *testing.T) {
	result := check.Run(&billySuite{t: t, s: openMemory(t, nil)}, &check.RunConf{})
	if !result.Passed() {
		t.Error(result)
	}
	t.Log(result)
}

// TestWorktreeFS has a worktree pass the test of io/fs, where nothing, some or all of it was written.
func TestWorktreeFS(t *testing.T) {
	s := openMemory(t, nil)
	r := create(t, s, "x", nil)
	commit(t, r, nil, reposit.Put("a", []byte("a")), reposit.Put("dir/b", []byte("b")), reposit.Put("dir/sub/c", nil),
		reposit.Put("run", []byte("#!")).Mode(reposit.ModeExecutable), reposit.Symlink("link", "dir/b"))
	w := must(r.Worktree(t.Context(), ""))(t)
	all := []string{"a", "dir/b", "dir/sub/c", "run", "link"}
	if err := fstest.TestFS(w.FS(), all...); err != nil {
		t.Error(err)
	}
	for _, err := range []error{
		writeFile(w, "dir/new", "new"), writeFile(w, "fresh/dir/new", "new"), w.Symlink("../link", "fresh/link"),
		w.Rename("dir/sub", "moved"), w.Remove("a"), w.MkdirAll("empty", 0o777),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := fstest.TestFS(w.FS(), "dir/b", "moved/c", "run", "link", "dir/new", "fresh/dir/new", "empty")
	if err != nil {
		t.Error(err)
	}
}

// writeFile writes a file through billy.
func writeFile(fs billy.Basic, name, content string) error {
	f, err := fs.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write([]byte(content)); err != nil {
		return err
	}
	return f.Close()
}
