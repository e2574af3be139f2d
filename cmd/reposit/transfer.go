package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// transferVerbs move repositories in and out.
func (a *app) transferVerbs() []*cobra.Command {
	return []*cobra.Command{a.importVerb(), a.exportVerb(), a.bundleVerb(), a.fetchVerb()}
}

func (a *app) importVerb() *cobra.Command {
	var opts reposit.ImportOptions
	cmd := &cobra.Command{
		Use: "import NAME SOURCE", Args: args(2, 2),
		Short: "Make a repository of a git directory, a bundle, an archive or a folder",
		Long: "Make a repository of SOURCE: a bare repository or .git directory, a folder that has one, a bundle of git, an archive\n" +
			"(tar, tar.gz, tar.zst, zip), or a folder of files. Of the last two, the files become a first commit.",
		Example: "  reposit import notes ~/src/notes\n  reposit import notes notes.bundle\n  reposit import notes notes-1.0.tar.gz --strip 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := a.open(ctx)
			if err != nil {
				return err
			}
			name := args[0]
			if owner, rest, ok := strings.Cut(name, "/"); ok {
				opts.Owner, name = owner, rest
			}
			type skip struct{ Ref, Why string }
			var skipped []skip
			opts.Skipped = func(ref, why string) { skipped = append(skipped, skip{ref, why}) }
			opts.Progress = a.progress()
			r, err := importFrom(ctx, s, name, args[1], &opts)
			if err != nil {
				return err
			}
			for _, sk := range skipped {
				if a.json {
					err = a.printJSON(sk)
				} else {
					a.printer(false).line("left out %s: %s", sk.Ref, sk.Why)
				}
				if err != nil {
					return err
				}
			}
			return a.show(ctx, r)
		},
	}
	cmd.Flags().BoolVar(&opts.Private, "private", false, "hide it from all but those it is opened to")
	cmd.Flags().StringSliceVar(&opts.Refs, "refs", nil, "only these refs: full names, folders or patterns")
	cmd.Flags().IntVar(&opts.Strip, "strip", 0, "leading folders to drop from paths in an archive")
	return cmd
}

// importFrom finds out what a source is.
func importFrom(
	ctx context.Context, s *reposit.Store, name, src string, opts *reposit.ImportOptions,
) (*reposit.Repo, error) {
	info, err := os.Stat(src)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		for _, dir := range []string{src, filepath.Join(src, ".git")} {
			if st, err := os.Stat(filepath.Join(dir, "objects")); err == nil && st.IsDir() {
				if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
					return s.Import(ctx, name, osfs.New(dir), opts)
				}
			}
		}
		return s.ImportFS(ctx, name, os.DirFS(src), opts)
	}
	f, err := os.Open(src)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 16)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(head[:n]), "# v2 git bundle") || strings.HasPrefix(string(head[:n]), "# v3 git bundle") {
		return s.ImportBundle(ctx, name, f, opts)
	}
	return s.ImportArchive(ctx, name, f, opts)
}

func (a *app) exportVerb() *cobra.Command {
	var opts reposit.ExportOptions
	cmd := &cobra.Command{
		Use: "export REPO FOLDER", Short: "Write a repository into an empty folder, as a bare one", Args: args(2, 2),
		Example: "  reposit export local/notes ~/notes.git",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			opts.Progress = a.progress()
			if err := r.Export(ctx, osfs.New(args[0]), &opts); err != nil {
				return err
			}
			return a.done(map[string]string{"Folder": args[0]}, "wrote %s", args[0])
		}),
	}
	cmd.Flags().StringSliceVar(&opts.Refs, "refs", nil, "only these refs: full names, folders or patterns")
	return cmd
}

func (a *app) bundleVerb() *cobra.Command {
	var opts reposit.BundleOptions
	var out string
	var since []string
	cmd := &cobra.Command{
		Use: "bundle REPO", Short: "Write a repository as a file that git clones from", Args: args(1, 1),
		Example: "  reposit bundle local/notes -o notes.bundle\n  reposit bundle local/notes --since v1 -o rest.bundle",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
			opts.Progress = a.progress()
			for _, rev := range since {
				h, err := r.Resolve(ctx, rev)
				if err != nil {
					return err
				}
				opts.Since = append(opts.Since, h)
			}
			return a.toFile(out, func(w io.Writer) error { return r.Bundle(ctx, w, &opts) })
		}),
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file; default: the standard output")
	cmd.Flags().StringSliceVar(&opts.Refs, "refs", nil, "only these refs: full names, folders or patterns")
	cmd.Flags().StringSliceVar(&since, "since", nil, "revisions that the receiver has")
	return cmd
}

func (a *app) fetchVerb() *cobra.Command {
	var opts reposit.FetchOptions
	cmd := &cobra.Command{
		Use: "fetch REPO BUNDLE", Short: "Take what is new from a bundle", Args: args(2, 2),
		Example: "  reposit fetch local/notes rest.bundle",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			opts.Progress = a.progress()
			res, err := r.Fetch(ctx, f, &opts)
			if err != nil {
				return err
			}
			return a.answer(res, func(p *printer) {
				for _, u := range res.Updated {
					p.line("%s is at %s", u.Name, short(u.New))
				}
				for ref, why := range res.Rejected {
					p.line("left out %s: %s", ref, why)
				}
			})
		}),
	}
	cmd.Flags().BoolVar(&opts.Force, "force", false, "also where commits are lost")
	return cmd
}
