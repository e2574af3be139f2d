package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/cmd/reposit/internal/place"
)

// dir returns the folder of the store.
func (a *app) dir() string {
	switch {
	case a.where != "":
		return a.where
	case a.getenv("REPOSIT_STORE") != "":
		return a.getenv("REPOSIT_STORE")
	}
	return "."
}

// open opens the store, as the user that --as names.
func (a *app) open(ctx context.Context) (*reposit.Store, error) {
	if a.store == nil {
		s, err := place.Open(ctx, a.dir())
		if err != nil {
			return nil, err
		}
		a.store = s
	}
	if a.as != "" {
		return a.store.As(reposit.User(a.as)), nil
	}
	return a.store, nil
}

// storeVerbs are about the store as a whole, and what is in it.
func (a *app) storeVerbs() []*cobra.Command {
	var kind string
	initialize := &cobra.Command{
		Use: "init", Short: "Make a store in an empty folder", Args: args(0, 0),
		Example: "  reposit -C ~/store init\n  reposit -C ~/repos init --backend billyfs   # bare repositories, which git opens too",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !place.Known(kind) {
				return usageError{fmt.Errorf("backend %q: want badger or billyfs", kind)}
			}
			if found, err := place.Detect(a.dir()); err == nil {
				return fmt.Errorf("%s: there is a store on %s here: %w", a.dir(), found, reposit.ErrExists)
			}
			if err := os.MkdirAll(a.dir(), 0o777); err != nil {
				return err
			}
			s, err := place.OpenKind(cmd.Context(), a.dir(), kind)
			if err != nil {
				return err
			}
			a.store = s
			return a.answer(map[string]string{"Store": a.dir(), "Backend": kind}, func(p *printer) {
				p.line("made a store on %s in %s", kind, a.dir())
			})
		},
	}
	initialize.Flags().StringVar(&kind, "backend", place.Badger, "badger or billyfs")

	var list reposit.ListOptions
	var order string
	ls := &cobra.Command{
		Use: "ls", Short: "List repositories", Args: args(0, 0),
		Example: "  reposit ls --sort pushed\n  reposit ls --owner alice --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			sorts := map[string]reposit.Sort{
				"created": reposit.SortCreated, "updated": reposit.SortUpdated, "pushed": reposit.SortPushed,
				"name": reposit.SortName,
			}
			by, ok := sorts[order]
			if !ok {
				return usageError{fmt.Errorf("order %q: want created, updated, pushed or name", order)}
			}
			list.Sort = by
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return printAll(a, s.All(cmd.Context(), &list), func(row func(...any), i reposit.Info) {
				row(i.FullName(), visibility(i), i.Language, i.PushedAt, i.Description)
			})
		},
	}
	ls.Flags().StringVar(&list.Owner, "owner", "", "of this owner alone")
	ls.Flags().StringVar(&order, "sort", "name", "created, updated, pushed or name")

	var create reposit.CreateOptions
	make := &cobra.Command{
		Use: "create NAME", Short: "Make an empty repository", Args: args(1, 1),
		Example: "  reposit create notes --private --description 'What I think of'",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			name := args[0]
			if owner, rest, ok := strings.Cut(name, "/"); ok {
				create.Owner, name = owner, rest
			}
			r, err := s.Create(cmd.Context(), name, &create)
			if err != nil {
				return err
			}
			return a.show(cmd.Context(), r)
		},
	}
	make.Flags().BoolVar(&create.Private, "private", false, "hide it from all but those it is opened to")
	make.Flags().StringVar(&create.Description, "description", "", "what it is")
	make.Flags().StringVar(&create.DefaultBranch, "branch", "", "default branch")

	show := &cobra.Command{
		Use: "show REPO [REVISION]", Short: "Show a repository, or a commit with what it changed", Args: args(1, 2),
		Example: "  reposit show local/notes\n  reposit show local/notes main~2",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			if len(args) > 0 {
				return a.showCommit(ctx, r, args[0])
			}
			return a.show(ctx, r)
		}),
	}
	return []*cobra.Command{initialize, ls, make, show}
}

func visibility(i reposit.Info) string {
	if i.Private {
		return "private"
	}
	return "public"
}

// show prints what a repository is.
func (a *app) show(ctx context.Context, r *reposit.Repo) error {
	info, err := r.Info(ctx)
	if err != nil {
		return err
	}
	return a.answer(info, func(p *printer) {
		p.line("%s  %s  %s", p.paint(bold, info.FullName()), visibility(info), string(info.ID))
		for _, l := range []struct{ name, text string }{
			{"description", info.Description}, {"homepage", info.Homepage}, {"default branch", info.DefaultBranch},
			{"language", info.Language},
			{"size", size(info.Size)}, {"forks", fmt.Sprint(info.Forks)}, {"open pulls", fmt.Sprint(info.OpenPulls)},
			{"created", day(info.CreatedAt)}, {"pushed", day(info.PushedAt)},
		} {
			if l.text != "" && l.text != "0" {
				p.line("%-15s %s", l.name, l.text)
			}
		}
	})
}
