package reposit

import (
	"context"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/revision"
	"github.com/reposit/reposit/storage"
)

// A Comparison is how two revisions stand to each other.
type Comparison struct {
	MergeBase Hash       // their best common ancestor, the latest if there are several; zero: none
	Ahead     int        // how many commits the head has that the base lacks
	Behind    int        // how many the base has that the head lacks
	Mergeable bool       // there are no conflicts
	Conflicts []Conflict // of a merge of the head into the base, by path
}

// Compare says how a revision, head, stands to another one, base, and what would come of merging it into that. An empty
// revision is the default branch. It needs Read, and writes nothing.
//
// Numbers and ancestor are those of git rev-list --left-right --count and git merge-base; conflicts are those of Merge,
// which are git's. The cost is that of the commits that one of them lacks, and of a merge if both lack some. It returns
// ErrNotFound for a revision that is not there, and ErrInvalid for one that is malformed or no commit.
func (r *Repo) Compare(ctx context.Context, base, head string) (Comparison, error) {
	return call(ctx, r, "compare", head, func() (Comparison, error) {
		names := [2]string{base, head}
		var commits [2]git.Hash
		var pool storage.ID
		err := r.resolve(ctx, func(res *revision.Resolver) (err error) {
			pool = res.Pool
			for i, rev := range names {
				if commits[i], err = res.Commit(ctx, rev); err != nil {
					return about(rev, noRevision(err))
				}
			}
			return nil
		})
		if err != nil {
			return Comparison{}, err
		}
		for i := range names {
			if names[i] == "" {
				names[i] = ref.Head
			}
		}
		c, err := r.s.merges.Compare(ctx, pool, commits[0], commits[1], names)
		out := Comparison{
			MergeBase: Hash(c.Base), Ahead: c.Ahead, Behind: c.Behind, Mergeable: len(c.Conflicts) == 0,
		}
		for _, found := range c.Conflicts {
			out.Conflicts = append(out.Conflicts, publicConflict(found))
		}
		return out, err
	})
}
