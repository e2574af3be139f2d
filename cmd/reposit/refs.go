package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// group makes a verb of verbs.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
		return usageError{fmt.Errorf("%s needs a verb: reposit %s --help lists them", use, use)}
	}}
	for _, v := range verbs {
		g.Example += v.Example + "\n"
	}
	g.AddCommand(verbs...)
	return g
}

// done makes the answer of a verb that changes something.
func (a *app) done(v any, format string, args ...any) error {
	return a.answer(v, func(p *printer) { p.line(format, args...) })
}

// refVerbs are about branches and tags, and how they are merged.
func (a *app) refVerbs() []*cobra.Command {
	return []*cobra.Command{a.branchVerbs(), a.tagVerbs(), a.mergeVerb()}
}

func (a *app) branchVerbs() *cobra.Command {
	return group("branch", "List, make, rename and delete branches",
		&cobra.Command{
			Use: "list REPO", Short: "List branches", Args: args(1, 1), Example: "  reposit branch list local/notes",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				return printAll(a, r.Branches().All(ctx), func(row func(...any), b reposit.Branch) {
					protected := ""
					if b.Protected {
						protected = "protected"
					}
					row(b.Name, short(b.Commit.Hash), b.Commit.Committer.When, protected, subject(&b.Commit))
				})
			}),
		},
		&cobra.Command{
			Use: "create REPO NAME [REVISION]", Short: "Make a branch", Args: args(2, 3),
			Example: "  reposit branch create local/notes draft main~2",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				b, err := r.Branches().Create(ctx, args[0], arg(args, 1))
				if err != nil {
					return err
				}
				return a.done(b, "%s is at %s", b.Name, short(b.Commit.Hash))
			}),
		},
		&cobra.Command{
			Use: "rename REPO NAME NEW-NAME", Short: "Rename a branch", Args: args(3, 3),
			Example: "  reposit branch rename local/notes draft final",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				if err := r.Branches().Rename(ctx, args[0], args[1]); err != nil {
					return err
				}
				return a.done(map[string]string{"Branch": args[1]}, "%s is now %s", args[0], args[1])
			}),
		},
		&cobra.Command{
			Use: "delete REPO NAME", Short: "Delete a branch", Args: args(2, 2),
			Example: "  reposit branch delete local/notes draft",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				if err := r.Branches().Delete(ctx, args[0]); err != nil {
					return err
				}
				return a.done(map[string]string{"Deleted": args[0]}, "deleted %s", args[0])
			}),
		},
	)
}

func (a *app) tagVerbs() *cobra.Command {
	var opts reposit.TagOptions
	create := &cobra.Command{
		Use: "create REPO NAME [REVISION]", Short: "Make a tag", Args: args(2, 3),
		Example: "  reposit tag create local/notes v1 -m 'The first one'",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			t, err := r.Tags().Create(ctx, args[0], arg(args, 1), &opts)
			if err != nil {
				return err
			}
			return a.done(t, "%s is at %s", t.Name, short(t.Target))
		}),
	}
	create.Flags().StringVarP(&opts.Message, "message", "m", "", "makes the tag annotated")
	return group("tag", "List, make and delete tags",
		&cobra.Command{
			Use: "list REPO", Short: "List tags", Args: args(1, 1), Example: "  reposit tag list local/notes",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				return printAll(a, r.Tags().All(ctx), func(row func(...any), t reposit.Tag) {
					row(t.Name, short(t.Target), firstLine(t.Message))
				})
			}),
		},
		create,
		&cobra.Command{
			Use: "delete REPO NAME", Short: "Delete a tag", Args: args(2, 2), Example: "  reposit tag delete local/notes v1",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				if err := r.Tags().Delete(ctx, args[0]); err != nil {
					return err
				}
				return a.done(map[string]string{"Deleted": args[0]}, "deleted %s", args[0])
			}),
		},
	)
}

func (a *app) mergeVerb() *cobra.Command {
	var opts reposit.MergeOptions
	strategy := "merge"
	cmd := &cobra.Command{
		Use: "merge REPO REVISION", Short: "Merge a revision into a branch", Args: args(2, 2),
		Example: "  reposit merge local/notes draft\n  reposit merge local/notes draft --into main --dry-run",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			var err error
			if opts.Strategy, err = mergeStrategy(strategy); err != nil {
				return err
			}
			res, err := r.Merge(ctx, args[0], &opts)
			if err != nil {
				return err
			}
			return a.done(res, "%s: %s is at %s", fmt.Sprint(res.Kind), "the branch", short(res.Commit.Hash))
		}),
	}
	cmd.Flags().StringVar(&opts.Branch, "into", "", "branch; default: the default branch")
	mergeFlags(cmd, &opts, &strategy)
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "say what would happen")
	return cmd
}

func mergeFlags(cmd *cobra.Command, opts *reposit.MergeOptions, strategy *string) {
	cmd.Flags().StringVar(strategy, "strategy", "merge", "merge, ff-only, squash or rebase")
	cmd.Flags().StringVarP(&opts.Message, "message", "m", "", "default: says what is merged")
}

func mergeStrategy(name string) (s reposit.MergeStrategy, err error) {
	all := map[string]reposit.MergeStrategy{
		"merge": reposit.MergeCommit, "ff-only": reposit.FastForwardOnly, "squash": reposit.Squash, "rebase": reposit.Rebase,
	}
	s, ok := all[name]
	if !ok {
		return 0, usageError{fmt.Errorf("strategy %q: want merge, ff-only, squash or rebase", name)}
	}
	return s, nil
}
