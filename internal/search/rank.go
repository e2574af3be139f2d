package search

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/reposit/reposit/internal/record"
	"github.com/reposit/reposit/storage"
)

// A ranked document is one of a result. Higher scores come first, then later documents, then greater IDs.
type ranked struct {
	score   int
	created record.Stamp
	id      storage.ID
}

func (a *ranked) compare(b *ranked) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.created, a.created), bytes.Compare(b.id[:], a.id[:]))
}

// behind reports whether a place comes after another of the same score.
func (p place) behind(o place) bool {
	return p.created < o.created || p.created == o.created && bytes.Compare(p.id[:], o.id[:]) < 0
}

// A top keeps the best of many documents, those that come after a given one.
type top struct {
	size  int
	after *ranked // nil: from the best
	total int     // of all that were added, those before too
	kept  []ranked
}

func (t *top) add(d ranked) {
	t.total++
	if t.after != nil && d.compare(t.after) <= 0 {
		return
	}
	if t.kept = append(t.kept, d); len(t.kept) >= 2*t.size {
		t.sorted()
	}
}

// sorted returns the best, in order.
func (t *top) sorted() []ranked {
	slices.SortFunc(t.kept, func(a, b ranked) int { return a.compare(&b) })
	t.kept = t.kept[:min(t.size, len(t.kept))]
	return t.kept
}
