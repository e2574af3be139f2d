// Package unittests shows how a program that keeps things in repositories is tested: its tests are in notes_test.go,
// and begin with a repository each, in memory, with a history that stands in the test itself.
//
//	go test ./examples/unittests
package main

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/memory"
)

// Titles returns the first line of each note at a revision, by its path.
func Titles(ctx context.Context, r *reposit.Repo, rev string) (map[string]string, error) {
	titles := map[string]string{}
	for e, err := range r.Walk(ctx, rev, "") {
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(e.Path, ".md") {
			continue
		}
		text, err := r.Read(ctx, rev, e.Path)
		if err != nil {
			return nil, err
		}
		line, _, _ := strings.Cut(string(text), "\n")
		titles[e.Path] = strings.TrimSpace(strings.TrimLeft(line, "#"))
	}
	return titles, nil
}

// Publish merges a draft, and tags what came of it.
func Publish(ctx context.Context, r *reposit.Repo, draft, tag string) error {
	if _, err := r.Merge(ctx, draft, nil); err != nil {
		return err
	}
	_, err := r.Tags().Create(ctx, tag, "", &reposit.TagOptions{Message: "Published " + draft + "\n"})
	return err
}

func main() {
	ctx := context.Background()
	store, err := reposit.Open(ctx, memory.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	r, err := store.Create(ctx, "notes", nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := r.Write(ctx, "a.md", []byte("# First words\n"), "a note"); err != nil {
		log.Fatal(err)
	}
	titles, err := Titles(ctx, r, "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(titles)
}
