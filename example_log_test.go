package reposit_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/reposit/reposit"
)

// exampleHistory makes a repository with some commits, an hour apart.
func exampleHistory(store *reposit.Store) *reposit.Repo {
	ctx := context.Background()
	repo, err := store.Create(ctx, "History", nil)
	if err != nil {
		log.Fatal(err)
	}
	for i, c := range []struct {
		message string
		change  reposit.Change
	}{
		{"Add the guide", reposit.Put("guide.txt", []byte("Turn left.\n"))},
		{"Add the code", reposit.Put("src/main.go", []byte("package main\n"))},
		{"Move the guide", reposit.Move("guide.txt", "docs/guide.md")},
		{"Fix the guide", reposit.Put("docs/guide.md", []byte("Turn right.\n"))},
	} {
		author := &reposit.Signature{Name: "Ann", Email: "ann@example.org", When: time.Unix(int64(i)*3600, 0).UTC()}
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Message: c.message, Author: author}, c.change)
		if err != nil {
			log.Fatal(err)
		}
	}
	return repo
}

func ExampleRepo_CommitAt() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	c, err := repo.CommitAt(ctx, "main~1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Hash, c.Author.Name, c.Message)
	// Output: 953701e77ccf90751d36c5459731d713ca846764 Ann Move the guide
}

// The history of a file, also under the names that it had before.
func ExampleRepo_Log() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	opts := &reposit.LogOptions{Paths: []string{"docs/guide.md"}, Follow: true}
	for c, err := range repo.Log(ctx, opts) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Committer.When.Format("15:04"), c.Message)
	}
	// Output:
	// 03:00 Fix the guide
	// 02:00 Move the guide
	// 00:00 Add the guide
}

// What one branch has that another one lacks, in pages of two.
func ExampleLogOptions() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	opts := &reposit.LogOptions{Revision: "main~3..main", Limit: 2}
	for more := true; more; {
		more = false
		for c, err := range repo.Log(ctx, opts) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(c.Message)
			opts.After, more = c.Hash, true
		}
		fmt.Println("---")
	}
	// Output:
	// Fix the guide
	// Move the guide
	// ---
	// Add the code
	// ---
	// ---
}

// Each entry of a directory, with what changed it last.
func ExampleRepo_LastCommits() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	for last, err := range repo.LastCommits(ctx, "", "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(last.Name, "-", last.Commit.Message)
	}
	// Output:
	// docs - Fix the guide
	// src - Add the code
}

// What happened to a branch, and so what it was before.
func ExampleRefs_Log() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	for entry, err := range repo.Refs().Log(ctx, "refs/heads/main") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.By.Name, entry.Old.String()[:7], entry.New.String()[:7], entry.Message)
	}
	// Output:
	// Ann 953701e 621531a commit: Fix the guide
	// Ann 70644e7 953701e commit: Move the guide
	// Ann 93d187f 70644e7 commit: Add the code
	// Ann 0000000 93d187f commit (initial): Add the guide
}

// Which commit brought each line of a file, wherever that file was then.
func ExampleRepo_Blame() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	_, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "Say more"},
		reposit.Put("src/main.go", []byte("package main\n\nfunc main() {}\n")))
	if err != nil {
		log.Fatal(err)
	}
	lines, err := repo.Blame(ctx, "main", "src/main.go", nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, l := range lines {
		fmt.Printf("%d %q %s\n", l.Number, l.Text, l.Summary)
	}
	// Output:
	// 1 "package main" Add the code
	// 2 "" Say more
	// 3 "func main() {}" Say more
}

func ExampleRepo_Grep() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleHistory(store)

	opts := &reposit.GrepOptions{Paths: []string{"docs", "*.go"}, WholeWord: true}
	for m, err := range repo.Grep(ctx, "main", "right|main", opts) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s:%d:%d: %s\n", m.Path, m.Line, m.Column, m.Text)
	}
	// Output:
	// docs/guide.md:1:6: Turn right.
	// src/main.go:1:9: package main
}
