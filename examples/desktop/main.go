// Command desktop keeps notes in a folder of the user's own, as an app on a desktop would: each time the notes are
// saved is a version; it searches them, shows what changed, brings back an old version, and git works on the same
// folder.
//
//	go run ./examples/desktop -dir ~/notes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/billyfs"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", "", "folder of the notes; default: a temporary one")
	flag.Parse()
	if err := run(context.Background(), *dir); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "desktop"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	// Bare repositories in a folder: whoever has git can open them.
	backend, err := billyfs.Open(osfs.New(dir), nil)
	if err != nil {
		return err
	}
	store, err := reposit.Open(ctx, backend, &reposit.Options{
		Author: reposit.Signature{Name: "Ann", Email: "ann@example.com"},
	})
	if err != nil {
		return errors.Join(err, backend.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	notes, err := store.GetOrCreate(ctx, "Notes", nil)
	if err != nil {
		return err
	}
	if err := save(ctx, notes); err != nil {
		return err
	}
	if err := find(ctx, notes, "tomatoes"); err != nil {
		return err
	}
	if err := versions(ctx, notes, "garden.md"); err != nil {
		return err
	}
	if err := bringBack(ctx, notes, "garden.md", "main~1"); err != nil {
		return err
	}
	return besideGit(dir, notes)
}

// save keeps two versions of the notes. A save that changes nothing makes none.
func save(ctx context.Context, r *reposit.Repo) error {
	for _, plant := range []string{"tomatoes", "beans", "beans"} {
		text := "# Garden\n\nPlant " + plant + ".\n"
		c, err := r.Commit(ctx, &reposit.CommitOptions{Message: "Saved\n"},
			reposit.Put("garden.md", []byte(text)), reposit.Put("books.md", []byte("# Books\n\nMiddlemarch\n")))
		switch {
		case errors.Is(err, reposit.ErrNoChange):
			fmt.Println("nothing to save")
		case err != nil:
			return err
		default:
			fmt.Println("saved", c.Hash.String()[:10])
		}
	}
	return nil
}

// find says in which version of which note a word was last seen.
func find(ctx context.Context, r *reposit.Repo, word string) error {
	for c, err := range r.Log(ctx, nil) {
		if err != nil {
			return err
		}
		for e, err := range r.Walk(ctx, c.Hash.String(), "") {
			if err != nil {
				return err
			}
			if e.Mode == reposit.ModeDir {
				continue
			}
			text, err := r.Read(ctx, c.Hash.String(), e.Path)
			if err != nil {
				return err
			}
			if strings.Contains(string(text), word) {
				fmt.Printf("%q was in %s at %s\n", word, e.Path, c.Author.When.Format("15:04:05"))
				return nil
			}
		}
	}
	return nil
}

// versions shows what changed in a note, from version to version.
func versions(ctx context.Context, r *reposit.Repo, path string) error {
	for c, err := range r.Log(ctx, &reposit.LogOptions{Paths: []string{path}}) {
		if err != nil {
			return err
		}
		if len(c.Parents) == 0 {
			continue
		}
		d, err := r.Diff(ctx, c.Parents[0].String(), c.Hash.String(), &reposit.DiffOptions{Paths: []string{path}})
		if err != nil {
			return err
		}
		if _, err := d.WriteTo(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// bringBack makes a note what it was. What it is now stays among its versions.
func bringBack(ctx context.Context, r *reposit.Repo, path, rev string) error {
	if _, err := r.Restore(ctx, rev, &reposit.RestoreOptions{Paths: []string{path}}); err != nil {
		return err
	}
	text, err := r.Read(ctx, "", path)
	if err != nil {
		return err
	}
	fmt.Printf("brought back:\n%s", text)
	return nil
}

// besideGit looks at the same folder with git, while the store is open.
func besideGit(dir string, r *reposit.Repo) error {
	if _, err := exec.LookPath("git"); err != nil {
		return nil
	}
	name := strings.TrimPrefix(string(r.ID()), "rp_") + ".git"
	out, err := exec.Command("git", "-C", filepath.Join(dir, "repos", name), "log", "--format=%h %an %s").Output()
	fmt.Printf("git says:\n%s", out)
	return err
}
