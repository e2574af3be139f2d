package reposit_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strings"
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
	repo, err := store.Create(ctx, "My New Project", nil)
	if err != nil {
		log.Fatal(err)
	}
	owned, err := store.Create(ctx, "Another One", &reposit.CreateOptions{
		Owner: "alice", Slug: "other", Description: "What it is for", Homepage: "https://example.org", Private: true,
		DefaultBranch: "trunk", Labels: map[string]string{"team": "core"},
		ExpiresAt: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range []*reposit.Repo{repo, owned} {
		info, err := r.Info(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.ID, info.FullName(), info.DefaultBranch)
		fmt.Printf("  private: %v, %q %q %v %d\n", info.Private, info.Description, info.Homepage, info.Labels,
			info.ExpiresAt.Year())
	}

	_, err = store.Create(ctx, "Other", &reposit.CreateOptions{Owner: "alice"})
	fmt.Println(errors.Is(err, reposit.ErrExists), err)
	// Output:
	// rp_00000000000000000001 local/my-new-project main
	//   private: false, "" "" map[] 1
	// rp_00000000000000000002 alice/other trunk
	//   private: true, "What it is for" "https://example.org" map[team:core] 2027
	// true reposit: create: "alice/other": already exists
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

	// By page number: the second page of one each, the latest first.
	page, err := store.List(ctx, &reposit.ListOptions{Sort: reposit.SortCreated, Direction: reposit.Descending,
		PageSize: 1, Page: 2})
	if err != nil {
		log.Fatal(err)
	}
	for _, info := range page.Items {
		fmt.Println(info.ID, "of", page.TotalCount)
	}
	// Output:
	// one of 3
	// three of 3
	// two of 3
	// rp_00000000000000000002 of 3
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
	repo, err := store.Create(ctx, "go-git", &reposit.CreateOptions{Owner: "ann"})
	if err == nil {
		_, err = repo.Write(ctx, "main.go", []byte("package main\n"), "Begin")
	}
	if err != nil {
		log.Fatal(err)
	}
	// The store finds languages out by itself, in a while. This does it now.
	if err := store.Upkeep(ctx); err != nil {
		log.Fatal(err)
	}
	page, err := store.Search(ctx, "git", &reposit.SearchOptions{Language: "Go", Owner: "ann", PageSize: 10})
	if err != nil {
		log.Fatal(err)
	}
	for _, result := range page.Items {
		fmt.Println(result.FullName(), result.Language, result.Score, "of", page.TotalCount)
	}
	// Output:
	// git: git
	// git: ruby-git
	// ruby comm: ruby-git
	// tests: notes
	// ann/go-git Go 8 of 1
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

func ExampleRepo_Restore() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Write(ctx, "README.md", []byte("gone wrong"), "Change the words"); err != nil {
		log.Fatal(err)
	}

	// One file is again what it was a commit ago. Without Paths, everything would be.
	_, err := repo.Restore(ctx, "main~1", &reposit.RestoreOptions{
		Paths: []string{"README.md"}, CommitOptions: reposit.CommitOptions{Message: "Undo the change"},
	})
	if err != nil {
		log.Fatal(err)
	}
	text, err := repo.Read(ctx, "main", "README.md")
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// # Hello
	// <nil>
}

func ExampleRepo_Worktree() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	tree, err := repo.Worktree(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	// Any program that writes through go-billy can do so here.
	f, err := tree.Create("docs/guide.md")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(f, "# Guide")
	if err := f.Close(); err != nil {
		log.Fatal(err)
	}
	text, err := fs.ReadFile(tree.FS(), "docs/guide.md")
	fmt.Printf("%s%v\n", text, err)
	changes, err := tree.Status(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range changes {
		fmt.Println(c.Status, c.Path)
	}
	patch, err := tree.Diff(ctx, nil)
	fmt.Println(patch.Additions, err)
	// Somebody else commits meanwhile: nothing of it is lost.
	if _, err := repo.Write(ctx, "NEWS", []byte("new\n"), "Tell the news"); err != nil {
		log.Fatal(err)
	}
	if _, err := tree.Commit(ctx, &reposit.CommitOptions{Message: "Write a guide"}); err != nil {
		log.Fatal(err)
	}
	for c, err := range repo.Log(ctx, &reposit.LogOptions{Limit: 2}) {
		fmt.Println(c.Message, err)
	}
	fmt.Println(tree.Remove("NEWS"), tree.Reset(ctx))
	_, err = tree.Stat("NEWS")
	fmt.Println(err)
	// Output:
	// # Guide
	// <nil>
	// added docs/guide.md
	// 1 <nil>
	// Write a guide <nil>
	// Tell the news <nil>
	// <nil> <nil>
	// <nil>
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
	ctx, repo := context.Background(), exampleRepo(store)
	var files [2]bytes.Buffer
	for i, name := range []string{"zipball", "tarball"} {
		format, err := reposit.ParseArchiveFormat(name)
		if err != nil {
			log.Fatal(err)
		}
		opts := &reposit.ArchiveOptions{Revision: "main", Format: format, Prefix: "project-1.0/", Paths: []string{"run.sh"}}
		if err := repo.Archive(ctx, &files[i], opts); err != nil {
			log.Fatal(err)
		}
	}
	archive, err := zip.NewReader(bytes.NewReader(files[0].Bytes()), int64(files[0].Len()))
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range archive.File {
		fmt.Println(f.Mode(), f.Name)
	}
	unzipped, err := gzip.NewReader(&files[1])
	if err != nil {
		log.Fatal(err)
	}
	names := tar.NewReader(unzipped)
	for h, err := names.Next(); err == nil; h, err = names.Next() {
		if h.Typeflag != tar.TypeXGlobalHeader { // it names the commit
			fmt.Println(h.Name)
		}
	}
	// Output:
	// drwxrwxrwx project-1.0/
	// -rwxr-xr-x project-1.0/run.sh
	// project-1.0/
	// project-1.0/run.sh
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

func ExampleStore_Undelete() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if err := repo.Delete(ctx, ""); err != nil {
		log.Fatal(err)
	}
	deleted, err := store.Deleted(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range deleted.Items {
		fmt.Println(d.FullName(), "by", d.By, "is kept for", d.KeptUntil.Sub(d.DeletedAt))
		back, err := store.Undelete(ctx, d.ID)
		if err != nil {
			log.Fatal(err)
		}
		content, err := back.Read(ctx, "", "README.md")
		fmt.Printf("%s%v\n", content, err)
	}
	// What shall be gone now, and not when it was kept long enough:
	if err := repo.Delete(ctx, ""); err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.DropDeleted(ctx, repo.ID()))
	// Output:
	// local/my-new-project by host is kept for 336h0m0s
	// # Hello
	// <nil>
	// <nil>
}

func ExampleSlugify() {
	fmt.Println(reposit.Slugify("My New Project"))
	// Output: my-new-project
}

func ExampleRepo_Diff() {
	store := exampleStore()
	defer store.Close()
	ctx, repo := context.Background(), exampleRepo(store)
	if _, err := repo.Write(ctx, "greeting.txt", []byte("hello\nworld\n"), "greet"); err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "greeting.txt", []byte("hello\nyou\n"), "greet somebody"); err != nil {
		log.Fatal(err)
	}
	diff, err := repo.Diff(ctx, "main~1", "main", &reposit.DiffOptions{Renames: reposit.RenamesOn})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range diff.Files {
		fmt.Println(f.Status, f.Path, f.Additions, f.Deletions)
	}
	if _, err := diff.WriteTo(os.Stdout); err != nil { // git apply takes it
		log.Fatal(err)
	}
	// Output:
	// modified greeting.txt 1 1
	// diff --git a/greeting.txt b/greeting.txt
	// index 94954abda49de8615a048f8d2e64b5de848e27a1..95c9918b87494fe0c76164afa17ef603f3dd63c3 100644
	// --- a/greeting.txt
	// +++ b/greeting.txt
	// @@ -1,2 +1,2 @@
	//  hello
	// -world
	// +you
}

func ExampleRepo_Merge_conflict() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Branches().Create(ctx, "side", ""); err != nil {
		log.Fatal(err)
	}
	for _, branch := range []string{"main", "side"} {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: branch, Message: "Greet"},
			reposit.Put("README.md", []byte("# Hello from "+branch+"\n")), reposit.Put("only-"+branch, nil))
		if err != nil {
			log.Fatal(err)
		}
	}

	// Both sides changed the same line. The caller sees both, and decides.
	_, err := repo.Merge(ctx, "side", nil)
	if conflict, ok := errors.AsType[*reposit.MergeConflictError](err); ok {
		for _, c := range conflict.Conflicts {
			fmt.Printf("%s: %s\n%s", c.Path, c.Kind, c.Merged)
		}
	}
	result, err := repo.Merge(ctx, "side", &reposit.MergeOptions{Favor: reposit.Ours})
	fmt.Println(result.Kind, err)
	// Output:
	// README.md: content
	// <<<<<<< main
	// # Hello from main
	// =======
	// # Hello from side
	// >>>>>>> side
	// merged <nil>
}

func ExampleRepo_Apply() {
	store := exampleStore()
	defer store.Close()
	ctx, repo := context.Background(), exampleRepo(store)
	mail := `From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: Ann <ann@example.com>
Date: Thu, 1 Jan 2026 00:00:00 +0000
Subject: [PATCH] Greet

---
 greeting.txt | 1 +

diff --git a/greeting.txt b/greeting.txt
new file mode 100644
index 0000000..ce01362
--- /dev/null
+++ b/greeting.txt
@@ -0,0 +1 @@
+hello
-- 
2.39.5
`
	commit, err := repo.Apply(ctx, strings.NewReader(mail), nil)
	if err != nil {
		log.Fatal(err)
	}
	content, err := repo.Read(ctx, "main", "greeting.txt")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s%s", commit.Author.Name, commit.Message, content)
	// Output:
	// Ann: Greet
	// hello
}
