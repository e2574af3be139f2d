package commit

import (
	"context"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// staged remembers which objects were stored ahead of commits that have not landed, or never did. Without it, whoever
// tries a commit again would find its content there already, and it would never count towards the repository's size.
// After a restart, and beyond maxUnlanded, that is forgotten.
type staged struct {
	mu    sync.Mutex
	sizes map[stored]int64
}

type stored struct {
	of   storage.ID // a pool, or a repository
	hash git.Hash
}

const maxUnlanded = 1 << 17

// Charge counts the content of a commit that was refused towards a repository's size, as far as it was stored ahead and
// does not count yet. It does not count again when such a commit lands after all.
func (e *Engine) Charge(ctx context.Context, repo storage.ID, c *Content) error {
	if len(c.staged) == 0 {
		return nil
	}
	var added, again int64
	fresh := e.staged.take(c.pool, []*Content{{staged: c.staged}})
	for h, size := range c.staged {
		if _, is := fresh[h]; is {
			added += size
		} else if !e.charged.has(repo, h) {
			again += size
		}
	}
	err := e.backend.Charge(context.WithoutCancel(ctx), repo, added, again, 0)
	for h, size := range c.staged {
		if err == nil {
			e.charged.add(repo, h, size)
		} else if size, is := fresh[h]; is {
			e.staged.add(c.pool, h, size)
		}
	}
	return err
}

func (u *staged) add(pool storage.ID, h git.Hash, size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sizes == nil || len(u.sizes) >= maxUnlanded {
		u.sizes = map[stored]int64{}
	}
	u.sizes[stored{pool, h}] = size
}

// has reports whether an object is there.
func (u *staged) has(of storage.ID, h git.Hash) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, is := u.sizes[stored{of, h}]
	return is
}

// take takes out those of the given objects that are there, for a commit that is about to land.
func (u *staged) take(pool storage.ID, content []*Content) map[git.Hash]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.sizes) == 0 {
		return nil
	}
	taken := map[git.Hash]int64{}
	take := func(h git.Hash) {
		if size, ok := u.sizes[stored{pool, h}]; ok {
			delete(u.sizes, stored{pool, h})
			taken[h] = size
		}
	}
	for _, c := range content {
		for h := range c.staged {
			take(h)
		}
		for i := range c.Blobs {
			take(c.Blobs[i].Hash)
		}
	}
	return taken
}
