package serve

import (
	"fmt"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/graph"
	"github.com/reposit/reposit/storage"
)

// checkWants returns ErrNotOurs unless the refs that are shown lead to all that is wanted.
func (u *upload) checkWants(q *request) error {
	shown := map[git.Hash]struct{}{}
	for _, r := range u.refs.Refs {
		shown[r.Hash] = struct{}{}
	}
	var unsure []git.Hash
	for _, h := range q.wants.hashes {
		if _, ok := shown[h]; !ok {
			unsure = append(unsure, h)
		}
	}
	if len(unsure) == 0 {
		return nil
	}
	has, err := u.src.Has(u.ctx, unsure)
	if err != nil {
		return err
	}
	for i, h := range unsure {
		if !has[i] {
			return fmt.Errorf("%w %s", ErrNotOurs, h)
		}
	}
	return nil
}

// keepShallow drops those of the client's shallow commits that the repository does not have, and notes that the others
// have no parents there.
func (u *upload) keepShallow(q *request) error {
	has, err := u.src.Has(u.ctx, q.shallow.hashes)
	if err != nil {
		return err
	}
	var kept list
	q.ends = map[git.Hash]bool{}
	for i, h := range q.shallow.hashes {
		if !has[i] {
			continue
		}
		t, _, err := u.refs.Objects.Stat(u.ctx, h)
		if err != nil {
			return err
		}
		if t != storage.Commit {
			return malformed("shallow object %s is a %s", h, t)
		}
		kept.add(h)
		q.ends[h] = true
	}
	q.shallow = kept
	return nil
}

// met notes which of the client's objects the repository has as well.
func (u *upload) met(q *request, haves []git.Hash) error {
	has, err := u.src.Has(u.ctx, haves)
	if err != nil {
		return err
	}
	for i, h := range haves {
		if has[i] {
			q.common.add(h)
		}
	}
	return nil
}

// suffices reports whether each wanted commit comes after one that both have: then nothing more need be known.
func (u *upload) suffices(q *request) (bool, error) {
	if len(q.common.hashes) == 0 {
		return false, nil
	}
	var commits []git.Hash
	for _, h := range q.common.hashes {
		if t, _, err := u.refs.Objects.Stat(u.ctx, h); err != nil {
			return false, err
		} else if t == storage.Commit {
			commits = append(commits, h)
		}
	}
	all := true
	err := u.src.Graph(u.ctx, func(g *graph.Graph) error {
		all = true
		for _, want := range q.wants.hashes {
			if q.common.has(want) {
				continue
			}
			want, _, err := u.refs.peel(u.ctx, want)
			if err != nil {
				return err
			}
			if t, _, err := u.refs.Objects.Stat(u.ctx, want); err != nil || t != storage.Commit {
				if err != nil {
					return err
				}
				continue // no history leads there
			}
			found, err := reached(u, g, want, commits)
			if err != nil {
				return err
			}
			if !found {
				all = false
				return nil
			}
		}
		return nil
	})
	return all, err
}

// reached reports whether a commit is, or comes after, one of others. The latest are tried first: one will do.
func reached(u *upload, g *graph.Graph, head git.Hash, others []git.Hash) (bool, error) {
	const first = 16
	for _, some := range [2][]git.Hash{others[:min(first, len(others))], others[min(first, len(others)):]} {
		if len(some) == 0 {
			continue
		}
		found, err := g.Among(u.ctx, head, git.Hash{}, some)
		if len(found) > 0 || err != nil {
			return len(found) > 0, err
		}
	}
	return false, nil
}
