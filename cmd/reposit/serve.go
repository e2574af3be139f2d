package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/reposit/reposit"
)

// A server is one of a repository's services.
type server = func(context.Context, io.ReadWriter, *reposit.ServeOptions) error

// serveVerbs speak git's own protocol over the standard input and output, for a host behind SSH or a pipe.
func (a *app) serveVerbs() []*cobra.Command {
	verb := func(name, short, example string, of func(*reposit.Repo) server) *cobra.Command {
		var opts reposit.ServeOptions
		cmd := &cobra.Command{
			Use: name + " REPO", Short: short, Args: args(1, 1), Example: example,
			RunE: a.onRepo(func(ctx context.Context, r *reposit.Repo, _ []string) error {
				opts.Protocol = a.getenv("GIT_PROTOCOL")
				rw := struct {
					io.Reader
					io.Writer
				}{a.in, a.out}
				return of(r)(ctx, rw, &opts)
			}),
		}
		cmd.Flags().BoolVar(&opts.Stateless, "stateless-rpc", false, "one request and its answer")
		cmd.Flags().BoolVar(&opts.Advertise, "advertise-refs", false, "only say what there is")
		return cmd
	}
	return []*cobra.Command{
		verb("upload-pack", "Serve a git client that fetches or clones",
			"  git clone --upload-pack 'reposit -C /srv/store upload-pack' host:alice/notes",
			func(r *reposit.Repo) server { return r.UploadPack }),
		verb("receive-pack", "Serve a git client that pushes",
			"  git push --receive-pack 'reposit -C /srv/store receive-pack' host:alice/notes",
			func(r *reposit.Repo) server { return r.ReceivePack }),
	}
}
