package merge

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/treemerge"
	"github.com/reposit/reposit/storage"
)

// A Comparison is how two commits stand to each other.
type Comparison struct {
	Base          git.Hash // the latest of the best common ancestors; zero: there is none
	Ahead, Behind int      // commits that the head has and the base lacks, and the other way round
	Conflicts     []Conflict
}

// Compare compares two commits of a pool. labels are those of conflict markers. It stores nothing, and is for outside
// of transactions.
func (e *Engine) Compare(ctx context.Context, pool storage.ID, base, head git.Hash,
	labels [2]string) (c Comparison, err error) {
	err = e.Backend.Graphs().Do(ctx, pool, nil, func(g *graph.Graph) error {
		if c.Base, err = g.MergeBase(ctx, head, base); err != nil {
			return err
		}
		c.Ahead, c.Behind, err = g.AheadBehind(ctx, head, base)
		return err
	})
	if err != nil || c.Ahead == 0 || c.Behind == 0 {
		return c, err
	}
	_, err = e.combine(ctx, pool, base, head, &Options{},
		[3]string{treemerge.Ours: labels[0], treemerge.Theirs: labels[1]})
	var failed *ConflictError
	if errors.As(err, &failed) {
		c.Conflicts, err = failed.Conflicts, nil
	}
	return c, err
}
