package gogittest_test

import (
	"testing"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/reposit/reposit/reposittest"
	"github.com/reposit/reposit/reposittest/gogittest"
)

const archive = `-- commit: first --
-- README.md --
# Notes
-- docs/a.txt --
a
`

func TestRepository(t *testing.T) {
	t.Parallel()
	repo := gogittest.Repository(t, archive, nil)
	head, err := repo.Head()
	if err != nil {
		t.Fatal(err)
	}
	c, err := repo.CommitObject(head.Hash())
	if err != nil || c.Message != "first" {
		t.Errorf("the commit is %v, %v", c, err)
	}
}

// TestOpen commits with go-git's worktree, and reads what it made from the store.
func TestOpen(t *testing.T) {
	t.Parallel()
	r := reposittest.Repo(t, reposittest.New(t, nil), archive)
	files := memfs.New()
	repo := gogittest.Open(t, r, files)
	if data, err := util.ReadFile(files, "docs/a.txt"); err != nil || string(data) != "a\n" {
		t.Fatalf("docs/a.txt is %q, %v", data, err)
	}
	w, err := repo.Worktree()
	if err != nil {
		t.Fatal(err)
	}
	if err := util.WriteFile(files, "README.md", []byte("# Field notes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	author := object.Signature{Name: "Bob", Email: "bob@example.com", When: reposittest.Epoch}
	if _, err := w.Commit("second", &git.CommitOptions{All: true, Author: &author}); err != nil {
		t.Fatal(err)
	}
	const want = "-- README.md --\n# Field notes\n-- docs/a.txt --\na\n"
	if got := reposittest.Dump(t, r, ""); got != want {
		t.Errorf("Dump() = %q, want %q", got, want)
	}
}

func TestOpenEmpty(t *testing.T) {
	t.Parallel()
	if _, err := gogittest.Repository(t, "", memfs.New()).Head(); err == nil {
		t.Error("Head() of an empty repository succeeds")
	}
}
