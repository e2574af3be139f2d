package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/reposit/reposit"
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
