package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/cmd/reposit/internal/place"
	"github.com/reposit/reposit/reposittest"
)

// helperEnv has the test's own program be the helper.
const helperEnv = "REPOSIT_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) == "" {
		os.Exit(m.Run())
	}
	if err := run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// TestGit has git itself clone, commit, push and fetch, on each backend.
func TestGit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not there")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "git-remote-reposit")); err != nil {
		t.Skip(err)
	}
	for _, kind := range []string{place.Badger, place.Billyfs} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "store")
			inStore(t, dir, kind, func(s *reposit.Store) {
				reposittest.Repo(t, s, "repo: ann/notes\n-- commit: first --\n-- a.txt --\na\n-- branch: draft --\n"+
					"-- commit: draft --\n-- b.txt --\nb\n-- tag: v1 --\n")
			})
			work := t.TempDir()
			git := func(args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), "git", args...)
				cmd.Dir = work
				cmd.Env = append(os.Environ(), helperEnv+"=1", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
					"GIT_CONFIG_NOSYSTEM=1", "HOME="+work, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a",
					"GIT_COMMITTER_EMAIL=a@b", "GIT_PROTOCOL_FROM_USER=1", "GIT_ALLOW_PROTOCOL=reposit")
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
				}
				return string(out)
			}
			address := "reposit::" + dir + "//ann/notes"
			if out := git("ls-remote", address); !strings.Contains(out, "refs/heads/draft") {
				t.Errorf("ls-remote says %q", out)
			}
			git("clone", "-q", address, "one")
			git("clone", "-q", "--depth", "1", address, "two")
			if err := os.WriteFile(filepath.Join(work, "one/c.txt"), []byte("c\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			git("-C", "one", "add", "c.txt")
			git("-C", "one", "commit", "-qm", "pushed")
			git("-C", "one", "push", "-q", "origin", "HEAD", "HEAD:refs/heads/new")
			git("-C", "one", "push", "-q", "origin", ":refs/heads/draft")
			git("-C", "two", "pull", "-q")
			if out := git("-C", "two", "log", "-1", "--format=%s"); out != "pushed\n" {
				t.Errorf("the other clone is at %q", out)
			}
			git("-C", "one", "fsck", "--strict")
			inStore(t, dir, kind, func(s *reposit.Store) {
				r, err := s.Repo(t.Context(), "ann/notes")
				if err != nil {
					t.Fatal(err)
				}
				if got, want := reposittest.Dump(t, r, "new"), "-- a.txt --\na\n-- c.txt --\nc\n"; got != want {
					t.Errorf("the pushed branch has\n%s\nwant\n%s", got, want)
				}
				if _, err := r.Branches().Branch(t.Context(), "draft"); err == nil {
					t.Error("the deleted branch is there")
				}
			})
		})
	}
}

// inStore opens a store, and makes it if it is not there.
func inStore(t *testing.T, dir, kind string, fn func(*reposit.Store)) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s, err := place.OpenKind(t.Context(), dir, kind)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fn(s)
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/a/b//ann/notes": "/a/b ann/notes", "/a//b//notes": "/a//b local/notes", "//notes": ". local/notes",
		"/a/b": "", "/a/b//": "",
	} {
		dir, name, err := split(address)
		if got := strings.TrimSpace(dir + " " + name); got != want || (err != nil) != (want == "") {
			t.Errorf("split(%q) = %q, %v, want %q", address, got, err, want)
		}
	}
}
