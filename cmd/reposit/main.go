// Command reposit works on reposit stores: it makes repositories, shows and searches them, and moves them in and out.
//
//	reposit -C STORE VERB …
//
// reposit --help lists the verbs, reposit VERB --help shows an example of each.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], stdStreams())
	stop()
	os.Exit(code)
}
