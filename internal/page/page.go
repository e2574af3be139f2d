// Package page cuts lists into pages: which page is asked for, the tokens that say where one ended, the rows of one,
// and the items of all, one page after the other.
package page

import (
	"fmt"
	"iter"

	"github.com/reposit/reposit/internal/fault"
)

const (
	// DefaultSize is the size of a page that is asked for without one.
	DefaultSize = 30
	// MaxSize is the size of the largest page.
	MaxSize = 100

	maxNumber = 1 << 24 // far beyond what can be counted to
)

// Bounds say which rows of a list are a page.
type Bounds struct {
	Size int // of the page; there may be fewer
	Skip int // how many rows come before it
}

// Check returns the bounds of a page of a size, which is DefaultSize if 0. The page is given by its number, from 1 on,
// or by the token of the page before. It returns an error of the kind fault.Invalid for what can't be, such as both.
func Check(size, number int, token string) (Bounds, error) {
	switch {
	case size < 0 || size > MaxSize:
		return Bounds{}, fault.New(fault.Invalid, fmt.Sprintf("page size: %d is not between 1 and %d", size, MaxSize))
	case number < 0 || number > maxNumber:
		return Bounds{}, fault.New(fault.Invalid, fmt.Sprintf("page: %d", number))
	case number > 0 && token != "":
		return Bounds{}, fault.New(fault.Invalid, "page: there is a page token too")
	}
	if size == 0 {
		size = DefaultSize
	}
	return Bounds{Size: size, Skip: max(number-1, 0) * size}, nil
}

// Cut returns the rows within the bounds, and whether others come behind them. It takes one row more than it returns
// and those that it skips, and returns the first error.
func Cut[R any](rows iter.Seq2[R, error], b Bounds) (cut []R, more bool, err error) {
	cut = make([]R, 0, b.Size)
	for row, err := range rows {
		switch {
		case err != nil:
			return nil, false, err
		case b.Skip > 0:
			b.Skip--
		case len(cut) == b.Size:
			return cut, true, nil
		default:
			cut = append(cut, row)
		}
	}
	return cut, false, nil
}

// All yields the items of all pages, from the one at a position on. read returns the items of a page, and whether there
// is another one, with its position. Nothing is held while the loop body runs. The first error comes last.
func All[T, P any](at P, read func(at P) (items []T, next P, more bool, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		at := at // each loop begins where the first one did
		for {
			items, next, more, err := read(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if !more {
				return
			}
			at = next
		}
	}
}
