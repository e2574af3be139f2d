package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// short is a hash as people read it.
func short(h reposit.Hash) string { return h.String()[:10] }

// subject is the first line of a message.
func subject(c *reposit.Commit) string {
	line, _, _ := strings.Cut(c.Message, "\n")
	return line
}

// historyVerbs are about commits and what they change.
func (a *app) historyVerbs() []*cobra.Command {
	return []*cobra.Command{a.logVerb(), a.diffVerb(), a.undoVerb()}
}

func (a *app) logVerb() *cobra.Command {
	var opts reposit.LogOptions
	var graph, oneline bool
	var since, until string
	cmd := &cobra.Command{
		Use: "log REPO [REVISION] [-- PATH…]", Short: "List commits, the newest first", Args: args(1, -1),
		Example: "  reposit log local/notes --graph\n  reposit log local/notes v1..main -- docs\n" +
			"  reposit log local/notes --author ann --since 2026-01-01 -n 10",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			r, err := a.repo(ctx, args[0])
			if err != nil {
				return err
			}
			if args = args[1:]; cmd.ArgsLenAtDash() == 0 {
				return usageError{fmt.Errorf("the repository comes before --")}
			} else if n := cmd.ArgsLenAtDash(); n > 0 {
				args, opts.Paths = args[:n-1], args[n-1:]
			}
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d revisions, want one; paths come after --", len(args))}
			}
			opts.Revision = arg(args, 0)
			if opts.Since, err = parseTime(since); err != nil {
				return err
			}
			if opts.Until, err = parseTime(until); err != nil {
				return err
			}
			if graph {
				opts.Order = reposit.Topological
			}
			return a.log(ctx, r, &opts, graph, oneline)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&opts.Not, "not", nil, "leave out these revisions' commits")
	f.BoolVar(&opts.Follow, "follow", false, "follow renames of the one path")
	f.StringVar(&opts.Author, "author", "", "by whom: part of name or address, or /a regular expression/")
	f.StringVar(&opts.Committer, "committer", "", "likewise, who committed")
	f.StringVar(&opts.Grep, "grep", "", "likewise, in the message")
	f.StringVar(&since, "since", "", "2006-01-02, or a time of RFC 3339")
	f.StringVar(&until, "until", "", "likewise")
	f.BoolVar(&opts.FirstParent, "first-parent", false, "of merges, only the first parent")
	f.BoolVar(&opts.NoMerges, "no-merges", false, "no commits with several parents")
	f.IntVarP(&opts.Limit, "limit", "n", 0, "at most so many")
	f.BoolVar(&graph, "graph", false, "draw how commits follow each other")
	f.BoolVar(&oneline, "oneline", false, "a line for each")
	return cmd
}

func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("time %q: want 2006-01-02, or 2006-01-02T15:04:05Z", text)}
}

func (a *app) log(ctx context.Context, r *reposit.Repo, opts *reposit.LogOptions, graph, oneline bool) error {
	if a.json {
		return printAll(a, r.Log(ctx, opts), nil)
	}
	p := a.printer(true)
	var lanes lanes
	for c, err := range r.Log(ctx, opts) {
		if err != nil {
			return err
		}
		if !graph {
			p.logged(c, oneline)
			continue
		}
		before, node, after := lanes.next(c.Hash, c.Parents)
		for _, line := range before {
			p.line("%s", line)
		}
		p.line("%s %s %s  %s, %s", node, p.paint(yellow, short(c.Hash)), subject(c), c.Author.Name, c.Author.When)
		for _, line := range after {
			p.line("%s", line)
		}
	}
	return nil
}

// logged prints a commit of a log.
func (p *printer) logged(c *reposit.Commit, oneline bool) {
	if oneline {
		p.line("%s %s  %s, %s", p.paint(yellow, short(c.Hash)), subject(c), c.Author.Name, c.Author.When)
		return
	}
	p.commit(c)
	p.line("")
}

// commit prints a commit as git log does.
func (p *printer) commit(c *reposit.Commit) {
	p.line("%s", p.paint(yellow, "commit "+c.Hash.String()))
	if len(c.Parents) > 1 {
		line := "Merge:"
		for _, h := range c.Parents {
			line += " " + short(h)
		}
		p.line("%s", line)
	}
	p.line("Author: %s <%s>", c.Author.Name, c.Author.Email)
	p.line("Date:   %s", c.Author.When.Format("Mon Jan 2 15:04:05 2006 -0700"))
	p.line("")
	for line := range strings.Lines(strings.TrimRight(c.Message, "\n")) {
		p.line("    %s", strings.TrimRight(line, "\n"))
	}
}

