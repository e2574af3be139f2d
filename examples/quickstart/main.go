// Quickstart puts a real source tree of 10,000 files into a repository, inside this process: it commits, branches,
// lists, reads and archives it, and lets git itself judge the outcome.
//
//	go run ./examples/quickstart
//
// The store is a Badger database in a temporary folder, which is removed at the end.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage/badger"
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "reposit-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	p := &printer{out: out, last: time.Now()}
	backend, err := badger.Open(filepath.Join(dir, "store"), nil)
	if err != nil {
		return err
	}
	store, err := reposit.Open(ctx, backend, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	p.step("opened a store on Badger; every commit is synced to disk")

	repo, err := store.Create(ctx, "My New Project", nil)
	if err != nil {
		return err
	}
	p.step("created repository %s", repo.ID())

	if err := importTree(ctx, repo, p); err != nil {
		return err
	}
	if err := change(ctx, repo, p); err != nil {
		return err
	}
	if err := look(ctx, store, repo, p); err != nil {
		return err
	}
	if err := archive(ctx, repo, filepath.Join(dir, "project.tar.gz"), p); err != nil {
		return err
	}
	return judge(ctx, repo, filepath.Join(dir, "project.git"), p)
}

// importTree commits the sources of Go's standard library as one commit.
func importTree(ctx context.Context, repo *reposit.Repo, p *printer) error {
	files, size, err := sources()
	if err != nil {
		return err
	}
	p.step("read %d files, %.0f MB, of Go's own sources", len(files), float64(size)/1e6)
	commit, err := repo.Commit(ctx, &reposit.CommitOptions{Message: "Import the standard library\n"}, files...)
	if err != nil {
		return err
	}
	p.step("committed all of them at once: %s", commit.Hash)
	return nil
}

// change makes atomic commits on the default branch, and one on a branch of its own.
func change(ctx context.Context, repo *reposit.Repo, p *printer) error {
	const turns = 500
	for i := range turns {
		note := fmt.Appendf(nil, "turn %d\n", i)
		if _, err := repo.Write(ctx, fmt.Sprintf("notes/%02d.txt", i%20), note, fmt.Sprintf("Turn %d", i)); err != nil {
			return err
		}
	}
	p.step("made %d commits of one file each", turns)

	commit, err := repo.Commit(ctx, &reposit.CommitOptions{Branch: "tidy", Message: "Tidy up\n"},
		reposit.Move("notes", "turns"),
		reposit.Delete("turns/00.txt"),
		reposit.Put("run.sh", []byte("#!/bin/sh\nexec go build ./...\n")).Mode(reposit.ModeExecutable),
		reposit.Symlink("latest", "turns/19.txt"),
	)
	if err != nil {
		return err
	}
	if _, err := repo.Tags().Create(ctx, "v1.0", "tidy", &reposit.TagOptions{Message: "First release\n"}); err != nil {
		return err
	}
	p.step("moved a directory, deleted, added a program and a symlink on branch tidy: %s", commit.Hash)
	return nil
}

func look(ctx context.Context, store *reposit.Store, repo *reposit.Repo, p *printer) error {
	languages, err := repo.Languages(ctx, "")
	if err != nil {
		return err
	}
	info, err := repo.Info(ctx)
	if err != nil {
		return err
	}
	p.step("counted %d languages, most of it %s: %d MB", len(languages), info.Language, languages[info.Language]>>20)

	page, err := store.List(ctx, nil)
	if err != nil {
		return err
	}
	p.step("the store lists %d repository: %s, default branch %s", page.TotalCount, info.FullName(), info.DefaultBranch)

	for branch, err := range repo.Branches().All(ctx) {
		if err != nil {
			return err
		}
		p.note("branch %-5s %s", branch.Name, branch.Commit.Hash)
	}
	data, err := repo.Read(ctx, "v1.0", "latest")
	if err != nil {
		return err
	}
	p.note("symlink latest at v1.0 leads to %s", data)
	files := 0
	for e, err := range repo.Walk(ctx, "", "") {
		if err != nil {
			return err
		}
		if e.Mode != reposit.ModeDir {
			files++
		}
	}
	p.step("walked %d files", files)
	return nil
}

func archive(ctx context.Context, repo *reposit.Repo, name string, p *printer) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := repo.Archive(ctx, f, &reposit.ArchiveOptions{Revision: "v1.0", Prefix: "project-1.0/"}); err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	p.step("archived v1.0 as a tar.gz of %.0f MB", float64(st.Size())/1e6)
	return nil
}

// sources returns a change for each file of Go's source tree.
func sources() ([]reposit.Change, int64, error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, 0, fmt.Errorf("go env GOROOT: %w", err)
	}
	root := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	var files []reposit.Change
	var size int64
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files = append(files, reposit.Put(filepath.ToSlash(rel), data))
		size += int64(len(data))
		return nil
	})
	return files, size, err
}

// A printer prints what was done, and how long it took since the line before.
type printer struct {
	out  io.Writer
	last time.Time
}

func (p *printer) step(format string, args ...any) {
	now := time.Now()
	fmt.Fprintf(p.out, "%8.1f ms  %s\n", float64(now.Sub(p.last).Microseconds())/1000, fmt.Sprintf(format, args...))
	p.last = now
}

func (p *printer) note(format string, args ...any) {
	fmt.Fprintf(p.out, "             %s\n", fmt.Sprintf(format, args...))
}
