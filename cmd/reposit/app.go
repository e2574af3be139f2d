package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/reposit/reposit"
)

// streams are what the command talks through.
type streams struct {
	in          io.Reader
	out, err    io.Writer
	outTerminal bool // out is a terminal
	errTerminal bool
	getenv      func(string) string
}

func stdStreams() streams {
	return streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())), errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		getenv: os.Getenv,
	}
}

// An app is one run of the command.
type app struct {
	streams
	where   string // -C
	as      string
	json    bool
	noPager bool
	pager   *pager // nil: there is none
	color   bool

	store *reposit.Store
}

// run runs the command, and returns its exit code.
func run(ctx context.Context, args []string, s streams) (code int) {
	a := &app{streams: s}
	root := a.command()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	err = errors.Join(err, a.close())
	if err == nil || errors.Is(err, errPagerClosed) {
		return exitOK
	}
	a.complain(err)
	return exitCode(err)
}

// command makes the tree of verbs.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "reposit",
		Short:         "Git repositories in an embedded store",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Long: `reposit works on a store of Git repositories: a folder that the library of that name keeps.

The store is that of -C, else of the variable REPOSIT_STORE, else the current folder. A repository is OWNER/NAME, or
NAME alone where the owner is "local", or an ID (rp_…).

` + exitCodes,
		Example: `  reposit -C ~/store init
  reposit -C ~/store import notes ~/src/notes/.git
  reposit -C ~/store log local/notes`,
	}
	flags := root.PersistentFlags()
	flags.StringVarP(&a.where, "store", "C", "", "folder of the store")
	flags.StringVar(&a.as, "as", "", "act as this user, who may do less than the host")
	flags.BoolVar(&a.json, "json", false, "print JSON, a value a line")
	flags.BoolVar(&a.noPager, "no-pager", false, "do not page what is long")
	root.Args, root.RunE = args(0, -1), func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usageError{fmt.Errorf("there is no verb %q", args[0])}
		}
		return cmd.Help()
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.SetVersionTemplate("reposit {{.Version}}\n")
	a.color = a.outTerminal && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"
	root.AddCommand(a.storeVerbs()...)
	root.AddCommand(a.fileVerbs()...)
	root.AddCommand(a.historyVerbs()...)
	root.AddCommand(a.lineVerbs()...)
	root.AddCommand(a.refVerbs()...)
	root.AddCommand(a.forgeVerbs()...)
	root.AddCommand(a.peopleVerbs()...)
	root.AddCommand(a.transferVerbs()...)
	root.AddCommand(a.serveVerbs()...)
	root.AddCommand(a.upkeepVerbs()...)
	root.AddCommand(&cobra.Command{
		Use: "version", Short: "Show the version", Args: args(0, 0), Example: "  reposit version",
		RunE: func(*cobra.Command, []string) error {
			return a.answer(map[string]string{"Version": version()}, func(p *printer) { p.line("reposit %s", version()) })
		},
	})
	return root
}

// args checks how many arguments there are; a negative most is any number.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usageError{fmt.Errorf("%d arguments: the usage is %q", len(args), cmd.UseLine())}
		}
		return nil
	}
}

// version returns the version that the command was built as.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
}

// close closes the store and the pager.
func (a *app) close() error {
	var errs []error
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.pager != nil {
		errs = append(errs, a.pager.close())
	}
	return errors.Join(errs...)
}

// repo opens a repository by what the user called it.
func (a *app) repo(ctx context.Context, name string) (*reposit.Repo, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	if id, err := reposit.ParseID(name); err == nil {
		return s.RepoByID(ctx, id)
	}
	name = strings.TrimPrefix(name, "/") // as git has it where a host comes before it
	if !strings.Contains(name, "/") {
		name = "local/" + name
	}
	return s.Repo(ctx, name)
}

// A runner is what a verb does with its arguments.
type runner = func(cmd *cobra.Command, args []string) error

// onRepo makes the runner of a verb whose first argument is a repository.
func (a *app) onRepo(fn func(ctx context.Context, r *reposit.Repo, args []string) error) runner {
	return func(cmd *cobra.Command, args []string) error {
		r, err := a.repo(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return fn(cmd.Context(), r, args[1:])
	}
}

// arg returns the ith argument, or "".
func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}
