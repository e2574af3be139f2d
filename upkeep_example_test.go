package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"log"

	"github.com/go-git/go-billy/v5/memfs"

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

// storeWithNotes returns a store in memory with a repository of one file.
func storeWithNotes(ctx context.Context) (*reposit.Store, *reposit.Repo) {
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	repo, err := store.Create(ctx, "notes", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "a.txt", []byte("one\n"), "First"); err != nil {
		log.Fatal(err)
	}
	return store, repo
}

func ExampleStore_Repair() {
	ctx := context.Background()
	store, repo := storeWithNotes(ctx)
	defer store.Close()
	var bundle bytes.Buffer
	if err := repo.Bundle(ctx, &bundle, nil); err != nil {
		log.Fatal(err)
	}
	folder := memfs.New()
	if err := repo.Export(ctx, folder, nil); err != nil {
		log.Fatal(err)
	}
	report, err := store.Repair(ctx, &reposit.RepairOptions{From: []reposit.RepairSource{
		reposit.RepositoryCopy(folder), reposit.BundleCopy(&bundle),
	}})
	fmt.Println("left:", report.Found, "mended:", report.Repaired, err)
	// Output: left: 0 mended: 0 <nil>
}

func ExampleStore_Backup() {
	ctx := context.Background()
	store, repo := storeWithNotes(ctx)
	defer store.Close()
	var monday, tuesday bytes.Buffer
	mark, err := store.Backup(ctx, &monday, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := repo.Write(ctx, "a.txt", []byte("two\n"), "Second"); err != nil {
		log.Fatal(err)
	}
	last, err := store.Backup(ctx, &tuesday, &reposit.BackupOptions{Since: mark})
	if err != nil {
		log.Fatal(err)
	}
	verified, err := reposit.VerifyBackup(ctx, &monday, &tuesday)
	fmt.Println(verified == last, err)
	// Output: true <nil>
}

func ExampleRestore() {
	ctx := context.Background()
	store, _ := storeWithNotes(ctx)
	defer store.Close()
	var stream bytes.Buffer
	if _, err := store.Backup(ctx, &stream, nil); err != nil {
		log.Fatal(err)
	}
	saved := stream.Bytes()
	if _, err := reposit.VerifyBackup(ctx, bytes.NewReader(saved)); err != nil {
		log.Fatal(err)
	}
	backend := memory.New() // or one of any other kind
	if err := reposit.Restore(ctx, backend, bytes.NewReader(saved)); err != nil {
		log.Fatal(err)
	}
	restored, err := reposit.Open(ctx, backend, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer restored.Close()
	repo, err := restored.Repo(ctx, "notes")
	if err != nil {
		log.Fatal(err)
	}
	data, err := repo.Read(ctx, "main", "a.txt")
	fmt.Printf("%s%v\n", data, err)
	// Output:
	// one
	// <nil>
}

func ExampleStore_CopyTo() {
	ctx := context.Background()
	store, _ := storeWithNotes(ctx)
	defer store.Close()
	backend := memory.New() // or one of any other kind
	if err := store.CopyTo(ctx, backend, nil); err != nil {
		log.Fatal(err)
	}
	moved, err := reposit.Open(ctx, backend, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer moved.Close()
	repo, err := moved.Repo(ctx, "notes")
	fmt.Println(repo != nil, err)
	// Output: true <nil>
}
