package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// lineVerbs are about the lines of files, and about what two revisions have made of them.
func (a *app) lineVerbs() []*cobra.Command {
	return []*cobra.Command{a.blameVerb(), a.grepVerb(), a.compareVerb()}
}

func (a *app) blameVerb() *cobra.Command {
	var opts reposit.BlameOptions
	cmd := &cobra.Command{
		Use: "blame REPO REVISION PATH", Short: "Say which commit brought each line of a file", Args: args(3, 3),
		Example: "  reposit blame local/notes main README.md --from 10 --to 20",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			lines, err := r.Blame(ctx, args[0], args[1], &opts)
			if err != nil {
				return err
			}
			if a.json {
				return printSlice(a, lines, nil)
			}
			p := a.printer(true)
			p.table(func(row func(...any)) {
				for _, l := range lines {
					row(p.paint(yellow, short(l.Commit)), l.Author.Name, l.Author.When.Format("2006-01-02"),
						fmt.Sprintf("%4d", l.Number), l.Text)
				}
			})
			return nil
		}),
	}
	cmd.Flags().IntVar(&opts.From, "from", 0, "first line")
	cmd.Flags().IntVar(&opts.To, "to", 0, "last line")
	cmd.Flags().StringSliceVar(&opts.IgnoreRevs, "ignore-rev", nil, "commits that bring no lines")
	return cmd
}

func (a *app) compareVerb() *cobra.Command {
	return &cobra.Command{
		Use: "compare REPO BASE HEAD", Short: "Say what a merge of one revision into another would do", Args: args(3, 3),
		Example: "  reposit compare local/notes main draft",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			c, err := r.Compare(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return a.answer(c, func(p *printer) {
				p.line("%s is %d ahead and %d behind, from %s", args[1], c.Ahead, c.Behind, short(c.MergeBase))
				for _, conflict := range c.Conflicts {
					p.line("  %s: %s", conflict.Path, fmt.Sprint(conflict.Kind))
				}
			})
		}),
	}
}

func (a *app) grepVerb() *cobra.Command {
	var opts reposit.GrepOptions
	cmd := &cobra.Command{
		Use: "grep REPO PATTERN [REVISION] [-- PATH…]", Short: "Find lines in the files of a revision", Args: args(2, -1),
		Example: "  reposit grep local/notes 'tomato(es)?' -i\n  reposit grep local/notes TODO v1 -- '*.md'",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				args, opts.Paths = args[:n], args[n:]
			}
			if len(args) < 2 || len(args) > 3 {
				return usageError{fmt.Errorf("want a repository, a pattern and perhaps a revision; paths come after --")}
			}
			r, err := a.repo(ctx, args[0])
			if err != nil {
				return err
			}
			found := r.Grep(ctx, arg(args, 2), args[1], &opts)
			if a.json {
				return printAll(a, found, nil)
			}
			p := a.printer(true)
			for m, err := range found {
				if err != nil {
					return err
				}
				p.around(m, "-", m.Before, m.Line-len(m.Before))
				p.line("%s:%s:%s", p.paint(cyan, m.Path), p.paint(green, fmt.Sprint(m.Line)), m.Text)
				p.around(m, "-", m.After, m.Line+1)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&opts.IgnoreCase, "ignore-case", "i", false, "capitals are small letters")
	f.BoolVarP(&opts.FixedString, "fixed", "F", false, "the pattern is a text, not a regular expression")
	f.BoolVarP(&opts.WholeWord, "word", "w", false, "whole words alone")
	f.IntVarP(&opts.Before, "before", "B", 0, "lines before each that is found")
	f.IntVarP(&opts.After, "after", "A", 0, "lines after each that is found")
	f.IntVarP(&opts.Limit, "limit", "n", 0, "at most so many")
	return cmd
}

// around prints lines beside one that was found.
func (p *printer) around(m reposit.GrepMatch, mark string, lines []string, first int) {
	for i, text := range lines {
		p.line("%s%s%d%s%s", p.paint(cyan, m.Path), mark, first+i, mark, text)
	}
}
