// Package contributor counts the commits of each author, keeps the counts of a repository's default branch up to date,
// and says who the authors are.
//
// As on GitHub, merge commits and commits that change nothing are nobody's contribution
// (docs.github.com/en/rest/metrics/statistics), and a commit is that of its author alone: neither its committer nor
// who is named in its message has a share. Those who are named there are added if somebody asks for it (AddCoAuthors).
//
// What is kept are the names and addresses as the commits have them. A .mailmap and the addresses of users, which may
// change at any time, are looked at when it is asked who the contributors are.
package contributor

import (
	"context"
	"errors"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/storage"
)

// An Author is a name and an address as commits have them, with the number of their commits.
type Author struct {
	Name, Email string
	Commits     int
}

// A Tally says how many commits each author has among those that a tip reaches. It is never changed.
type Tally struct {
	Tip     git.Hash // zero: no commit
	Authors []Author // in the order in which they were found; each once

	span   span
	serial uint64 // how often a tally of the repository was saved
}

// A span bounds the times of commits. Walking back by time must know how far it can go wrong.
type span struct {
	latest int64 // no commit is later, in seconds since 1970
	skew   int64 // no ancestor of a commit is later than it by more than that
}

// A Counter counts the commits of one store. It is safe for concurrent use.
type Counter struct {
	objects *object.Store
	graphs  *graph.Store                // nil: commits are read as objects
	pace    func(context.Context) error // nil: as fast as it goes
}

// NewCounter returns a Counter of what objects reads.
func NewCounter(objects *object.Store) *Counter { return &Counter{objects: objects} }

// Paced returns a Counter that calls pace after each few commits of those that it reads all. An error ends the count.
func (c *Counter) Paced(pace func(context.Context) error) *Counter {
	return &Counter{c.objects, c.graphs, pace}
}

// On returns a Counter that reads commits as objects only if they are not stored in graphs.
func (c *Counter) On(graphs *graph.Store) *Counter { return &Counter{c.objects, graphs, c.pace} }

// Count counts all commits that tip reaches, at the cost of reading each, and of about 100 bytes of memory for each.
// The zero hash reaches none. The errors are those of object.Store, for what is missing or damaged, and ctx's.
func (c *Counter) Count(ctx context.Context, pool storage.ID, tip git.Hash) (*Tally, error) {
	t, _, err := c.count(ctx, pool, tip)
	return t, err
}

func (c *Counter) count(ctx context.Context, pool storage.ID, tip git.Hash) (t *Tally, read int, err error) {
	h := &history{}
	if !tip.IsZero() {
		if h, err = c.history(ctx, pool, tip); err != nil {
			return nil, 0, err
		}
	}
	s := newSum(nil)
	for i := range h.commits {
		if h.counts(i) {
			s.add(h.authors[h.commits[i].author], 1)
		}
	}
	return &Tally{Tip: tip, Authors: s.authors, span: h.span()}, len(h.commits), nil
}

// Advance returns the tally of another tip, and how many commits it read. These are the commits that only one of the
// two tips reaches, and further ones only as far as their times leave it open which those are. If that can't be, as
// when the old tip is gone, it counts.
func (c *Counter) Advance(ctx context.Context, pool storage.ID, from *Tally,
	tip git.Hash) (t *Tally, read int, err error) {
	if from.Tip == tip {
		return from, 0, nil
	}
	if !from.Tip.IsZero() && !tip.IsZero() {
		d := &difference{objects: c.objects, pool: pool, span: from.span, seen: map[git.Hash]*node{}}
		err := d.find(ctx, from.Tip, tip)
		if err == nil {
			return d.apply(from, tip), len(d.order), nil
		}
		if !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrCorrupt) {
			return nil, 0, err
		}
	}
	return c.count(ctx, pool, tip)
}

func newAuthor(c *git.Commit) Author { return authorOf(graph.AuthorOf(c)) }

func authorOf(a graph.Author) Author { return Author{Name: a.Name, Email: a.Email} }

// A sum adds up the commits of authors.
type sum struct {
	authors []Author
	index   map[[2]string]int
}

func newSum(authors []Author) *sum {
	s := &sum{authors: slices.Clone(authors), index: make(map[[2]string]int, len(authors))}
	for i, a := range authors {
		s.index[[2]string{a.Name, a.Email}] = i
	}
	return s
}

func (s *sum) add(a Author, n int) {
	key := [2]string{a.Name, a.Email}
	i, ok := s.index[key]
	if !ok {
		i = len(s.authors)
		s.index[key] = i
		s.authors = append(s.authors, Author{Name: a.Name, Email: a.Email})
	}
	s.authors[i].Commits += n
}
