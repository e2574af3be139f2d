package main

import (
	"errors"
	"fmt"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
)

// The exit codes.
const (
	exitOK = iota
	exitError
	exitUsage
	exitNotFound
	exitConflict
	exitForbidden
	exitBusy
	exitCorrupt
)

const exitCodes = `Exit codes: 0 done; 1 another error; 2 wrong usage, or something that can't be; 3 not found; 4 there already, changed
meanwhile, or conflicting; 5 not allowed; 6 the store or a ref is in use; 7 damaged, or no store.`

// A usageError is a mistake in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exits says which code an error gives, and what to do next. The first that matches counts.
var exits = []struct {
	err  error
	code int
	hint string
}{
	{storage.ErrLocked, exitBusy, "close it there, or wait"},
	{storage.ErrBusy, exitBusy, "wait for the program that holds the lock, or remove the lock file if none does"},
	{storage.ErrFormat, exitCorrupt, "-C names another folder; reposit init makes a store in an empty one"},
	{reposit.ErrCorrupt, exitCorrupt, "reposit check says what is damaged"},
	{reposit.ErrProtected, exitForbidden, "a rule protects the branch: reposit protect list"},
	{reposit.ErrForbidden, exitForbidden, "who may do what: reposit show"},
	{storage.ErrReadOnly, exitForbidden, ""},
	{reposit.ErrConflict, exitConflict, "look at what it is now, and try again"},
	{reposit.ErrExists, exitConflict, "choose another name"},
	{reposit.ErrNoChange, exitConflict, ""},
	{reposit.ErrNotFound, exitNotFound, "reposit ls lists what there is"},
	{reposit.ErrInvalid, exitUsage, "reposit VERB --help shows an example"},
	{reposit.ErrTooLarge, exitError, ""},
	{storage.ErrNoSpace, exitError, "make room on the disk; nothing was written"},
}

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	for _, e := range exits {
		if errors.Is(err, e.err) {
			return e.code
		}
	}
	return exitError
}

// complain says what is wrong, and what to do next.
func (a *app) complain(err error) {
	fmt.Fprintf(a.err, "%s\n", safe(err.Error()))
	if conflict, ok := errors.AsType[*reposit.MergeConflictError](err); ok {
		for _, c := range conflict.Conflicts {
			fmt.Fprintf(a.err, "  %s: %s\n", safe(c.Path), safe(fmt.Sprint(c.Kind)))
		}
	}
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(a.err, "hint: reposit --help lists the verbs, reposit VERB --help shows an example")
		return
	}
	for _, e := range exits {
		if errors.Is(err, e.err) {
			if e.hint != "" {
				fmt.Fprintf(a.err, "hint: %s\n", e.hint)
			}
			return
		}
	}
}
