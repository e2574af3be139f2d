package reposit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"testing/fstest"

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

func ExampleStore_Import() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	bare := memfs.New() // or osfs.New("project.git")
	if err := exampleRepo(store).Export(ctx, bare, nil); err != nil {
		log.Fatal(err)
	}
	repo, err := store.Import(ctx, "Copy", bare, &reposit.ImportOptions{
		CreateOptions: reposit.CreateOptions{Owner: "ann"},
		Skipped:       func(ref, why string) { log.Printf("%s is left out: %s", ref, why) },
	})
	if err != nil {
		log.Fatal(err)
	}
	for branch, err := range repo.Branches().All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(branch.Name, branch.Commit.Message)
	}
	// Output: main First words
}

func ExampleStore_ImportBundle() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	var bundle bytes.Buffer // or a file that git bundle create made
	if err := exampleRepo(store).Bundle(ctx, &bundle, nil); err != nil {
		log.Fatal(err)
	}
	repo, err := store.ImportBundle(ctx, "Copy", &bundle, nil)
	if err != nil {
		log.Fatal(err)
	}
	info, err := repo.Info(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.FullName(), info.DefaultBranch)
	// Output: local/copy main
}

func ExampleRepo_Fetch() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	origin := exampleRepo(store)
	var bundle bytes.Buffer
	if err := origin.Bundle(ctx, &bundle, nil); err != nil {
		log.Fatal(err)
	}
	mirror, err := store.ImportBundle(ctx, "Mirror", &bundle, nil)
	if err != nil {
		log.Fatal(err)
	}
	known, err := mirror.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := origin.Write(ctx, "a.txt", []byte("more\n"), "Second\n"); err != nil {
		log.Fatal(err)
	}
	if err := origin.Bundle(ctx, &bundle, &reposit.BundleOptions{Since: []reposit.Hash{known}}); err != nil {
		log.Fatal(err)
	}
	got, err := mirror.Fetch(ctx, &bundle, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range got.Updated {
		fmt.Println(u.Name, *u.Old == known)
	}
	// Output: refs/heads/main true
}

func ExampleStore_ImportFS() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	files := fstest.MapFS{ // or os.DirFS("project")
		"README.md":     {Data: []byte("# Project\n")},
		"cmd/x/main.go": {Data: []byte("package main\n")},
	}
	repo, err := store.ImportFS(ctx, "Project", files, &reposit.ImportOptions{Message: "Begin\n"})
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range repo.Walk(ctx, "", "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Path)
	}
	// Output:
	// README.md
	// cmd
	// cmd/x
	// cmd/x/main.go
}

func ExampleStore_ImportArchive() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	var archive bytes.Buffer // or what a release page offers
	err := exampleRepo(store).Archive(ctx, &archive, &reposit.ArchiveOptions{Prefix: "project-1.0/"})
	if err != nil {
		log.Fatal(err)
	}
	repo, err := store.ImportArchive(ctx, "Copy", &archive, &reposit.ImportOptions{Strip: 1})
	if err != nil {
		log.Fatal(err)
	}
	entries, err := repo.List(ctx, "", "")
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.Path)
	}
	// Output:
	// README.md
	// latest
	// run.sh
}

func ExampleRepo_UploadPack() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)

	// What git sends for ls-remote, in one request and its answer. See examples/smarthttp for all of it over HTTP.
	request := strings.NewReader("0014command=ls-refs\n0000")
	var answer bytes.Buffer
	stream := struct {
		io.Reader
		io.Writer
	}{request, &answer}
	err := repo.UploadPack(ctx, stream, &reposit.ServeOptions{Protocol: "version=2", Stateless: true})
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(answer.String()) {
		if _, name, ok := strings.Cut(line, " "); ok {
			fmt.Print(name)
		}
	}
	// Output:
	// HEAD
	// refs/heads/main
}

func ExampleRepo_ReceivePack() {
	ctx := context.Background()
	store := exampleStore()
	defer store.Close()
	repo := exampleRepo(store)
	head, err := repo.Resolve(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}

	// What git sends to delete a branch that it knows: no pack comes along.
	if _, err := repo.Branches().Create(ctx, "old", "main"); err != nil {
		log.Fatal(err)
	}
	command := fmt.Sprintf("%s %s refs/heads/old\x00report-status", head, reposit.Hash{})
	request := fmt.Sprintf("%04x%s0000", 4+len(command), command)
	var answer bytes.Buffer
	stream := struct {
		io.Reader
		io.Writer
	}{strings.NewReader(request), &answer}
	if err := repo.ReceivePack(ctx, stream, &reposit.ServeOptions{Stateless: true}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(answer.String(), "ok refs/heads/old"))
	// Output: true
}
