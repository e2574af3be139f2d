package reposit_test

import (
	"context"
	"fmt"
	"log"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

func ExampleStore_Check() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	repo, err := store.Create(ctx, "notes", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "a.txt", []byte("one\n"), "First"); err != nil {
		log.Fatal(err)
	}
	report, err := store.Check(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range report.Damage {
		fmt.Println(d.Kind, d.Name, d.Means)
	}
	fmt.Println(report.Clean(), report.Repos, "repository,", report.Objects, "objects")
	// Output: true 1 repository, 3 objects
}
