package reposit_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

// exampleStore opens a store whose hashes and IDs are the same at every run.
func exampleStore() *reposit.Store {
	n := 0
	store, err := reposit.Open(context.Background(), memory.New(), &reposit.Options{
		Now: func() time.Time { return time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC) },
		IDs: func() reposit.ID { n++; return reposit.ID(fmt.Sprintf("rp_%020d", n)) },
	})
	if err != nil {
		log.Fatal(err)
	}
	return store
}

// exampleRepo makes a repository with one commit.
func exampleRepo(store *reposit.Store) *reposit.Repo {
	ctx := context.Background()
	repo, err := store.Create(ctx, "My New Project", nil)
	if err != nil {
		log.Fatal(err)
	}
	_, err = repo.Commit(ctx, &reposit.CommitOptions{Message: "First words"},
		reposit.Put("README.md", []byte("# Hello\n")),
		reposit.Put("run.sh", []byte("#!/bin/sh\n")).Mode(reposit.ModeExecutable),
		reposit.Symlink("latest", "README.md"),
	)
	if err != nil {
		log.Fatal(err)
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
	script := []byte("#!/bin/sh\nexec go build ./...\n")
	commit, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "First words"},
		reposit.Put("README.md", []byte("# Hello\n")),
		reposit.Put("run.sh", script).Mode(reposit.ModeExecutable),
		reposit.Symlink("latest", "README.md"),
	)
	if err != nil {
		log.Fatal(err)
	}
	data, err := repo.Read(ctx, "main", "README.md")
	if err != nil {
		log.Fatal(err)
	}
	var archive bytes.Buffer
	if err := repo.Archive(ctx, &archive, &reposit.ArchiveOptions{Format: reposit.Zip}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s%s %d files\n", data, commit.Tree, 3)
	// Output:
	// # Hello
	// fdccc2208916fe9922ffc1ce4f35e263dadb1a50 3 files
}

func ExampleStore_Create() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo, err := store.Create(ctx, "My New Project", &reposit.CreateOptions{Owner: "alice", Labels: map[string]string{"team": "core"}})
	if err != nil {
		log.Fatal(err)
	}
	info, err := repo.Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.ID, info.FullName(), info.DefaultBranch)
	_, err = store.Create(ctx, "my new project", &reposit.CreateOptions{Owner: "alice"})
	fmt.Println(errors.Is(err, reposit.ErrExists), err)
	// Output:
	// rp_00000000000000000001 alice/my-new-project main
	// true reposit: create: "alice/my-new-project": already exists
}

func ExampleStore_List() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for _, name := range []string{"one", "two", "three"} {
		if _, err := store.Create(ctx, name, nil); err != nil {
			log.Fatal(err)
		}
	}
	opts := &reposit.ListOptions{Sort: reposit.SortName, PageSize: 2}
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
	// one of 3
	// three of 3
	// two of 3
}

func ExampleStore_Search() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	for name, description := range map[string]string{
		"Git": "The content tracker", "ruby-git": "Git commands from Ruby", "notes": "Thoughts about testing",
	} {
		if _, err := store.Create(ctx, name, &reposit.CreateOptions{Description: description}); err != nil {
			log.Fatal(err)
		}
	}
	for _, query := range []string{"git", "ruby comm", "tests"} {
		page, err := store.Search(ctx, query, nil)
		if err != nil {
			log.Fatal(err)
		}
		for _, result := range page.Items {
			fmt.Println(query+":", result.Slug)
		}
	}
	// Output:
	// git: git
	// git: ruby-git
	// ruby comm: ruby-git
	// tests: notes
}

func ExampleRepo_Commit() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	// Two writers saw the same tip. The second learns that it moved.
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"mine\n", "yours\n"} {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "Write", Expect: &tip}, reposit.Put("notes", []byte(text)))
		fmt.Println(errors.Is(err, reposit.ErrConflict))
	}
	// Output:
	// false
	// true
}

func ExampleRepo_Walk() {
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	for e, err := range repo.Walk(context.Background(), "main", "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%o %d %s\n", e.Mode, e.Size, e.Path)
	}
	// Output:
	// 100644 8 README.md
	// 120000 9 latest
	// 100755 10 run.sh
}

func ExampleRepo_FS() {
	store := exampleStore()
	defer store.Close()
	fsys, err := exampleRepo(store).FS(context.Background(), "main")
	if err != nil {
		log.Fatal(err)
	}
	names, err := fs.Glob(fsys, "*.*")
	fmt.Println(names, err)
	// Output: [README.md run.sh] <nil>
}

func ExampleRepo_Archive() {
	store := exampleStore()
	defer store.Close()
	var file bytes.Buffer
	opts := &reposit.ArchiveOptions{Format: reposit.Zip, Prefix: "project-1.0/", Paths: []string{"run.sh"}}
	if err := exampleRepo(store).Archive(context.Background(), &file, opts); err != nil {
		log.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range archive.File {
		fmt.Println(f.Mode(), f.Name)
	}
	// Output:
	// drwxrwxrwx project-1.0/
	// -rwxr-xr-x project-1.0/run.sh
}

func ExampleBranches_Create() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	branch, err := repo.Branches().Create(ctx, "topic", "main")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(branch.Name, branch.Commit.Message)
	// Output: topic First words
}

func ExampleTags_Create() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	tag, err := repo.Tags().Create(ctx, "v1.0", "main", &reposit.TagOptions{Message: "First release"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tag.Name, tag.Tagger.Name, tag.Hash != tag.Target)
	// Output: v1.0 reposit true
}

func ExampleRefs_Update() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	tip, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	none := reposit.Hash{}
	err = repo.Refs().Update(ctx,
		reposit.RefUpdate{Name: "refs/heads/a", New: tip, Old: &none},
		reposit.RefUpdate{Name: "refs/heads/b", New: tip, Old: &none},
	)
	fmt.Println(err)
	for ref, err := range repo.Refs().All(ctx, "refs/heads/") {
		fmt.Println(ref.Name, err)
	}
	// Output:
	// <nil>
	// refs/heads/a <nil>
	// refs/heads/b <nil>
	// refs/heads/main <nil>
}

func ExampleRepo_Delete() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	token, err := repo.DeleteToken(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(repo.Delete(ctx, token))
	_, err = repo.Info(ctx)
	fmt.Println(errors.Is(err, os.ErrNotExist), err)
	// Output:
	// <nil>
	// true reposit: info local/my-new-project: not found
}

func ExampleSlugify() {
	fmt.Println(reposit.Slugify("My New Project"))
	// Output: my-new-project
}
