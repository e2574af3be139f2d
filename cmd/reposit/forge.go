package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// forgeVerbs are what a forge has besides Git.
func (a *app) forgeVerbs() []*cobra.Command {
	return []*cobra.Command{a.forkVerb(), a.pullVerbs(), a.protectVerbs(), a.searchVerb(), a.eventsVerb()}
}

func (a *app) forkVerb() *cobra.Command {
	var opts reposit.ForkOptions
	cmd := &cobra.Command{
		Use: "fork REPO", Short: "Fork a repository", Args: args(1, 1), Example: "  reposit fork local/notes --owner agent-7",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
			fork, err := r.Fork(ctx, &opts)
			if err != nil {
				return err
			}
			return a.show(ctx, fork)
		}),
	}
	cmd.Flags().StringVar(&opts.Owner, "owner", "", "whose it is; default: who acts")
	cmd.Flags().StringVar(&opts.Name, "name", "", "default: the parent's")
	return cmd
}

func (a *app) pullVerbs() *cobra.Command {
	var opts reposit.PullOptions
	open := &cobra.Command{
		Use: "open REPO BASE HEAD", Short: "Ask for a branch to be merged", Args: args(3, 3),
		Example: "  reposit pull open local/notes main draft --title 'Better words'",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			pull, err := r.Pulls().Open(ctx, args[0], args[1], &opts)
			if err != nil {
				return err
			}
			return a.done(pull, "pull request %d: %s", pull.Number, pull.Title)
		}),
	}
	open.Flags().StringVar(&opts.Title, "title", "", "default: the first line of the head's message")
	open.Flags().StringVar(&opts.Body, "body", "", "more about it")

	var merge reposit.MergeOptions
	strategy := "merge"
	mergeCmd := &cobra.Command{
		Use: "merge REPO NUMBER", Short: "Merge a pull request", Args: args(2, 2),
		Example: "  reposit pull merge local/notes 7 --strategy squash",
		RunE: a.onPull(func(ctx context.Context, p reposit.Pulls, number int) error {
			var err error
			if merge.Strategy, err = mergeStrategy(strategy); err != nil {
				return err
			}
			res, err := p.Merge(ctx, number, &merge)
			if err != nil {
				return err
			}
			return a.done(res, "%s: the base is at %s", fmt.Sprint(res.Kind), short(res.Commit.Hash))
		}),
	}
	mergeFlags(mergeCmd, &merge, &strategy)
	return group("pull", "List, open, show, merge and close pull requests",
		&cobra.Command{
			Use: "list REPO", Short: "List open pull requests", Args: args(1, 1), Example: "  reposit pull list local/notes",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				return printAll(a, allPulls(ctx, r), func(row func(...any), p reposit.Pull) {
					row(p.Number, p.Title, p.Author, p.BaseBranch+" ← "+p.HeadBranch, p.UpdatedAt)
				})
			}),
		},
		open,
		&cobra.Command{
			Use: "show REPO NUMBER", Short: "Say whether a pull request can be merged", Args: args(2, 2),
			Example: "  reposit pull show local/notes 7",
			RunE: a.onPull(func(ctx context.Context, pulls reposit.Pulls, number int) error {
				pull, err := pulls.Pull(ctx, number)
				if err != nil {
					return err
				}
				status, err := pulls.Status(ctx, number)
				if err != nil {
					return err
				}
				return a.answer(struct {
					reposit.Pull
					Status reposit.PullStatus
				}{pull, status}, func(p *printer) {
					p.line("%d %s  %s", pull.Number, pull.Title, fmt.Sprint(pull.State))
					p.line("%s ← %s", pull.BaseBranch, pull.HeadBranch)
					p.line("can be merged: %v", status.Mergeable)
					for _, lack := range append(status.Lacks, status.Notes...) {
						p.line("  %s", lack)
					}
				})
			}),
		},
		mergeCmd,
		&cobra.Command{
			Use: "close REPO NUMBER", Short: "Close a pull request", Args: args(2, 2),
			Example: "  reposit pull close local/notes 7",
			RunE: a.onPull(func(ctx context.Context, p reposit.Pulls, number int) error {
				if err := p.Close(ctx, number); err != nil {
					return err
				}
				return a.done(map[string]int{"Closed": number}, "closed pull request %d", number)
			}),
		},
	)
}

// onPull makes the function of a verb for one pull request.
func (a *app) onPull(fn func(context.Context, reposit.Pulls, int) error) runner {
	return a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
		number, err := strconv.Atoi(args[0])
		if err != nil {
			return usageError{fmt.Errorf("pull request %q: want a number", args[0])}
		}
		return fn(ctx, r.Pulls(), number)
	})
}

