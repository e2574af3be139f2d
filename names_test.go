package reposit_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/billyfs"
)

// TestNamesOnDisk finds repositories of a billyfs store by their names, as a person would who has the folder and git.
func TestNamesOnDisk(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	list := filepath.Join(dir, "names.txt")
	open := func() *reposit.Store {
		t.Helper()
		backend, err := billyfs.Open(osfs.New(dir), &billyfs.Options{Durability: storage.NoSync})
		if err != nil {
			t.Fatal(err)
		}
		s, err := reposit.Open(t.Context(), backend, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	// is checks that the list has just these names, and that git's description of each directory is its name.
	is := func(when string, want ...string) {
		t.Helper()
		text, err := os.ReadFile(list)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			name, repo, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			names = append(names, name)
			about, err := os.ReadFile(filepath.Join(dir, repo, "description"))
			if err != nil || string(about) != name+"\n" {
				t.Errorf("%s: the description of %s is %q, %v; want %q", when, repo, about, err, name)
			}
			git := exec.CommandContext(t.Context(), "git", "ls-remote", filepath.Join(dir, repo))
			if out, err := git.CombinedOutput(); err != nil {
				t.Errorf("%s: git does not take %s for a repository: %v\n%s", when, repo, err, out)
			}
		}
		if got := strings.Join(names, " "); got != strings.Join(want, " ") {
			t.Errorf("%s: the list has %q, want %q", when, got, want)
		}
	}

	s := open()
	r, err := s.Create(t.Context(), "notes", &reposit.CreateOptions{Owner: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), "site", &reposit.CreateOptions{Owner: "bob"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Fork(t.Context(), &reposit.ForkOptions{Owner: "bob"}); err != nil {
		t.Fatal(err)
	}
	is("created", "alice/notes", "bob/notes", "bob/site")

	diary, carol := "diary", "carol"
	if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Slug: &diary}); err != nil {
		t.Fatal(err)
	}
	is("renamed", "alice/diary", "bob/notes", "bob/site")
	if _, err := r.Update(t.Context(), &reposit.RepoUpdate{Owner: &carol}); err != nil {
		t.Fatal(err)
	}
	is("transferred", "bob/notes", "bob/site", "carol/diary")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	s = open()
	is("opened without the list", "bob/notes", "bob/site", "carol/diary")
	site, err := s.Repo(t.Context(), "bob/site")
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Delete(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	is("deleted", "bob/notes", "carol/diary")
}
