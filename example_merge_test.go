package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func ExampleRepo_Compare() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	if _, err := repo.Branches().Create(ctx, "side", ""); err != nil {
		log.Fatal(err)
	}
	for _, branch := range []string{"main", "side"} {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: branch, Message: "Greet"},
			reposit.Put("README.md", []byte("# Hello from "+branch+"\n")))
		if err != nil {
			log.Fatal(err)
		}
	}

	c, err := repo.Compare(ctx, "main", "side")
	fmt.Println("ahead", c.Ahead, "behind", c.Behind, "mergeable", c.Mergeable, err)
	for _, conflict := range c.Conflicts {
		fmt.Println(conflict.Path, conflict.Kind)
	}

	// Where both changed the same lines, those of both are wanted.
	_, err = repo.Merge(ctx, "side", &reposit.MergeOptions{Resolve: func(c reposit.Conflict) ([]byte, error) {
		var kept []byte
		for line := range bytes.Lines(c.Merged) {
			if !bytes.HasPrefix(line, []byte("<<<<")) && !bytes.HasPrefix(line, []byte("====")) &&
				!bytes.HasPrefix(line, []byte(">>>>")) {
				kept = append(kept, line...)
			}
		}
		return kept, nil
	}})
	if err != nil {
		log.Fatal(err)
	}
	text, err := repo.Read(ctx, "", "README.md")
	fmt.Printf("%s%v\n", text, err)
	// Output:
	// ahead 1 behind 1 mergeable false <nil>
	// README.md content
	// # Hello from main
	// # Hello from side
	// <nil>
}

func ExampleMergeJSON() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), &reposit.Options{
		MergeDrivers: []reposit.MergeDriver{{Pattern: "*.json", Merge: reposit.MergeJSON}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "notes", nil)
	if err != nil {
		log.Fatal(err)
	}
	write := func(branch, text string) {
		_, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: branch, Message: "Count"},
			reposit.Put("count.json", []byte(text)))
		if err != nil {
			log.Fatal(err)
		}
	}
	write("main", `{"apples": 1, "pears": 2}`)
	write("side", `{"apples": 1, "pears": 5, "plums": 7}`)
	write("main", `{"apples": 3, "pears": 2}`)

	if _, err := repo.Merge(ctx, "side", nil); err != nil {
		log.Fatal(err)
	}
	text, err := repo.Read(ctx, "", "count.json")
	fmt.Println(string(text), err)
	// Output: {"apples": 3, "pears": 5, "plums": 7} <nil>
}
