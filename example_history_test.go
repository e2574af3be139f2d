package reposit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/reposit/reposit"
)

func ExampleRepo_CherryPick() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	for _, file := range []string{"fix", "feature"} {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: "topic", Message: "Add the " + file},
			reposit.Put(file, []byte("x\n")))
		if err != nil {
			log.Fatal(err)
		}
	}

	// The fix is for everybody now; the feature can wait.
	picked, err := repo.CherryPick(ctx, "topic~1", &reposit.PickOptions{RecordOrigin: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(picked[0].Message)
	// Output:
	// Add the fix
	//
	// (cherry picked from commit e0dcb6e78e9ee0a0d8ffcbf6dc05f2a9a2b0d2e7)
}

func ExampleRepo_Revert() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Write(ctx, "README.md", []byte("gone wrong"), "Change the words"); err != nil {
		log.Fatal(err)
	}
	reverted, err := repo.Revert(ctx, "main", nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(reverted[0].Message)
	// Output:
	// Revert "Change the words"
	//
	// This reverts commit 0000000000000000000000000000000000000000.
}

func ExampleNotes() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	notes := repo.Notes()
	if err := notes.Put(ctx, "main", "Deployed on Friday.\n"); err != nil {
		log.Fatal(err)
	}
	note, err := notes.Note(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(note.Text)

	// A history shows them, if it is asked to.
	for commit, err := range repo.Log(ctx, &reposit.LogOptions{Notes: &reposit.NotesOptions{}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s", commit.Hash.String()[:7], commit.Note)
	}

	if err := notes.Remove(ctx, "main"); err != nil {
		log.Fatal(err)
	}
	for note, err := range notes.List(ctx) {
		fmt.Println("left:", note, err)
	}
	// Output:
	// Deployed on Friday.
	// 0000000: Deployed on Friday.
}

func ExampleCommit_Trailers() {
	commit := &reposit.Commit{Message: `Fix the door

Co-authored-by: Bob <bob@example.org>
Signed-off-by: Ann <ann@example.org>
`}
	for _, t := range commit.Trailers() {
		fmt.Printf("%s = %s\n", t.Key, t.Value)
	}
	// Output:
	// Co-authored-by = Bob <bob@example.org>
	// Signed-off-by = Ann <ann@example.org>
}