func (a *app) showCommit(ctx context.Context, r *reposit.Repo, rev string) error {
	c, err := r.CommitAt(ctx, rev)
	if err != nil {
		return err
	}
	// The parent of a first commit is the tree that has nothing.
	base := "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	if len(c.Parents) > 0 {
		base = c.Parents[0].String()
	}
	d, err := r.Diff(ctx, base, c.Hash.String(), &reposit.DiffOptions{Renames: reposit.RenamesOn})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			Commit *reposit.Commit
			Diff   *reposit.Diff
		}{c, d})
	}
	p := a.printer(true)
	p.commit(c)
	p.line("")
	p.diff(d)
	return nil
}

// diff prints patches in colours.
func (p *printer) diff(d *reposit.Diff) {
	for _, f := range d.Files {
		for line := range strings.Lines(f.Patch) {
			line = strings.TrimSuffix(line, "\n")
			code := ""
			switch {
			case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "diff "),
				strings.HasPrefix(line, "index "):
				code = bold
			case strings.HasPrefix(line, "@@"):
				code = cyan
			case strings.HasPrefix(line, "+"):
				code = green
			case strings.HasPrefix(line, "-"):
				code = red
			}
			if code == "" || !p.color {
				p.text(line + "\n")
			} else {
				p.line("%s", styled("\x1b["+code+"m"+escape(line, true)+"\x1b[m"))
			}
		}
	}
}

func (a *app) diffVerb() *cobra.Command {
	var opts reposit.DiffOptions
	var stat, renames bool
	cmd := &cobra.Command{
		Use: "diff REPO BASE [HEAD] [-- PATH…]", Short: "Show what differs between two revisions", Args: args(2, -1),
		Example: "  reposit diff local/notes v1 main\n  reposit diff local/notes main~1 --stat",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if n := cmd.ArgsLenAtDash(); n >= 0 {
				args, opts.Paths = args[:n], args[n:]
			}
			if len(args) < 2 || len(args) > 3 {
				return usageError{fmt.Errorf("want a repository and one or two revisions; paths come after --")}
			}
			r, err := a.repo(ctx, args[0])
			if err != nil {
				return err
			}
			opts.StatOnly = stat
			if renames {
				opts.Renames = reposit.RenamesOn
			}
			d, err := r.Diff(ctx, args[1], arg(args, 2), &opts)
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(d)
			case !stat && !a.outTerminal:
				_, err := d.WriteTo(a.out) // which git apply takes
				return err
			case !stat:
				a.printer(true).diff(d)
				return nil
			}
			p := a.printer(true)
			p.table(func(row func(...any)) {
				for _, f := range d.Files {
					row(fmt.Sprint(f.Status), p.paint(green, fmt.Sprintf("+%d", f.Additions)),
						p.paint(red, fmt.Sprintf("-%d", f.Deletions)), f.Path)
				}
			})
			p.line("%d files, +%d -%d", len(d.Files), d.Additions, d.Deletions)
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&stat, "stat", false, "only which files, and how many lines")
	f.BoolVarP(&renames, "renames", "M", false, "find files that were moved")
	f.IntVarP(&opts.Context, "unified", "U", 3, "lines around what changed")
	return cmd
}

func (a *app) undoVerb() *cobra.Command {
	var opts reposit.RestoreOptions
	cmd := &cobra.Command{
		Use: "undo REPO REVISION [PATH…]", Short: "Commit the files of an earlier revision again", Args: args(2, -1),
		Example: "  reposit undo local/notes main~1\n  reposit undo local/notes v1 docs/a.md",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			opts.Paths = args[1:]
			c, err := r.Restore(ctx, args[0], &opts)
			if err != nil {
				return err
			}
			return a.answer(c, func(p *printer) { p.line("%s %s", p.paint(yellow, short(c.Hash)), subject(c)) })
		}),
	}
	cmd.Flags().StringVarP(&opts.Branch, "branch", "b", "", "branch that takes the commit; default: the default branch")
	cmd.Flags().StringVarP(&opts.Message, "message", "m", "", "default: says what was restored")
	return cmd
}
