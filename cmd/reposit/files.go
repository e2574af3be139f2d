package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// fileVerbs are about the files of a revision.
func (a *app) fileVerbs() []*cobra.Command {
	var recursive, last bool
	tree := &cobra.Command{
		Use: "tree REPO [REVISION [FOLDER]]", Short: "List the files of a folder", Args: args(1, 3),
		Example: "  reposit tree local/notes\n  reposit tree local/notes main docs --last",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			rev, dir := arg(args, 0), arg(args, 1)
			switch {
			case last:
				return printAll(a, r.LastCommits(ctx, rev, dir), func(row func(...any), l reposit.LastCommit) {
					row(l.Mode, l.Name, short(l.Commit.Hash), l.Commit.Author.When, subject(l.Commit))
				})
			case recursive:
				return printAll(a, r.Walk(ctx, rev, dir), printEntry)
			}
			entries, err := r.List(ctx, rev, dir)
			if err != nil {
				return err
			}
			return printSlice(a, entries, printEntry)
		}),
	}
	tree.Flags().BoolVarP(&recursive, "recursive", "r", false, "with all that is below")
	tree.Flags().BoolVar(&last, "last", false, "with the commit that last changed each entry")

	cat := &cobra.Command{
		Use: "cat REPO REVISION PATH", Short: "Write a file to the standard output", Args: args(3, 3),
		Example: "  reposit cat local/notes main README.md",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			f, err := r.Open(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			defer f.Close()
			if !a.outTerminal {
				_, err = io.Copy(a.out, f)
				return err
			}
			data, err := io.ReadAll(f)
			if err == nil {
				a.printer(true).text(string(data))
			}
			return err
		}),
	}

	var out string
	opts := reposit.ArchiveOptions{}
	archive := &cobra.Command{
		Use: "archive REPO [REVISION]", Short: "Write the files of a revision as tar.gz, zip, tar or tar.zst", Args: args(1, 2),
		Example: "  reposit archive local/notes v1 -o notes.zip --prefix notes-1/",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			opts.Revision = arg(args, 0)
			if out != "" {
				f, err := archiveFormat(out)
				if err != nil {
					return usageError{err}
				}
				opts.Format = f
			}
			if p := a.progress(); p != nil {
				opts.Progress = func(done, total int64) {
					p(reposit.Progress{Stage: "files", Done: done, Total: total})
				}
			}
			return a.toFile(out, func(w io.Writer) error { return r.Archive(ctx, w, &opts) })
		}),
	}
	archive.Flags().StringVarP(&out, "output", "o", "", "file, whose name says the format; default: a tar.gz to the standard output")
	archive.Flags().StringVar(&opts.Prefix, "prefix", "", "put before every path")
	return []*cobra.Command{tree, cat, archive}
}

func printEntry(row func(...any), e reposit.Entry) { row(e.Mode, short(e.Hash), e.Size, e.Path) }

func archiveFormat(name string) (reposit.ArchiveFormat, error) {
	for _, end := range []string{"tar.gz", "tar.zst", "tar", "zip"} {
		if strings.HasSuffix(name, "."+end) {
			return reposit.ParseArchiveFormat(end)
		}
	}
	if strings.HasSuffix(name, ".tgz") {
		return reposit.TarGz, nil
	}
	return 0, fmt.Errorf("%s: its name says no format: want .tar.gz, .tgz, .zip, .tar or .tar.zst", name)
}

// toFile has fn write a file, which is there when it is whole; or the standard output, if name is empty. What is no
// text is not written to a terminal.
func (a *app) toFile(name string, fn func(w io.Writer) error) error {
	if name == "" {
		if a.outTerminal {
			return usageError{errors.New("this is no text, and the standard output is a terminal: -o names a file")}
		}
		return fn(a.out)
	}
	f, err := os.CreateTemp(dirOf(name), ".reposit-*")
	if err != nil {
		return err
	}
	err = fn(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func dirOf(name string) string {
	if i := strings.LastIndexByte(name, os.PathSeparator); i > 0 {
		return name[:i]
	}
	return "."
}
