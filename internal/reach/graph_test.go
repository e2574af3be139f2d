package reach

import (
	"context"
	"fmt"
	"testing"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/memory"
)

// TestGraphed asks for commits of a network whose graph is stored bit by bit, while refs come, go and move, and
// compares the answers with a walk.
func TestGraphed(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testGraphed(t, seed) })
	}
}

func testGraphed(t *testing.T, seed uint64) {
	w := newWorld(t, seed, memory.New(), 3)
	graphs := w.engine.Graphs()
	index := New(w.objects, Options{Budget: 1 << 20, Exclusive: true, Graphs: graphs})
	keeper := &graph.Keeper{Store: graphs, Update: w.backend.Update}
	tree := w.object(storage.Tree, nil)
	var commits []storage.Hash
	parents := map[storage.Hash][]storage.Hash{}
	held := make([]map[string]storage.Hash, len(w.repos))
	for i := range held {
		held[i] = map[string]storage.Hash{}
	}
	for round := range 60 {
		i := w.rand.IntN(len(w.repos))
		name := ref.Branches + fmt.Sprint("b", w.rand.IntN(4))
		objects := []storage.Object{tree}
		tip := held[i][name]
		if len(commits) > 0 && w.rand.IntN(4) == 0 {
			tip = commits[w.rand.IntN(len(commits))]
		}
		for range w.rand.IntN(120) {
			c := &git.Commit{Tree: tree.Hash, Message: fmt.Sprint(len(commits))}
			if !tip.IsZero() {
				c.Parents = append(c.Parents, tip)
			}
			if len(commits) > 0 && w.rand.IntN(20) == 0 {
				if p := commits[w.rand.IntN(len(commits))]; p != tip {
					c.Parents = append(c.Parents, p)
				}
			}
			o := w.object(storage.Commit, c.Append(nil))
			objects, tip = append(objects, o), o.Hash
			commits, parents[tip] = append(commits, tip), c.Parents
		}
		if tip.IsZero() || !held[i][name].IsZero() && w.rand.IntN(6) == 0 {
			if tip = (storage.Hash{}); held[i][name].IsZero() {
				continue
			}
		}
		w.land(w.repos[i], objects, ref.Change{Name: name, New: tip})
		if held[i][name] = tip; tip.IsZero() {
			delete(held[i], name)
		}
		if round%7 == 6 {
			w.must(keeper.Advance(w.ctx, w.pool, nil))
		}
		if round%20 == 19 {
			index = New(w.objects, Options{Budget: 1 << 20, Exclusive: true, Graphs: graphs})
		}
		in := map[storage.Hash]bool{}
		var queue []storage.Hash
		for _, h := range held[i] {
			queue = append(queue, h)
		}
		for len(queue) > 0 {
			h := queue[len(queue)-1]
			if queue = queue[:len(queue)-1]; !in[h] {
				in[h] = true
				queue = append(queue, parents[h]...)
			}
		}
		w.must(w.backend.View(w.ctx, func(v storage.View) error {
			r := &Repo{View: v, ID: w.repos[i], Pool: w.pool}
			for _, h := range commits {
				got, err := index.Has(w.ctx, r, h)
				if got != in[h] || err != nil {
					t.Fatalf("round %d: Has(%s) = %v, %v, want %v", round, h, got, err, in[h])
				}
				if known, err := index.Known(r, h); known != in[h] || err != nil {
					t.Fatalf("round %d: Known(%s) = %v, %v, want %v", round, h, known, err, in[h])
				}
			}
			return nil
		}))
		if p := index.find(w.pool); p != nil && len(p.nodes) > 0 {
			t.Fatalf("round %d: %d objects are in memory", round, len(p.nodes))
		}
	}
	if g, err := graphs.Open(context.Background(), w.pool, nil); err != nil || g.Stored() < 512 {
		t.Errorf("%d of %d commits have numbers, %v", g.Stored(), len(commits), err)
	}
}
