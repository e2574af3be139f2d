package reposit_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

// exampleStore opens a store in memory whose clock stands still, so that hashes are always the same.
func exampleStore() *reposit.Store {
	store, err := reposit.Open(context.Background(), memory.New(), &reposit.Options{
		Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
	})
	if err != nil {
		log.Fatal(err)
	}
	return store
}

// exampleRepo makes a repository with one commit of these files, given as path and content in turn.
func exampleRepo(files ...string) *reposit.Repo {
	repo, err := exampleStore().Create(context.Background(), "Example", nil)
	if err != nil {
		log.Fatal(err)
	}
	var changes []reposit.Change
	for i := 0; i < len(files); i += 2 {
		changes = append(changes, reposit.Put(files[i], []byte(files[i+1])))
	}
	if len(changes) > 0 {
		if _, err := repo.Commit(context.Background(), &reposit.CommitOptions{Message: "First words"}, changes...); err != nil {
			log.Fatal(err)
		}
	}
	return repo
}

func Example() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "My New Project", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "README.md", []byte("# Hello\n"), "First words"); err != nil {
		log.Fatal(err)
	}
	data, err := repo.Read(ctx, "main", "README.md")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", data)
	// Output:
	// # Hello
}

func ExampleOpen() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), &reposit.Options{
		Owner:         "acme",
		DefaultBranch: "trunk",
		Author:        reposit.Signature{Name: "The Forge", Email: "forge@acme.example"},
		Limits:        reposit.Limits{BlobSize: 10 << 20},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "Website", nil)
	if err != nil {
		log.Fatal(err)
	}
	info, err := repo.Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.FullName(), info.DefaultBranch)
	// Output: acme/website trunk
}

func ExampleStore_Create() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	opts := &reposit.CreateOptions{Owner: "alice", Description: "What I know", Labels: map[string]string{"team": "red"}}
	if _, err := store.Create(ctx, "Notes", opts); err != nil {
		log.Fatal(err)
	}
	_, err := store.Create(ctx, "Notes", opts)
	fmt.Println(err)
	fmt.Println(errors.Is(err, reposit.ErrExists))
	// Output:
	// reposit: create: "alice/notes": already exists
	// true
}

func ExampleStore_Repo() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	made, err := store.Create(ctx, "Notes", &reposit.CreateOptions{Owner: "alice"})
	if err != nil {
		log.Fatal(err)
	}
	repo, err := store.Repo(ctx, "Alice/Notes")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(repo.ID() == made.ID())
	_, err = store.Repo(ctx, "bob/notes")
	fmt.Println(err)
	// Output:
	// true
	// reposit: repo: "bob/notes": not found
}

func ExampleStore_List() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for _, name := range []string{"Alpha", "Beta", "Gamma"} {
		if _, err := store.Create(ctx, name, &reposit.CreateOptions{Labels: map[string]string{"greek": "yes"}}); err != nil {
			log.Fatal(err)
		}
	}
	opts := &reposit.ListOptions{Labels: map[string]string{"greek": "yes"}, Sort: reposit.SortName, PageSize: 2}
	for {
		page, err := store.List(ctx, opts)
		if err != nil {
			log.Fatal(err)
		}
		for _, info := range page.Items {
			fmt.Println(info.Slug, "of", page.TotalCount)
		}
		if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
			break
		}
	}
	// Output:
	// alpha of 3
	// beta of 3
	// gamma of 3
}

func ExampleStore_All() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for _, name := range []string{"Beta", "Alpha"} {
		if _, err := store.Create(ctx, name, nil); err != nil {
			log.Fatal(err)
		}
	}
	for info, err := range store.All(ctx, &reposit.ListOptions{Sort: reposit.SortName}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.FullName())
	}
	// Output:
	// local/alpha
	// local/beta
}

func ExampleStore_DeleteExpired() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	yesterday := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := store.Create(ctx, "Scratch", &reposit.CreateOptions{ExpiresAt: yesterday}); err != nil {
		log.Fatal(err)
	}
	n, err := store.DeleteExpired(ctx)
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleRepo_Write() {
	ctx := context.Background()
	repo := exampleRepo()
	commit, err := repo.Write(ctx, "README.md", []byte("# Hello\n"), "First words")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(commit.Hash)
	_, err = repo.Write(ctx, "a//b", nil, "")
	fmt.Println(err)
	// Output:
	// 097ca02802b12f4c5967bdd8888fb36e1c599074
	// reposit: write local/example: "a//b": invalid path: "" is an empty component
}

