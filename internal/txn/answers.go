package txn

import (
	"context"
	"errors"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/storage"
)

// errUnanswered ends a transaction that asked about ancestors. It begins again when they have been looked up, so that
// no other writer waits for that.
var errUnanswered = errors.New("ancestors are to be looked up")

// answers are what a transaction knows of ancestors. It asks, and goes on with whatever answer there is; if one was not
// known, it ends with errUnanswered. What its next run finds to be as it was when it asked, it need not ask again. The
// zero value knows nothing.
type answers struct {
	known map[[2]git.Hash]bool // of a head and a commit: whether the commit is among the head's ancestors
	asked []question
}

// A question is which of commits are head or among its ancestors, those of base aside.
type question struct {
	pool       storage.ID
	head, base git.Hash
	commits    []git.Hash
}

// among returns which of the question's commits are known to be its head or among its ancestors.
func (a *answers) among(q question) (in []git.Hash) {
	var open []git.Hash
	for _, c := range q.commits {
		is, known := a.known[[2]git.Hash{q.head, c}]
		switch {
		case is, c == q.head:
			in = append(in, c)
		case !known:
			open = append(open, c)
		}
	}
	if len(open) > 0 {
		q.commits = open
		a.asked = append(a.asked, q)
	}
	return in
}

// find looks up what was asked. read returns a commit of a pool.
func (a *answers) find(ctx context.Context, graphs *graph.Store,
	read func(context.Context, storage.ID, git.Hash) (*git.Commit, error)) error {
	if a.known == nil {
		a.known = map[[2]git.Hash]bool{}
	}
	for _, q := range a.asked {
		in := func(ctx context.Context, h git.Hash) (*git.Commit, error) { return read(ctx, q.pool, h) }
		var found []git.Hash
		err := graphs.Do(ctx, q.pool, in, func(g *graph.Graph) (err error) {
			found, err = g.Among(ctx, q.head, q.base, q.commits)
			return err
		})
		if err != nil {
			return err
		}
		for _, c := range q.commits {
			a.known[[2]git.Hash{q.head, c}] = false
		}
		for _, c := range found {
			a.known[[2]git.Hash{q.head, c}] = true
		}
	}
	return nil
}