func allPulls(ctx context.Context, r *reposit.Repo) func(yield func(reposit.Pull, error) bool) {
	return func(yield func(reposit.Pull, error) bool) {
		var opts reposit.PullListOptions
		for {
			page, err := r.Pulls().List(ctx, &opts)
			if err != nil {
				yield(reposit.Pull{}, err)
				return
			}
			for _, p := range page.Items {
				if !yield(p, nil) {
					return
				}
			}
			if opts.PageToken = page.NextPageToken; opts.PageToken == "" {
				return
			}
		}
	}
}

func (a *app) protectVerbs() *cobra.Command {
	var rule reposit.Protection
	set := &cobra.Command{
		Use: "set REPO PATTERN", Short: "Protect branches", Args: args(2, 2),
		Example: "  reposit protect set local/notes 'release/*' --reviews 2",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			if err := r.Protection().Set(ctx, args[0], rule); err != nil {
				return err
			}
			return a.done(reposit.ProtectionRule{Pattern: args[0], Protection: rule}, "protected %s", args[0])
		}),
	}
	f := set.Flags()
	f.BoolVar(&rule.RequirePR, "pull-request", false, "commits come through pull requests only")
	f.IntVar(&rule.RequiredReviews, "reviews", 0, "approvals that a pull request needs")
	f.BoolVar(&rule.DismissStaleReviews, "dismiss-stale", false, "a new commit drops approvals")
	f.BoolVar(&rule.RequireCodeOwnerReview, "code-owners", false, "owners of changed paths must approve")
	f.BoolVar(&rule.RequireLastPushApproval, "last-push", false, "somebody other than the last to push must approve")
	f.BoolVar(&rule.AllowForcePush, "allow-force", false, "commits may be taken away")
	f.BoolVar(&rule.AllowDeletion, "allow-deletion", false, "the branch may be deleted")
	f.BoolVar(&rule.BypassAdmins, "bypass-admins", false, "admins are exempt")
	return group("protect", "List, set and remove rules that protect branches",
		&cobra.Command{
			Use: "list REPO", Short: "List rules", Args: args(1, 1), Example: "  reposit protect list local/notes",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				rules, err := r.Protection().List(ctx)
				if err != nil {
					return err
				}
				return printSlice(a, rules, func(row func(...any), p reposit.ProtectionRule) {
					row(p.Pattern, fmt.Sprintf("%+v", p.Protection))
				})
			}),
		},
		set,
		&cobra.Command{
			Use: "remove REPO PATTERN", Short: "Remove a rule", Args: args(2, 2),
			Example: "  reposit protect remove local/notes 'release/*'",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				if err := r.Protection().Remove(ctx, args[0]); err != nil {
					return err
				}
				return a.done(map[string]string{"Removed": args[0]}, "removed the rule for %s", args[0])
			}),
		},
	)
}

func (a *app) searchVerb() *cobra.Command {
	var opts reposit.SearchOptions
	cmd := &cobra.Command{
		Use: "search WORDS…", Short: "Find repositories by words", Args: args(1, -1),
		Example: "  reposit search field notes --language Go",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			page, err := s.Search(cmd.Context(), strings.Join(args, " "), &opts)
			if err != nil {
				return err
			}
			return printSlice(a, page.Items, func(row func(...any), r reposit.SearchResult) {
				row(r.FullName(), r.Language, r.Description)
			})
		},
	}
	cmd.Flags().StringVar(&opts.Owner, "owner", "", "of this owner alone")
	cmd.Flags().StringVar(&opts.Language, "language", "", "as it is written: Go, Ruby")
	cmd.Flags().IntVarP(&opts.PageSize, "limit", "n", 30, "at most so many, and 100")
	return cmd
}

func (a *app) eventsVerb() *cobra.Command {
	var after int64
	var follow bool
	cmd := &cobra.Command{
		Use: "events", Short: "List what has happened", Args: args(0, 0),
		Example: "  reposit events --follow --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, err := a.open(ctx)
			if err != nil {
				return err
			}
			first, last, err := s.EventRange(ctx)
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("after") {
				after = max(first-1, 0)
			}
			if !follow && after >= last {
				return nil
			}
			p := a.printer(!follow)
			for e, err := range s.Events(ctx, after) {
				if err != nil {
					if follow && ctx.Err() != nil {
						return nil
					}
					return err
				}
				if a.json {
					err = a.printJSON(e)
				} else {
					p.line("%d  %s  %-20s %s  %s %s", e.Number, e.When, fmt.Sprint(e.Kind), e.By, e.Name, e.Detail)
				}
				if err != nil || !follow && e.Number >= last {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, "only those with higher numbers")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on with what happens, until interrupted")
	return cmd
}