func ExampleRepo_Commit() {
	ctx := context.Background()
	repo := exampleRepo("old.txt", "content\n", "junk/a", "", "junk/b", "")
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	commit, err := repo.Commit(ctx, &reposit.CommitOptions{
		Branch:  "main",
		Message: "Tidy up",
		Author:  &reposit.Signature{Name: "Ada", Email: "ada@example.org"},
		Expect:  &tip, // ErrConflict if somebody was faster
	},
		reposit.Move("old.txt", "docs/new.txt"),
		reposit.Delete("junk"),
		reposit.Put("run.sh", []byte("#!/bin/sh\n")).Mode(reposit.ModeExecutable),
		reposit.PutReader("big.bin", io.LimitReader(zeros{}, 1<<20)),
		reposit.Symlink("latest", "docs/new.txt"),
	)
	if err != nil {
		log.Fatal(err)
	}
	for entry, err := range repo.Walk(ctx, commit.Hash.String(), "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%06o %7d %s\n", entry.Mode, entry.Size, entry.Path)
	}
	// Output:
	// 100644 1048576 big.bin
	// 040000       0 docs
	// 100644       8 docs/new.txt
	// 120000      12 latest
	// 100755      10 run.sh
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func ExampleChange_Expect() {
	ctx := context.Background()
	repo := exampleRepo("config", "colour = red\n")
	seen, err := repo.Stat(ctx, "", "config")
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		_, err = repo.Commit(ctx, nil, reposit.Put("config", []byte("colour = blue\n")).Expect(seen.Hash))
		fmt.Println(errors.Is(err, reposit.ErrConflict))
	}
	// Output:
	// false
	// true
}

func ExampleConflictError() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "a", []byte("2"), "faster"); err != nil {
		log.Fatal(err)
	}
	_, err = repo.Commit(ctx, &reposit.CommitOptions{Expect: &tip}, reposit.Put("a", []byte("3")))
	if conflict, ok := errors.AsType[*reposit.ConflictError](err); ok {
		fmt.Println(conflict.Name, conflict.Expected == tip)
	}
	// Output: refs/heads/main true
}

func ExampleError() {
	repo := exampleRepo("a", "1")
	_, err := repo.Read(context.Background(), "main", "b")
	if e, ok := errors.AsType[*reposit.Error](err); ok {
		fmt.Println(e.Op, e.Repo, e.Name, errors.Is(err, fs.ErrNotExist))
	}
	fmt.Println(err)
	// Output:
	// read local/example b true
	// reposit: read local/example: "b": not found
}

func ExampleRepo_Open() {
	repo := exampleRepo("poem.txt", "Roses are red\n")
	content, err := repo.Open(context.Background(), "main", "poem.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer content.Close()
	if _, err := io.Copy(os.Stdout, content); err != nil {
		log.Fatal(err)
	}
	// Output: Roses are red
}

func ExampleRepo_List() {
	repo := exampleRepo("src/main.go", "package main\n", "README.md", "# Hello\n")
	entries, err := repo.List(context.Background(), "", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Name, e.Mode == reposit.ModeDir, e.Size)
	}
	// Output:
	// README.md false 8
	// src true 0
}

func ExampleRepo_Stat() {
	repo := exampleRepo("README.md", "# Hello\n")
	e, err := repo.Stat(context.Background(), "main", "README.md")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Path, e.Size, e.Hash)
	// Output: README.md 8 fec56017dc1b1ac87ad6e54e3cb3a20bb8dcc5ab
}

func ExampleRepo_FS() {
	repo := exampleRepo("docs/a.txt", "a\n", "docs/b.txt", "b\n")
	fsys, err := repo.FS(context.Background(), "main")
	if err != nil {
		log.Fatal(err)
	}
	names, err := fs.Glob(fsys, "docs/*.txt")
	fmt.Println(names, err)
	// Output: [docs/a.txt docs/b.txt] <nil>
}

