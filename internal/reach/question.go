package reach

import (
	"context"
	"errors"
	"slices"

	"github.com/reposit/reposit/storage"
)

// A question is whether an object is among what the tips of one origin reach.
type question struct {
	index   *Index
	pool    *pool
	repo    *Repo
	origin  origin
	version version
	hash    storage.Hash
}

// find answers for an object of type t that the pool holds.
func (q *question) find(ctx context.Context, t storage.Type) (bool, error) {
	s, err := q.set(ctx)
	if err != nil {
		return false, err
	}
	inTrees := t == storage.Tree || t == storage.Blob
	if inTrees {
		if found, err := q.ahead(ctx, s); found || err != nil {
			return found, err
		}
	}
	found, err := q.walk(ctx, s)
	if !found && err == nil && inTrees {
		found, err = q.content(ctx, s)
	}
	if !found && err == nil {
		err = s.err
	}
	return found, err
}

// set returns the set of the question's origin and version. What is new about it is yet to be walked.
func (q *question) set(ctx context.Context) (*set, error) {
	p := q.pool
	if err := p.walking.take(ctx); err != nil {
		return nil, err
	}
	defer p.walking.give()
	k := q.repo.key(q.origin)
	old := p.sets[k]
	if old != nil && old.version.equal(q.version) {
		return old, nil
	}
	t, err := q.index.tips(q.repo, q.origin, q.version)
	if err != nil {
		return nil, err
	}
	from := old
	switch {
	case from != nil:
	case q.origin == refs:
		from = p.latest
	case q.origin == logs || q.origin == oldLogs:
		from = p.sets[q.repo.key(refs)]
	}
	s := p.advance(from, t)
	// What a transaction shows may never come to be, and a View that is older must not take a newer one's place.
	_, unsure := q.repo.View.(storage.Tx)
	if !unsure && (old == nil || old.version.moves <= s.version.moves) {
		p.keep(k, s)
		if len(p.sets) > keptSets && q.index.bytes.Load() > q.index.budget {
			p.trim()
		}
	}
	return s, nil
}

// keptSets of a pool stay, however little memory there is: with fewer, those who ask at the same time would each have
// the sets of the others forgotten, and make theirs anew for every question.
const keptSets = 64

// ahead looks at what HEAD leads to, as long as little is known: it is what most are after.
func (q *question) ahead(ctx context.Context, s *set) (bool, error) {
	p := q.pool
	for settled := false; !settled; {
		var found bool
		err := p.walking.do(ctx, func() (err error) {
			if settled = s.before == nil; settled {
				if !s.complete && s.head != 0 && p.nodes[s.head-1].kind <= missing {
					err = p.readFor(ctx, s, s.head-1)
				}
				return err
			}
			found, _, err = p.walk(ctx, s, q.hash)
			return err
		})
		if found || err != nil {
			return found, err
		}
	}
	p.mu.RLock()
	known := s.headIndexed || s.head == 0 || p.nodes[s.head-1].kind != aCommit || p.indexed.has(s.head-1) ||
		p.childOfIndexed(s.head-1)
	p.mu.RUnlock()
	for !known {
		err := p.marking.do(ctx, func() (err error) {
			known, err = p.cover(ctx, s.head-1)
			return err
		})
		if errors.Is(err, storage.ErrCorrupt) {
			return false, nil // it is met again if it matters
		}
		if err != nil {
			return false, err
		}
	}
	found := false
	err := p.walking.do(ctx, func() error { // as long as s is not complete, its nodes may change
		p.mu.Lock()
		defer p.mu.Unlock()
		s.headIndexed = true
		found = p.introduces(s, q.hash)
		return nil
	})
	return found, err
}

// childOfIndexed reports whether it is known what a parent of a node introduced. What the node itself introduced is
// then found by comparison, which costs what differs: with many forks of a large repository, to look at all of each
// tree would not do.
func (p *pool) childOfIndexed(n uint32) bool {
	return slices.ContainsFunc(p.links(nil, n), p.indexed.has)
}

// walk looks for the object among the nodes of s.
func (q *question) walk(ctx context.Context, s *set) (found bool, err error) {
	for complete := false; !found && !complete && err == nil; {
		err = q.pool.walking.do(ctx, func() (err error) {
			found, complete, err = q.pool.walk(ctx, s, q.hash)
			return err
		})
	}
	return found, err
}

// content looks for the object among what the nodes of s introduced, all of which are known.
func (q *question) content(ctx context.Context, s *set) (found bool, err error) {
	p := q.pool
	damaged := map[uint32]error{}
	for {
		p.mu.RLock()
		found, all := p.introduces(s, q.hash), s.full
		p.mu.RUnlock()
		if found || all {
			return found, nil
		}
		err := p.marking.do(ctx, func() (err error) {
			found, all, err = p.mark(ctx, s, q.hash, damaged)
			return err
		})
		if found || err != nil {
			return found, err
		}
		if all {
			for _, err := range damaged {
				return false, err
			}
		}
	}
}
