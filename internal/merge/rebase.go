package merge

import (
	"context"
	"slices"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/history"
	"github.com/reposit/reposit/internal/patchid"
	"github.com/reposit/reposit/internal/ref"
	"github.com/reposit/reposit/internal/txn"
	"github.com/reposit/reposit/storage"
)

var errMerges = fault.New(fault.Conflict, "conflict: the head has merges, which a rebase would leave out")

// rebased returns the push by which a branch at base takes the commits of a head that has diverged from it, each made
// anew, and what comes of it. The push is nil if the base lacks none of their changes. change names the branch.
func (e *Engine) rebased(ctx context.Context, pool storage.ID, base, head git.Hash, opts *Options,
	change ref.Change) (*txn.Push, Result, error) {
	c, err := e.rebase(ctx, pool, base, head, opts)
	if err != nil {
		return nil, Result{}, err
	}
	if len(c.made) == 0 {
		is, err := e.Objects.Commit(ctx, pool, base)
		return nil, Result{Hash: base, Commit: is, Base: base, Already: true}, err
	}
	change.New, change.Old, change.By, change.OnTop = c.tip, &base, opts.By, len(c.made) == 1
	p := &txn.Push{
		Objects: c.objects, Items: c.items, Named: []storage.Hash{head}, Refs: []ref.Change{change}, Now: e.Now(),
		Quota: e.Quota, DryRun: opts.DryRun,
	}
	return p, Result{Hash: c.tip, Commit: c.made[len(c.made)-1].Commit, Base: base}, nil
}

// rebase makes the commits that head has and base lacks anew on top of base, with the outcome of git rebase: merges are
// left out, and what base has already, and what changes nothing any more unless it did not before. It calls
// opts.Resolve, so it is for outside of transactions.
func (e *Engine) rebase(ctx context.Context, pool storage.ID, base, head git.Hash, opts *Options) (*chain, error) {
	common, err := ancestry{e, pool}.Bases(ctx, base, []git.Hash{head})
	if err != nil {
		return nil, err
	}
	commits, err := e.lacking(ctx, pool, common, head, opts.RefuseMerges)
	if err != nil {
		return nil, err
	}
	done, err := e.done(ctx, pool, common, base, commits)
	if err != nil {
		return nil, err
	}
	c, err := e.chain(ctx, pool, base, &Replay{
		Committer: opts.Committer, Empty: DropEmpty, Trees: opts.Trees, Resolve: opts.Resolve,
	})
	if err != nil {
		return nil, err
	}
	for _, h := range commits {
		if done[h] {
			continue
		}
		if err := c.add(ctx, h); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// lacking returns the commits that head has and the common ancestors of it and the base lack, in the order in which git
// rebase takes them, without merges.
func (e *Engine) lacking(ctx context.Context, pool storage.ID, common []git.Hash, head git.Hash,
	refuse bool) ([]git.Hash, error) {
	all, err := e.walk(ctx, pool, since(common, head), MaxReplay)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	commits := all[:0]
	for _, h := range all {
		is, err := e.Objects.Commit(ctx, pool, h)
		switch {
		case err != nil:
			return nil, err
		case len(is.Parents) < 2:
			commits = append(commits, h)
		case refuse:
			return nil, fault.About(h.String(), errMerges)
		}
	}
	return commits, nil
}

// since lists what a commit has and others lack. Those are the best common ancestors of two histories, and not the
// other history: where dates lie, more of that would be listed.
func since(common []git.Hash, head git.Hash) *history.Options {
	o := &history.Options{Order: history.Topological}
	for _, h := range common {
		o.Tips = append(o.Tips, history.Tip{Commit: h, Excluded: true})
	}
	o.Tips = append(o.Tips, history.Tip{Commit: head})
	return o
}

// done returns those of some commits whose change one that the base has since makes too.
func (e *Engine) done(ctx context.Context, pool storage.ID, common []git.Hash, base git.Hash,
	commits []git.Hash) (map[git.Hash]bool, error) {
	o := since(common, base)
	o.NoMerges = true
	there, err := e.walk(ctx, pool, o, 0)
	if err != nil || len(commits) == 0 {
		return nil, err
	}
	p := patches{objects: &history.Objects{Store: e.Objects, Pool: pool}, byFiles: map[patchid.ID][]*patch{}}
	for _, h := range there {
		if err := p.add(ctx, h); err != nil {
			return nil, err
		}
	}
	done := map[git.Hash]bool{}
	for _, h := range commits {
		if done[h], err = p.has(ctx, h); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// patches are the changes that commits make, by the files that they change.
type patches struct {
	objects *history.Objects
	byFiles map[patchid.ID][]*patch
}

// A patch is what turns one tree into another.
type patch struct {
	from, to git.Hash
	id       patchid.ID
	known    bool // id is
}

func (p *patches) of(ctx context.Context, h git.Hash) (*patch, patchid.ID, error) {
	is, err := p.objects.Commit(ctx, h)
	if err != nil {
		return nil, patchid.ID{}, err
	}
	c := &patch{from: git.EmptyTree, to: is.Tree}
	if len(is.Parents) > 0 {
		parent, err := p.objects.Commit(ctx, is.Parents[0])
		if err != nil {
			return nil, patchid.ID{}, err
		}
		c.from = parent.Tree
	}
	if c.from == c.to {
		return nil, patchid.ID{}, nil
	}
	files, err := patchid.Files(ctx, p.objects, c.from, c.to)
	return c, files, err
}

// add adds the change of a commit, unless it makes none.
func (p *patches) add(ctx context.Context, h git.Hash) error {
	c, files, err := p.of(ctx, h)
	if err == nil && c != nil {
		p.byFiles[files] = append(p.byFiles[files], c)
	}
	return err
}

// has reports whether a commit makes one of the changes. Contents are compared only where the files are the same.
func (p *patches) has(ctx context.Context, h git.Hash) (bool, error) {
	c, files, err := p.of(ctx, h)
	if err != nil || c == nil {
		return false, err
	}
	for _, other := range p.byFiles[files] {
		for _, one := range [...]*patch{c, other} {
			if one.known {
				continue
			}
			if one.id, err = patchid.Of(ctx, p.objects, one.from, one.to); err != nil {
				return false, err
			}
			one.known = true
		}
		if other.id == c.id {
			return true, nil
		}
	}
	return false, nil
}
