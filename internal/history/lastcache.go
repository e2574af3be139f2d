package history

import (
	"container/list"
	"slices"
	"strings"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A LastCache keeps what LastWalks found, so that a walk ends at the commit that an earlier one of the same directory
// began with. It is bounded by the bytes that it holds: what was not of use for longest goes first. It is safe for
// concurrent use.
type LastCache struct {
	limit int64

	mu    sync.Mutex
	bytes int64
	order list.List // of *lastMemo, the one that was of use last in front
	dirs  map[lastDir][]*list.Element
}

// A lastDir is a directory of all commits of a pool.
type lastDir struct {
	pool storage.ID
	path string
}

// A lastMemo is the commits that last changed the entries of a directory of a commit.
type lastMemo struct {
	dir    lastDir
	commit git.Hash
	tree   *git.Tree // of the directory
	found  []lastChange
}

// A lastChange is the commit that last changed an entry, and its time.
type lastChange struct {
	commit git.Hash
	when   int64
}

func (m *lastMemo) cost() int64 { return m.tree.Cost() + int64(28*len(m.found)+len(m.dir.path)) + 300 }

// NewLastCache returns a LastCache that holds about limit bytes.
func NewLastCache(limit int64) *LastCache {
	return &LastCache{limit: limit, dirs: map[lastDir][]*list.Element{}}
}

// lastMemos is of how many commits the entries of one directory are kept.
const lastMemos = 8

// of returns what is kept of a directory.
func (c *LastCache) of(dir lastDir) (memos []*lastMemo) {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.dirs[dir] {
		memos = append(memos, e.Value.(*lastMemo))
	}
	return memos
}

// used notes that a memo was of use.
func (c *LastCache) used(m *lastMemo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.dirs[m.dir] {
		if e.Value == m {
			c.order.MoveToFront(e)
		}
	}
}

func (c *LastCache) add(m *lastMemo) {
	cost := m.cost()
	if c == nil || cost > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.dirs[m.dir]
	for _, e := range of {
		if e.Value.(*lastMemo).commit == m.commit {
			return // another walk was faster
		}
	}
	if len(of) == lastMemos {
		c.remove(of[0])
	}
	m.dir.path = strings.Clone(m.dir.path)
	c.dirs[m.dir] = append(c.dirs[m.dir], c.order.PushFront(m))
	for c.bytes += cost; c.bytes > c.limit; {
		c.remove(c.order.Back())
	}
}

func (c *LastCache) remove(e *list.Element) {
	m := c.order.Remove(e).(*lastMemo)
	c.bytes -= m.cost()
	of := slices.DeleteFunc(c.dirs[m.dir], func(o *list.Element) bool { return o == e })
	if c.dirs[m.dir] = of; len(of) == 0 {
		delete(c.dirs, m.dir)
	}
}
