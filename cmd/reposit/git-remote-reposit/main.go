// Command git-remote-reposit lets git clone from, fetch from and push to the repositories of a store:
//
//	git clone reposit::/path/to/store//alice/notes
//
// Git runs it by its name (gitremote-helpers). What comes before the last "//" is the folder of the store, what follows
// is the repository. The variable REPOSIT_AS names the user who acts; without it that is the host, who may do all.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/cmd/reposit/internal/place"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Getenv)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "git-remote-reposit: %q\n", err.Error())
		os.Exit(1)
	}
}

// run speaks with git until it has what it wants.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer, getenv func(string) string) error {
	if len(args) != 2 {
		return errors.New("want a remote and an address: it is git that runs this, for reposit::FOLDER//OWNER/NAME")
	}
	dir, name, err := split(args[1])
	if err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		word, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "capabilities":
			_, err = io.WriteString(out, "connect\noption\n\n")
		case "option":
			_, err = io.WriteString(out, "unsupported\n")
		case "connect":
			return connect(ctx, arg, dir, name, getenv, stream{lines, out})
		case "":
			return nil
		default:
			return fmt.Errorf("git asks for %q, which is unknown", word)
		}
		if err != nil {
			return err
		}
	}
}

// split splits an address into a folder and a repository.
func split(address string) (dir, name string, err error) {
	i := strings.LastIndex(address, "//")
	if i < 0 || i+2 == len(address) {
		return "", "", fmt.Errorf("%q: want FOLDER//OWNER/NAME", address)
	}
	dir, name = address[:i], address[i+2:]
	if dir == "" {
		dir = "."
	}
	if !strings.Contains(name, "/") {
		name = "local/" + name
	}
	return dir, name, nil
}

// A stream is both directions of what git and the helper say.
type stream struct {
	io.Reader
	io.Writer
}

// connect serves one of git's own services.
func connect(
	ctx context.Context, service, dir, name string, getenv func(string) string, rw stream,
) (err error) {
	store, err := place.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	s := store
	if login := getenv("REPOSIT_AS"); login != "" {
		s = store.As(reposit.User(login))
	}
	r, err := s.Repo(ctx, name)
	if err != nil {
		return err
	}
	opts := &reposit.ServeOptions{Protocol: getenv("GIT_PROTOCOL")}
	var serve func(context.Context, io.ReadWriter, *reposit.ServeOptions) error
	switch service {
	case "git-upload-pack":
		serve = r.UploadPack
	case "git-receive-pack":
		serve = r.ReceivePack
	default:
		_, err := io.WriteString(rw, "fallback\n")
		return err
	}
	if _, err := io.WriteString(rw, "\n"); err != nil { // git goes on as if it spoke with the service itself
		return err
	}
	return serve(ctx, rw, opts)
}
