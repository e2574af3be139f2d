package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/go-git/go-billy/v5/memfs"
	"github.com/go-git/go-billy/v5/util"

	"github.com/reposit/reposit"
)

func ExampleRepo_Bundle() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	first, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	var all bytes.Buffer // git clone takes it
	if err := repo.Bundle(ctx, &all, nil); err != nil {
		log.Fatal(err)
	}
	fmt.Println(all.String()[:15])

	if _, err := repo.Write(ctx, "a.txt", []byte("more\n"), "Second\n"); err != nil {
		log.Fatal(err)
	}
	var more bytes.Buffer // git fetch takes it, where the first commit is
	if err := repo.Bundle(ctx, &more, &reposit.BundleOptions{Since: []reposit.Hash{first}}); err != nil {
		log.Fatal(err)
	}
	_, needed, _ := bytes.Cut(more.Bytes(), []byte("\n-"))
	fmt.Println(string(needed[:40]) == first.String())
	// Output:
	// # v2 git bundle
	// true
}

func ExampleRepo_Export() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	bare := memfs.New() // or osfs.New("project.git")
	if err := repo.Export(ctx, bare, nil); err != nil {
		log.Fatal(err)
	}
	head, err := util.ReadFile(bare, "HEAD")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(head))
	// Output: ref: refs/heads/main
}