func ExampleRepo_Resolve() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	for _, rev := range []string{"", "main", "main^{tree}", "main:a", "d0ac"} {
		h, err := repo.Resolve(ctx, rev)
		fmt.Printf("%.7s %v %q\n", h, err, rev)
	}
	// Output:
	// d0acb53 <nil> ""
	// d0acb53 <nil> "main"
	// dec0005 <nil> "main^{tree}"
	// 56a6051 <nil> "main:a"
	// d0acb53 <nil> "d0ac"
}

func ExampleRepo_Update() {
	ctx := context.Background()
	repo := exampleRepo()
	slug, private := "renamed", true
	info, err := repo.Update(ctx, &reposit.RepoUpdate{Slug: &slug, Private: &private})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.FullName(), info.Private, info.ID == repo.ID())
	// Output: local/renamed true true
}

func ExampleRepo_Delete() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	token, err := repo.DeleteToken(ctx) // for a question such as "Really delete it?"
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(repo.Delete(ctx, "guess"))
	fmt.Println(repo.Delete(ctx, token))
	_, err = repo.Info(ctx)
	fmt.Println(errors.Is(err, reposit.ErrNotFound))
	// Output:
	// reposit: delete local/example: forbidden: not a delete token of this repository
	// <nil>
	// true
}

func ExampleBranches() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	branches := repo.Branches()
	if _, err := branches.Create(ctx, "feature", "main"); err != nil {
		log.Fatal(err)
	}
	if err := branches.Rename(ctx, "main", "trunk"); err != nil {
		log.Fatal(err)
	}
	for b, err := range branches.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Name, b.Commit.Message)
	}
	fmt.Println(branches.Delete(ctx, "trunk"))
	// Output:
	// feature First words
	// trunk First words
	// reposit: delete branch local/example: "refs/heads/trunk": invalid deletion: it is the default branch
}

func ExampleTags() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	tag, err := repo.Tags().Create(ctx, "v1.0", "main", &reposit.TagOptions{Message: "The first release\n"})
	if err != nil {
		log.Fatal(err)
	}
	tip, err := repo.Resolve(ctx, "main")
	fmt.Println(tag.Name, tag.Target == tip, tag.Hash == tip, err)
	fmt.Println(tag.Tagger.Name)
	// Output:
	// v1.0 true false <nil>
	// reposit
}

func ExampleRefs_Update() {
	ctx := context.Background()
	repo := exampleRepo("a", "1")
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	err = repo.Refs().Update(ctx,
		reposit.RefUpdate{Name: "refs/heads/release", New: tip, Old: &reposit.Hash{}}, // must not exist
		reposit.RefUpdate{Name: "refs/notes/review", New: tip},
	)
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range repo.Refs().All(ctx, "refs/") {
		fmt.Println(r.Name, err)
	}
	// Output:
	// refs/heads/main <nil>
	// refs/heads/release <nil>
	// refs/notes/review <nil>
}

func ExampleRepo_Archive() {
	ctx := context.Background()
	repo := exampleRepo("README.md", "# Hello\n", "src/main.go", "package main\n")
	var b bytes.Buffer
	err := repo.Archive(ctx, &b, &reposit.ArchiveOptions{Format: reposit.Tar, Prefix: "example-1.0/"})
	if err != nil {
		log.Fatal(err)
	}
	r := tar.NewReader(&b)
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			fmt.Println(h.Name, h.Size)
		}
	}
	// Output:
	// example-1.0/README.md 8
	// example-1.0/src/main.go 13
}

func ExampleSlugify() {
	fmt.Println(reposit.Slugify("Café Olé & Co."))
	fmt.Println(reposit.Slugify("My New Project"))
	// Output:
	// cafe-ole-co
	// my-new-project
}

func ExampleParseHash() {
	h, err := reposit.ParseHash("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
	fmt.Println(h, h.IsZero(), err)
	_, err = reposit.ParseHash("4b82")
	fmt.Println(err)
	// Output:
	// 4b825dc642cb6eb9a060e54bf8d69288fbee4904 false <nil>
	// reposit: parse hash: "4b82": invalid hash: it is not 40 hexadecimal digits
}

func ExampleParseID() {
	id, err := reposit.ParseID("rp_0123456789abcdefghij")
	fmt.Println(id, err)
	_, err = reposit.ParseID("my-project")
	fmt.Println(errors.Is(err, reposit.ErrInvalid))
	// Output:
	// rp_0123456789abcdefghij <nil>
	// true
}
