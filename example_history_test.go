package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"

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
	// (cherry picked from commit 22ba017bdf5cebbe9eaa4881e45314aa40db6ca2)
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
	// This reverts commit 8bfafeda2ab8aad099643fa1147ef51a2f33375c.
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
	// 4ed9eb1: Deployed on Friday.
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

func ExampleRepo_Verify() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	ann, err := openpgp.NewEntity("Ann", "", "ann@example.org", nil)
	if err != nil {
		log.Fatal(err)
	}
	var public bytes.Buffer // as gpg --export writes it
	if err := ann.Serialize(&public); err != nil {
		log.Fatal(err)
	}
	_, err = repo.Commit(ctx, &reposit.CommitOptions{Message: "Signed", Sign: func(payload []byte) (string, error) {
		var signature strings.Builder
		err := openpgp.ArmoredDetachSign(&signature, ann, bytes.NewReader(payload), nil)
		return signature.String(), err
	}}, reposit.Put("signed", nil))
	if err != nil {
		log.Fatal(err)
	}

	keys, err := reposit.NewKeyring(&reposit.KeyringOptions{OpenPGP: public.Bytes()})
	if err != nil {
		log.Fatal(err)
	}
	for _, rev := range []string{"main", "main~1"} {
		v, err := repo.Verify(ctx, rev, keys)
		fmt.Println(v.Status, v.Identities, err)
	}
	// Output:
	// good [Ann <ann@example.org>] <nil>
	// unsigned [] <nil>
}
