package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// peopleVerbs are about who there is, and what they may do.
func (a *app) peopleVerbs() []*cobra.Command {
	return []*cobra.Command{a.userVerbs(), a.teamVerbs(), a.keyVerbs()}
}

func (a *app) userVerbs() *cobra.Command {
	var p reposit.Profile
	put := &cobra.Command{
		Use: "put LOGIN", Short: "Add a user, or change what is known of them", Args: args(1, 1),
		Example: "  reposit user put ann --name 'Ann Lee' --email ann@example.com",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			p.Login = args[0]
			if err := s.Users().Put(cmd.Context(), p); err != nil {
				return err
			}
			return a.done(p, "%s is a user", p.Login)
		},
	}
	put.Flags().StringVar(&p.Name, "name", "", "")
	put.Flags().StringVar(&p.Email, "email", "", "")
	permission := "read"
	grant := &cobra.Command{
		Use: "grant REPO LOGIN", Short: "Open a repository to a user", Args: args(2, 2),
		Example: "  reposit user grant local/notes ann --permission write",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			level, err := reposit.ParsePermission(permission)
			if err != nil {
				return err
			}
			if level == reposit.None {
				err = r.Collaborators().Remove(ctx, args[0])
			} else {
				err = r.Collaborators().Add(ctx, args[0], level)
			}
			if err != nil {
				return err
			}
			return a.done(reposit.Collaborator{Login: args[0], Permission: level}, "%s: %s", args[0], level)
		}),
	}
	grant.Flags().StringVar(&permission, "permission", "read", "none, read, write or admin")
	return group("user", "List, add and remove users, and open repositories to them",
		&cobra.Command{
			Use: "list", Short: "List users", Args: args(0, 0), Example: "  reposit user list",
			RunE: func(cmd *cobra.Command, _ []string) error {
				s, err := a.open(cmd.Context())
				if err != nil {
					return err
				}
				return printAll(a, s.Users().All(cmd.Context()), func(row func(...any), p reposit.Profile) {
					row(p.Login, p.Name, p.Email)
				})
			},
		},
		put, grant,
		&cobra.Command{
			Use: "remove LOGIN", Short: "Remove a user", Args: args(1, 1), Example: "  reposit user remove ann",
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := a.open(cmd.Context())
				if err != nil {
					return err
				}
				if err := s.Users().Remove(cmd.Context(), args[0]); err != nil {
					return err
				}
				return a.done(map[string]string{"Removed": args[0]}, "removed %s", args[0])
			},
		},
	)
}

// fullName splits OWNER/NAME.
func fullName(text string) (owner, name string, err error) {
	owner, name, ok := strings.Cut(text, "/")
	if !ok {
		return "", "", usageError{fmt.Errorf("%q: want OWNER/NAME", text)}
	}
	return owner, name, nil
}

func (a *app) teamVerbs() *cobra.Command {
	var members, repos []string
	permission := "read"
	put := &cobra.Command{
		Use: "put OWNER/TEAM", Short: "Make a team, or replace it", Args: args(1, 1),
		Example: "  reposit team put local/writers --members ann,bob --repos local/notes --permission write",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := a.open(ctx)
			if err != nil {
				return err
			}
			t := reposit.Team{Members: members}
			if t.Owner, t.Name, err = fullName(args[0]); err != nil {
				return err
			}
			if t.Permission, err = reposit.ParsePermission(permission); err != nil {
				return err
			}
			for _, name := range repos {
				r, err := a.repo(ctx, name)
				if err != nil {
					return err
				}
				t.Repos = append(t.Repos, r.ID())
			}
			if err := s.Teams().Put(ctx, t); err != nil {
				return err
			}
			return a.done(t, "%s has %d members", args[0], len(members))
		},
	}
	put.Flags().StringSliceVar(&members, "members", nil, "logins")
	put.Flags().StringSliceVar(&repos, "repos", nil, "repositories that it opens")
	put.Flags().StringVar(&permission, "permission", "read", "read, write or admin")
	return group("team", "List, make and remove teams",
		&cobra.Command{
			Use: "list OWNER", Short: "List the teams of an owner", Args: args(1, 1), Example: "  reposit team list local",
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := a.open(cmd.Context())
				if err != nil {
					return err
				}
				teams, err := s.Teams().List(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return printSlice(a, teams, func(row func(...any), t reposit.Team) {
					row(t.Owner+"/"+t.Name, t.Permission, strings.Join(t.Members, ", "))
				})
			},
		},
		put,
		&cobra.Command{
			Use: "remove OWNER/TEAM", Short: "Remove a team", Args: args(1, 1), Example: "  reposit team remove local/writers",
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := a.open(cmd.Context())
				if err != nil {
					return err
				}
				owner, name, err := fullName(args[0])
				if err != nil {
					return err
				}
				if err := s.Teams().Remove(cmd.Context(), owner, name); err != nil {
					return err
				}
				return a.done(map[string]string{"Removed": args[0]}, "removed %s", args[0])
			},
		},
	)
}

func (a *app) keyVerbs() *cobra.Command {
	var opts reposit.KeyOptions
	add := &cobra.Command{
		Use: "add REPO TITLE FILE", Short: "Add a public SSH key that opens a repository", Args: args(3, 3),
		Example: "  reposit key add local/notes build ~/.ssh/build.pub --write",
		RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
			text, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			k, err := r.DeployKeys().Add(ctx, args[0], strings.TrimSpace(string(text)), &opts)
			if err != nil {
				return err
			}
			return a.done(k, "key %d: %s", k.ID, k.Fingerprint)
		}),
	}
	add.Flags().BoolVar(&opts.Write, "write", false, "it may write, too")
	return group("key", "List, add and remove deploy keys",
		&cobra.Command{
			Use: "list REPO", Short: "List keys", Args: args(1, 1), Example: "  reposit key list local/notes",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				keys, err := r.DeployKeys().List(ctx)
				if err != nil {
					return err
				}
				return printSlice(a, keys, func(row func(...any), k reposit.DeployKey) {
					may := "read"
					if k.Write {
						may = "write"
					}
					row(k.ID, k.Title, may, k.Fingerprint, k.CreatedAt)
				})
			}),
		},
		add,
		&cobra.Command{
			Use: "remove REPO ID", Short: "Remove a key", Args: args(2, 2), Example: "  reposit key remove local/notes 3",
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, args []string) error {
				id, err := strconv.ParseInt(args[0], 10, 64)
				if err != nil {
					return usageError{fmt.Errorf("key %q: want a number", args[0])}
				}
				if err := r.DeployKeys().Remove(ctx, id); err != nil {
					return err
				}
				return a.done(map[string]int64{"Removed": id}, "removed key %d", id)
			}),
		},
	)
}
