package contributor

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/storage"
)

// A history is all commits that a tip reaches, in little memory.
type history struct {
	commits []summary
	parents []int32 // of all commits; see summary
	authors []Author
	known   map[graph.Author]int32 // index in authors
}

// A summary is what is kept of a commit while it is counted.
type summary struct {
	when          int64
	tree          git.Hash
	first, number int32 // its parents are parents[first:][:number]
	author        int32
}

// history returns all that tip reaches.
func (c *Counter) history(ctx context.Context, pool storage.ID, tip git.Hash) (h *history, err error) {
	read := func(ctx context.Context, h git.Hash) (*git.Commit, error) {
		t, data, err := c.objects.Pass(ctx, pool, h)
		if err != nil {
			return nil, err
		}
		return parse(h, t, data)
	}
	err = c.graphs.Do(ctx, pool, read, func(g *graph.Graph) error {
		h = &history{known: map[graph.Author]int32{}}
		return h.read(ctx, g, tip, c.pace)
	})
	return h, err
}

// read reads all that tip reaches. The tip comes first, and children before their parents.
func (h *history) read(ctx context.Context, g *graph.Graph, tip git.Hash, pace func(context.Context) error) error {
	g.Pace = pace
	reached, err := g.Reach(ctx, tip)
	if err != nil {
		return err
	}
	h.commits = make([]summary, reached.Len())
	next := len(h.commits)
	return g.Each(ctx, reached, func(c *graph.Item) error {
		if next--; next%256 == 0 && pace != nil {
			if err := pace(ctx); err != nil {
				return err
			}
		}
		s := summary{when: c.Date, tree: c.Tree, author: h.author(c.Author)}
		s.first, s.number = int32(len(h.parents)), int32(len(c.Parents))
		for _, p := range c.Parents {
			h.parents = append(h.parents, int32(len(h.commits)-1-p))
		}
		h.commits[next] = s
		return nil
	})
}

func (h *history) author(a graph.Author) int32 {
	i, ok := h.known[a]
	if !ok {
		i = int32(len(h.authors))
		h.known[a] = i
		h.authors = append(h.authors, authorOf(a))
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
