package serve

import (
	"errors"

	"github.com/reposit/reposit/internal/fault"
	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// errNoCommits says that an end of history leaves none of it.
var errNoCommits = fault.New(fault.Invalid, "no commits selected for shallow requests")

// deepen finds out where the client's history will end, and says so: which commits become ends, and which are none any
// more. What is sent then ends there.
func (u *upload) deepen(q *request) error {
	ends, inner, err := u.newEnds(q)
	if err != nil {
		return err
	}
	for _, h := range ends.hashes {
		if !q.shallow.has(h) {
			u.out.Printf("shallow %s\n", h)
		}
	}
	for _, h := range q.shallow.hashes {
		if !inner.has(h) {
			continue
		}
		u.out.Printf("unshallow %s\n", h)
		c, err := u.commit(h)
		if err != nil {
			return err
		}
		for _, p := range c.Parents {
			// What the client has still ends at h, so its parents are asked for by themselves.
			if _, err := u.commit(p); err == nil {
				q.parents = append(q.parents, p)
			} else if !errors.Is(err, storage.ErrNotFound) || !u.refs.Shallow[h] {
				return err
			}
		}
	}
	for _, h := range ends.hashes {
		q.ends[h] = true
	}
	return nil
}

// newEnds returns the commits that shall have no parents, and those that shall have all of theirs.
func (u *upload) newEnds(q *request) (ends, inner *list, err error) {
	heads := list{}
	for _, h := range q.wants.hashes {
		h, _, err := u.refs.peel(u.ctx, h)
		if err != nil {
			return nil, nil, err
		}
		t, _, err := u.refs.Objects.Stat(u.ctx, h)
		if err != nil {
			return nil, nil, err
		}
		if t == storage.Commit {
			heads.add(h)
		}
	}
	switch {
	case q.since > 0 || len(q.not) > 0:
		return u.endsByList(q, &heads)
	case q.depth == 0 && len(u.refs.Shallow) == 0:
		return &list{}, &list{}, nil
	case q.depth >= infinite && len(u.refs.Shallow) == 0:
		return &list{}, &q.shallow, nil
	case q.depth > 0 && q.depth < infinite && q.relative:
		// As with git, it counts from all ends that refs lead to, not only from those that are behind what is wanted.
		return u.endsByDepth(&q.shallow, q.depth+1)
	case q.depth == 0:
		return u.endsByDepth(&heads, infinite)
	}
	return u.endsByDepth(&heads, q.depth)
}

// endsByDepth walks so many commits deep.
func (u *upload) endsByDepth(heads *list, depth int) (ends, inner *list, err error) {
	ends, inner = &list{}, &list{}
	met := list{}
	for _, h := range heads.hashes {
		met.add(h)
	}
	level := met.hashes
	for n := 1; len(level) > 0; n++ {
		var next []git.Hash
		for _, h := range level {
			if n >= depth {
				ends.add(h)
				continue
			}
			c, err := u.commit(h)
			if err != nil {
				return nil, nil, err
			}
			lacks := false
			for _, p := range c.Parents {
				if met.has(p) {
					continue
				}
				if u.refs.Shallow[h] {
					if _, err := u.commit(p); errors.Is(err, storage.ErrNotFound) {
						lacks = true
						continue
					} else if err != nil {
						return nil, nil, err
					}
				}
				met.add(p)
				next = append(next, p)
			}
			if lacks {
				ends.add(h)
			} else {
				inner.add(h)
			}
		}
		level = next
	}
	return ends, inner, nil
}

// endsByList takes the commits that are not older than a time and that some refs do not lead to.
func (u *upload) endsByList(q *request, heads *list) (ends, inner *list, err error) {
	left, err := u.leftOut(q)
	if err != nil {
		return nil, nil, err
	}
	var taken list
	keep := func(h git.Hash) error {
		if taken.has(h) || left.has(h) {
			return nil
		}
		c, err := u.commit(h)
		if err == nil && c.Committer.When.Unix() >= q.since {
			taken.add(h)
		}
		if u.refs.Shallow[h] && errors.Is(err, storage.ErrNotFound) {
			return nil
		}
		return err
	}
	for _, h := range heads.hashes {
		if err := keep(h); err != nil {
			return nil, nil, err
		}
	}
	for i := 0; i < len(taken.hashes); i++ {
		c, err := u.commit(taken.hashes[i])
		if err != nil {
			return nil, nil, err
		}
		for _, p := range c.Parents {
			if err := keep(p); err != nil {
				return nil, nil, err
			}
		}
	}
	if len(taken.hashes) == 0 {
		return nil, nil, errNoCommits
	}
	ends = &list{}
	for _, h := range taken.hashes {
		c, err := u.commit(h)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range c.Parents {
			if !taken.has(p) {
				ends.add(h)
			}
		}
	}
	return ends, &taken, nil
}

// leftOut returns what the refs lead to that are left out.
func (u *upload) leftOut(q *request) (*list, error) {
	var left list
	for _, name := range q.not {
		h, err := u.named(name)
		if err != nil {
			return nil, err
		}
		left.add(h)
	}
	for i := 0; i < len(left.hashes); i++ {
		c, err := u.commit(left.hashes[i])
		if errors.Is(err, storage.ErrNotFound) && len(u.refs.Shallow) > 0 {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, p := range c.Parents {
			left.add(p)
		}
	}
	return &left, nil
}

// named returns the commit that a ref leads to, which may be named in short, as git allows it (gitrevisions).
func (u *upload) named(name string) (git.Hash, error) {
	for _, format := range [...]string{"", "refs/", "refs/tags/", "refs/heads/"} {
		if r, ok := u.refs.find(format + name); ok {
			h, _, err := u.refs.peel(u.ctx, r.Hash)
			return h, err
		}
	}
	return git.Hash{}, malformed("deepen-not of %.200q, which is no ref", name)
}

// commit reads a commit.
func (u *upload) commit(h git.Hash) (*git.Commit, error) {
	if err := u.ctx.Err(); err != nil {
		return nil, err
	}
	return u.refs.Objects.Store.Commit(u.ctx, u.refs.Objects.Pool, h)
}
