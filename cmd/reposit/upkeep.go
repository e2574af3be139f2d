package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/cmd/reposit/internal/place"
	"github.com/reposit/reposit/storage"
)

// upkeepVerbs look after the store as a whole.
func (a *app) upkeepVerbs() []*cobra.Command {
	return []*cobra.Command{a.checkVerb(), a.repairVerb(), a.backupVerb(), a.restoreVerb(), a.verifyVerb(), a.copyVerb()}
}

// errDamaged is what check ends with if something is.
var errDamaged = fmt.Errorf("the store is damaged: %w", reposit.ErrCorrupt)

func (a *app) checkVerb() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Look whether all that is stored is whole", Args: args(0, 0),
		Example: "  reposit check\n  reposit check --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			report, err := s.Check(cmd.Context(), &reposit.CheckOptions{Progress: a.progress()})
			if err != nil {
				return err
			}
			return a.report(report)
		},
	}
}

// report prints what is damaged, which is an error.
func (a *app) report(report reposit.CheckReport) error {
	err := a.answer(report, func(p *printer) {
		p.line("%d repositories, %d objects, %s", report.Repos, report.Objects, size(report.Bytes))
		if report.Repaired > 0 {
			p.line("mended or set aside: %d", report.Repaired)
		}
		for _, d := range report.Damage {
			p.line("%s %s: %s", fmt.Sprint(d.Kind), d.Name, d.Means)
		}
		if more := report.Found - len(report.Damage); more > 0 {
			p.line("and %d more", more)
		}
	})
	if err == nil && !report.Clean() {
		err = errDamaged
	}
	return err
}

func (a *app) repairVerb() *cobra.Command {
	var from []string
	cmd := &cobra.Command{
		Use: "repair", Short: "Mend what is damaged", Args: args(0, 0),
		Example: "  reposit repair --from ~/clone/notes.git --from notes.bundle",
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := &reposit.RepairOptions{Progress: a.progress()}
			for _, name := range from {
				info, err := os.Stat(name)
				if err != nil {
					return err
				}
				if info.IsDir() {
					opts.From = append(opts.From, reposit.RepositoryCopy(osfs.New(name)))
					continue
				}
				f, err := os.Open(name)
				if err != nil {
					return err
				}
				defer f.Close()
				opts.From = append(opts.From, reposit.BundleCopy(f))
			}
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			report, err := s.Repair(cmd.Context(), opts)
			if err != nil {
				return err
			}
			return a.report(report)
		},
	}
	cmd.Flags().StringSliceVar(&from, "from", nil, "bare repositories and bundles that objects are taken from")
	return cmd
}

// since reads the mark that a backup goes on from, if a file is named.
func since(name string) (mark reposit.BackupMark, err error) {
	if name == "" {
		return mark, nil
	}
	text, err := os.ReadFile(name)
	if err == nil {
		err = mark.UnmarshalText(text)
	}
	return mark, err
}

func (a *app) backupVerb() *cobra.Command {
	var out, from, to string
	cmd := &cobra.Command{
		Use: "backup", Short: "Write all that the store holds as one stream", Args: args(0, 0),
		Example: "  reposit backup -o full.backup --mark full.mark\n" +
			"  reposit backup -o monday.backup --since full.mark --mark monday.mark",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			mark, err := since(from)
			if err != nil {
				return err
			}
			s, err := a.open(ctx)
			if err != nil {
				return err
			}
			err = a.toFile(out, func(w io.Writer) error {
				mark, err = s.Backup(ctx, w, &reposit.BackupOptions{Since: mark, Progress: a.progress()})
				return err
			})
			if err != nil || to == "" {
				return err
			}
			text, err := mark.MarshalText()
			if err != nil {
				return err
			}
			return a.toFile(to, func(w io.Writer) error {
				_, err := w.Write(text)
				return err
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file; default: the standard output")
	cmd.Flags().StringVar(&from, "since", "", "file with the mark of an earlier backup: only what changed since")
	cmd.Flags().StringVar(&to, "mark", "", "file for the mark that the next backup goes on from")
	return cmd
}

// inChain calls fn with the files of a chain of backups.
func inChain(names []string, fn func(chain []io.Reader) error) (err error) {
	var chain []io.Reader
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		chain = append(chain, f)
	}
	return fn(chain)
}

func (a *app) restoreVerb() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use: "restore BACKUP…", Short: "Make a store of a backup, and of those that go on from it", Args: args(1, -1),
		Example: "  reposit -C ~/again restore full.backup monday.backup --backend billyfs",
		RunE: func(cmd *cobra.Command, args []string) error {
			return inChain(args, func(chain []io.Reader) error {
				return a.intoEmpty(cmd.Context(), a.dir(), kind, func(ctx context.Context, to storage.Backend) error {
					return reposit.Restore(ctx, to, chain...)
				})
			})
		},
	}
	cmd.Flags().StringVar(&kind, "backend", place.Badger, "badger or billyfs")
	return cmd
}

func (a *app) verifyVerb() *cobra.Command {
	return &cobra.Command{
		Use: "verify BACKUP…", Short: "Look whether backups are whole, and go on from each other", Args: args(1, -1),
		Example: "  reposit verify full.backup monday.backup",
		RunE: func(cmd *cobra.Command, args []string) error {
			return inChain(args, func(chain []io.Reader) error {
				if _, err := reposit.VerifyBackup(cmd.Context(), chain...); err != nil {
					return err
				}
				return a.done(map[string]bool{"Whole": true}, "whole")
			})
		},
	}
}

func (a *app) copyVerb() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use: "copy FOLDER", Short: "Copy the store into an empty folder, on any backend", Args: args(1, 1),
		Example: "  reposit -C ~/store copy ~/repos --backend billyfs",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return a.intoEmpty(cmd.Context(), args[0], kind, func(ctx context.Context, to storage.Backend) error {
				return s.CopyTo(ctx, to, &reposit.CopyOptions{Progress: a.progress()})
			})
		},
	}
	cmd.Flags().StringVar(&kind, "backend", place.Badger, "badger or billyfs")
	return cmd
}

// intoEmpty calls fn with a backend in an empty folder.
func (a *app) intoEmpty(
	ctx context.Context, dir, kind string, fn func(ctx context.Context, to storage.Backend) error,
) error {
	if !place.Known(kind) {
		return usageError{fmt.Errorf("backend %q: want badger or billyfs", kind)}
	}
	if found, err := place.Detect(dir); err == nil {
		return fmt.Errorf("%s: there is a store on %s here: %w", dir, found, reposit.ErrExists)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	b, err := place.Backend(dir, kind)
	if err != nil {
		return err
	}
	if err := errors.Join(fn(ctx, b), b.Close()); err != nil {
		return err
	}
	return a.done(map[string]string{"Store": dir, "Backend": kind}, "made a store on %s in %s", kind, dir)
}
