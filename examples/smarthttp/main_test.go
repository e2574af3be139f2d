package main

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

// run runs git as nobody in particular, and returns what it says.
func run(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "HOME="+t.TempDir(),
		"LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := run(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s = %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// TestGit has git clone, fetch and push, as users who may do different things.
func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	ctx := t.Context()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	repo, err := store.Create(ctx, "notes", &reposit.CreateOptions{Owner: "alice", Private: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		if _, err := repo.Write(ctx, "notes/"+text, []byte(text), text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := repo.Branches().Create(ctx, "side", "main~1"); err != nil {
		t.Fatal(err)
	}
	if err := store.Users().Put(ctx, reposit.Profile{Login: "bob"}); err != nil {
		t.Fatal(err)
	}
	if err := repo.Collaborators().Add(ctx, "bob", reposit.Read); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(&handler{store, map[string]string{"alice": "a", "bob": "b", "carol": "c"}})
	t.Cleanup(server.Close)
	url := func(user string) string {
		return strings.Replace(server.URL, "://", "://"+user+"@", 1) + "/alice/notes.git"
	}
	dir := t.TempDir()

	for name, args := range map[string][]string{
		"full": nil, "shallow": {"--depth", "1"}, "partial": {"--filter=blob:none"},
		"single": {"--single-branch", "-b", "side"},
	} {
		git(t, dir, append([]string{"clone", "-q", url("bob:b"), name}, args...)...)
	}
	for name, want := range map[string]string{"full": "3", "shallow": "1", "partial": "3", "single": "2"} {
		clone := filepath.Join(dir, name)
		if got := git(t, clone, "rev-list", "--count", "HEAD"); got != want {
			t.Errorf("a clone that is %s has %s commits, want %s", name, got, want)
		}
		git(t, clone, "fsck", "--strict")
	}
	for user, want := range map[string]string{"carol:c": "not found", "bob:wrong": "Authentication failed"} {
		if out, err := run(t, dir, "clone", url(user), "refused"); err == nil || !strings.Contains(out, want) {
			t.Errorf("a clone by %s = %s, %v, want %q", user, out, err, want)
		}
	}

	full := filepath.Join(dir, "full")
	git(t, full, "checkout", "-q", "-b", "new")
	git(t, full, "commit", "-q", "--allow-empty", "-m", "four")
	if out, err := run(t, full, "push", url("bob:b"), "new"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("a push by who may read = %s, %v, want status 403", out, err)
	}
	git(t, full, "push", "-q", url("alice:a"), "new")
	git(t, full, "commit", "-q", "--amend", "--allow-empty", "-m", "five")
	if out, err := run(t, full, "push", url("alice:a"), "new"); err == nil {
		t.Errorf("a push that is no fast-forward = %s", out)
	}
	git(t, full, "push", "-q", "-f", url("alice:a"), "new")
	if out, err := run(t, full, "push", "--atomic", url("alice:a"), "new:side", "new:refs/pull/1/head"); err == nil ||
		!strings.Contains(out, "atomic push failed") || !strings.Contains(out, "for pull requests alone") {
		t.Errorf("an atomic push, half of which is refused = %s, %v", out, err)
	}
	git(t, full, "push", "-q", "--atomic", url("alice:a"), "new:side", ":new")

	git(t, filepath.Join(dir, "single"), "pull", "-q")
	head, err := repo.Resolve(ctx, "side")
	if got := git(t, filepath.Join(dir, "single"), "rev-parse", "HEAD"); err != nil || got != head.String() {
		t.Errorf("side is %s, %v, and %s where it was pulled", head, err, got)
	}
	if _, err := repo.Resolve(ctx, "new"); err == nil {
		t.Error("new is there after its deletion")
	}
}
