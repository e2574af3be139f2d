package main

import (
	"iter"
)

// printAll prints each of seq: a row for people, a line of JSON for programs.
func printAll[T any](a *app, seq iter.Seq2[T, error], print func(row func(cells ...any), item T)) error {
	var failed error
	if a.json {
		for item, err := range seq {
			if err != nil {
				return err
			}
			if err := a.printJSON(item); err != nil {
				return err
			}
		}
		return nil
	}
	a.printer(false).table(func(row func(cells ...any)) {
		for item, err := range seq {
			if err != nil {
				failed = err
				return
			}
			print(row, item)
		}
	})
	return failed
}

// printSlice is printAll of a slice.
func printSlice[T any](a *app, items []T, print func(row func(cells ...any), item T)) error {
	return printAll(a, func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}, print)
}
