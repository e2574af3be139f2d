package contributor

import (
	"context"
	"strings"

	"github.com/reposit/reposit/internal/charset"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/trailer"
	"github.com/reposit/reposit/storage"
)

// coAuthor is the trailer that names a further author of a commit.
const coAuthor = "Co-authored-by"

// AddCoAuthors returns the authors of a tally, where each co-author of a commit has a share as its author has: those
// whom a trailer Co-authored-by names, each once, and not the author again. m says who is the same. It reads all
// commits that the tally's tip reaches, at a cost of about 150 bytes of memory for each.
func (c *Counter) AddCoAuthors(ctx context.Context, pool storage.ID, t *Tally, m *Mailmap) ([]Author, error) {
	w := shared{trees: map[git.Hash]git.Hash{}}
	open := []git.Hash{t.Tip}
	for len(open) > 0 && !t.Tip.IsZero() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h := open[len(open)-1]
		open = open[:len(open)-1]
		if _, again := w.trees[h]; again {
			continue
		}
		kind, data, err := c.objects.Pass(ctx, pool, h)
		if err != nil {
			return nil, err
		}
		is, err := parse(h, kind, data)
		if err != nil {
			return nil, err
		}
		w.look(h, is, m)
		open = append(open, is.Parents...)
	}
	s := newSum(t.Authors)
	for _, one := range w.works {
		parent := git.EmptyTree
		if !one.parent.IsZero() {
			parent = w.trees[one.parent]
		}
		if one.tree == parent {
			continue // it changes nothing
		}
		for _, a := range one.by {
			s.add(a, 1)
		}
	}
	return s.authors, nil
}

// shared are commits with co-authors, and the trees of all.
type shared struct {
	trees map[git.Hash]git.Hash
	works []work
}

// A work is a commit with co-authors.
type work struct {
	tree, parent git.Hash
	by           []Author
}

func (w *shared) look(h git.Hash, is *git.Commit, m *Mailmap) {
	w.trees[h] = is.Tree
	if len(is.Parents) > 1 {
		return
	}
	by := coAuthors(is, m)
	if len(by) == 0 {
		return
	}
	one := work{tree: is.Tree, by: by}
	if len(is.Parents) == 1 {
		one.parent = is.Parents[0]
	}
	w.works = append(w.works, one)
}

// coAuthors returns who has a share in a commit beside its author.
func coAuthors(is *git.Commit, m *Mailmap) (all []Author) {
	if !containsFold(is.Message, coAuthor) {
		return nil
	}
	author := newAuthor(is)
	_, email := m.Resolve(author.Name, author.Email)
	known := map[string]bool{lower(email): true}
	for _, t := range trailer.Parse(charset.Commit(is).Message) {
		p, _, ok := cutPerson(t.Value)
		if !strings.EqualFold(t.Key, coAuthor) || !ok {
			continue
		}
		a := Author{Name: graph.CleanText(p.name), Email: graph.CleanText(p.email)}
		_, email := m.Resolve(a.Name, a.Email)
		if key := lower(email); email != "" && !known[key] {
			known[key] = true
			all = append(all, a)
		}
	}
	return all
}

// containsFold reports whether text holds an ASCII word in any case.
func containsFold(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0]|0x20 && strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}
