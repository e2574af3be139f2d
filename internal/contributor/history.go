package contributor

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A history is all commits that a tip reaches, in little memory.
type history struct {
	commits []summary
	parents []int32 // of all commits; see summary
	index   map[git.Hash]int32
	authors []Author
	known   map[[2]string]int32 // index in authors, by what a commit says
}

// A summary is what is kept of a commit while it is counted.
type summary struct {
	when          int64
	tree          git.Hash
	first, number int32 // its parents are parents[first:][:number]
	author        int32
}

func (h *history) read(ctx context.Context, by *Counter, pool storage.ID, tip git.Hash) error {
	h.known = map[[2]string]int32{}
	h.index[tip] = 0
	h.commits = append(h.commits, summary{})
	queue := []git.Hash{tip}
	for next := 0; len(queue) > 0; next++ {
		if next%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if by.pace != nil {
				if err := by.pace(ctx); err != nil {
					return err
				}
			}
		}
		t, data, err := by.objects.Pass(ctx, pool, queue[0])
		if err != nil {
			return err
		}
		c, err := parse(queue[0], t, data)
		if err != nil {
			return err
		}
		queue = queue[1:]
		s := summary{when: seconds(c), tree: c.Tree, author: h.author(c)}
		s.first, s.number = int32(len(h.parents)), int32(len(c.Parents))
		for _, p := range c.Parents {
			i, ok := h.index[p]
			if !ok {
				i = int32(len(h.commits))
				h.index[p] = i
				h.commits = append(h.commits, summary{})
				queue = append(queue, p)
			}
			h.parents = append(h.parents, i)
		}
		h.commits[next] = s
	}
	return nil
}

func (h *history) author(c *git.Commit) int32 {
	raw := [2]string{c.Author.Name, c.Author.Email}
	i, ok := h.known[raw]
	if !ok {
		i = int32(len(h.authors))
		h.known[raw] = i
		h.authors = append(h.authors, newAuthor(c))
	}
	return i
}

func (h *history) parentsOf(i int) []int32 {
	s := &h.commits[i]
	return h.parents[s.first:][:s.number]
}

// counts reports whether a commit is a contribution.
func (h *history) counts(i int) bool {
	parents := h.parentsOf(i)
	switch len(parents) {
	case 0:
		return h.commits[i].tree != git.EmptyTree
	case 1:
		return h.commits[i].tree != h.commits[parents[0]].tree
	}
	return false
}

// span looks for the latest ancestor of each commit.
func (h *history) span() span {
	children := make([]int32, len(h.commits))
	for _, p := range h.parents {
		children[p]++
	}
	// Children before parents: the tip is the one that has none.
	order := make([]int32, 0, len(h.commits))
	if len(h.commits) > 0 {
		order = append(order, 0)
	}
	for i := 0; i < len(order); i++ {
		for _, p := range h.parentsOf(int(order[i])) {
			if children[p]--; children[p] == 0 {
				order = append(order, p)
			}
		}
	}
	latest := make([]int64, len(h.commits))
	var s span
	for i := len(order) - 1; i >= 0; i-- {
		c := order[i]
		when := h.commits[c].when
		latest[c] = when
		for _, p := range h.parentsOf(int(c)) {
			latest[c] = max(latest[c], latest[p])
		}
		s.skew = max(s.skew, latest[c]-when)
	}
	if len(latest) > 0 {
		s.latest = latest[0]
	}
	return s
}
