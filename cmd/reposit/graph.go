package main

import (
	"slices"
	"strings"

	"github.com/reposit/reposit"
)

// Lanes draw how commits follow each other. Each lane leads to the commit that it holds, which is yet to come; one that
// holds the zero Hash is free.
type lanes struct{ to []reposit.Hash }

// next returns what stands before a commit, and the lines before and after that one. Commits come after their children.
func (l *lanes) next(h reposit.Hash, parents []reposit.Hash) (before []string, node string, after []string) {
	at := slices.Index(l.to, h)
	if at < 0 {
		at = l.free(0)
		l.to[at] = h
	}
	for i := at + 1; i < len(l.to); i++ { // of other children
		if l.to[i] == h {
			before = append(before, l.join(at, i, "╯"))
			l.to[i] = reposit.Hash{}
		}
	}
	node = l.row(func(i int) string {
		if i == at {
			return "*"
		}
		return ""
	})
	l.to[at] = reposit.Hash{}
	for n, p := range parents {
		if n == 0 {
			l.to[at] = p
			continue
		}
		end := "┤"
		i := slices.Index(l.to, p)
		if i == at {
			continue // The same parent, twice.
		}
		if i < 0 {
			i, end = l.free(at+1), "╮"
			l.to[i] = p
		}
		after = append(after, l.join(at, i, end))
	}
	for len(l.to) > 0 && l.to[len(l.to)-1].IsZero() {
		l.to = l.to[:len(l.to)-1]
	}
	return before, node, after
}

// free returns a free lane, from the given one on.
func (l *lanes) free(from int) int {
	for i := from; i < len(l.to); i++ {
		if l.to[i].IsZero() {
			return i
		}
	}
	l.to = append(l.to, reposit.Hash{})
	return len(l.to) - 1
}

// row draws the lanes; mark says what stands in one instead, "" for the lane itself.
func (l *lanes) row(mark func(i int) string) string {
	var b strings.Builder
	for i, to := range l.to {
		cell := mark(i)
		switch {
		case cell != "":
		case to.IsZero():
			cell = " "
		default:
			cell = "│"
		}
		b.WriteString(cell + " ")
	}
	return strings.TrimRight(b.String(), " ")
}

// join draws a line between the lane of a commit and another one, across those in between. end is how it ends on the
// right.
func (l *lanes) join(at, other int, end string) string {
	left, right := min(at, other), max(at, other)
	ends := map[int]string{at: "├", other: end}
	if other < at {
		ends = map[int]string{at: "╯", other: "├"}
		if !l.to[at].IsZero() {
			ends[at] = "┤"
		}
	}
	var b strings.Builder
	for i, to := range l.to {
		between := i > left && i < right
		switch {
		case ends[i] != "":
			b.WriteString(ends[i])
		case between && to.IsZero():
			b.WriteString("─")
		case between:
			b.WriteString("┼")
		case to.IsZero():
			b.WriteByte(' ')
		default:
			b.WriteString("│")
		}
		if i >= left && i < right {
			b.WriteString("─")
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.TrimRight(b.String(), " ")
}
