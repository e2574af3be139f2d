package reposit_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/memory"
)

// orPanic ends what reads as the README, where errors are not looked at.
func orPanic(err error) {
	if err != nil {
		panic(err)
	}
}

func readmeBadger(ctx context.Context, dir string) {
	backend, err := badger.Open(dir, nil) // or memory.New(), or billyfs.Open(osfs.New(dir), nil)
	orPanic(err)
	store, err := reposit.Open(ctx, backend, nil)
	orPanic(err)
	defer store.Close()
	orPanic(err)
}

func readmeCommit(ctx context.Context, store *reposit.Store, script []byte, w io.Writer) *reposit.Repo {
	repo, err := store.Create(ctx, "My New Project", nil)
	orPanic(err)
	commit, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "First words"},
		reposit.Put("README.md", []byte("# Hello\n")),
		reposit.Put("run.sh", script).Mode(reposit.ModeExecutable),
		reposit.Symlink("latest", "README.md"),
	)
	orPanic(err)
	data, err := repo.Read(ctx, "main", "README.md")
	orPanic(err)
	err = repo.Archive(ctx, w, &reposit.ArchiveOptions{Format: reposit.Zip})
	orPanic(err)
	_, _ = commit, data
	return repo
}

func readmeForge(ctx context.Context, store *reposit.Store, repo *reposit.Repo) []reposit.SearchResult {
	fork, err := repo.Fork(ctx, &reposit.ForkOptions{Owner: "agent-7"}) // copies no object
	orPanic(err)
	err = store.Users().Put(ctx, reposit.Profile{Login: "bob"})
	orPanic(err)
	err = repo.Collaborators().Add(ctx, "bob", reposit.Write)
	orPanic(err)
	asBob, err := store.As(reposit.User("bob")).Repo(ctx, "local/my-new-project") // what bob may not read is ErrNotFound
	orPanic(err)
	err = repo.Protection().Set(ctx, "release/*", reposit.Protection{RequirePR: true, RequiredReviews: 2})
	orPanic(err)
	found, err := store.Search(ctx, "new project", &reposit.SearchOptions{Owner: "local"})
	orPanic(err)
	_, _ = fork, asBob
	return found.Items
}

// TestReadme runs the snippets of the README, and holds that they are the code that runs here.
func TestReadme(t *testing.T) {
	ctx := t.Context()
	readmeBadger(ctx, t.TempDir())
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var zip bytes.Buffer
	repo := readmeCommit(ctx, store, []byte("#!/bin/sh\n"), &zip)
	if found := readmeForge(ctx, store, repo); zip.Len() == 0 || len(found) != 1 {
		t.Errorf("the snippets find %v and write %d bytes of an archive", found, zip.Len())
	}

	source, err := os.ReadFile("readme_test.go")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	code := statements(string(source))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, block := range blocks {
		if want := statements(block[1]); !strings.Contains(code, want) {
			t.Errorf("this snippet of the README is not what the test runs:\n%s", want)
		}
	}
	if len(blocks) != 3 {
		t.Errorf("the README has %d snippets, want 3", len(blocks))
	}
}

// statements returns lines of code without their indentation, and without those that a README leaves out.
func statements(code string) string {
	var kept []string
	for line := range strings.Lines(code) {
		line = strings.TrimSpace(line)
		if line != "" && !slices.Contains([]string{"orPanic(err)"}, line) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
