package stats

import (
	"context"

	"github.com/reposit/reposit/internal/access"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

// keeper returns what adds to graphs, and rests in between by step, which may be nil.
func (k *Service) keeper(step func(context.Context) error) *graph.Keeper {
	return &graph.Keeper{Store: k.backend.Graphs(), Step: step,
		Update: func(ctx context.Context, fn func(storage.Tx) error) error {
			return k.backend.Update(ctx, access.Host(), func(tx *txn.Tx) error { return fn(tx) })
		}}
}

// draw has the graph of a repository's pool tell of all commits that its refs reach.
func (k *Service) draw(ctx context.Context, g Stale, step func(context.Context) error) error {
	var tips []git.Hash
	err := k.backend.View(ctx, func(v storage.View) error {
		for r, err := range v.Refs(g.Repo, "", "") {
			if err != nil && r.Name == "" {
				return err
			}
			if err == nil && !r.Hash.IsZero() {
				tips = append(tips, r.Hash)
			}
		}
		return nil
	})
	if err == nil {
		err = k.keeper(step).Advance(ctx, g.Pool, tips)
	}
	return k.unlessStopped(ctx, g.Pool, err)
}

// drawWanted does the same of commits that were read since the graph lacked them.
func (k *Service) drawWanted(ctx context.Context, step func(context.Context) error) error {
	for _, w := range k.backend.Graphs().Wanted() {
		err := k.keeper(step).Advance(ctx, w.Pool, w.Tips)
		if err := k.unlessStopped(ctx, w.Pool, err); err != nil {
			return err
		}
	}
	return nil
}

// unlessStopped logs an error, unless it is one that ends all work: everything goes on without the graph.
func (k *Service) unlessStopped(ctx context.Context, pool storage.ID, err error) error {
	if err == nil || stops(ctx, err) {
		return err
	}
	k.logUnlessReadOnly("the graph of commits can't be stored", err, "pool", pool.String())
	return nil
}
