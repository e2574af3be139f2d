package graph

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Keeper adds to the graphs of one Store.
type Keeper struct {
	*Store
	// Update runs a function in a transaction.
	Update func(context.Context, func(storage.Tx) error) error
	// Step, unless it is nil, is called after each transaction, and between commits that are read. An error ends the
	// work.
	Step func(context.Context) error
}

const (
	batchChunks  = 4       // that one transaction adds
	tailAtOnce   = 8192    // commits of the tail that are looked at together
	keptEntries  = 1 << 16 // commits that are held in memory while others are looked at
	manyRuns     = 16      // runs that are made fewer before more are added
	maxTagsDepth = 16      // tags of tags that are followed
)

// errMoved says that somebody else added to the graph meanwhile.
var errMoved = errors.New("graph moved")

// Advance gives numbers to the commits of a pool that tips reach, and to those of the tail, in transactions of bounded
// size. Fewer than 512 of them wait in the tail for others to come. Commits that lack an ancestor, and what comes after
// them, stay as they are. Then it makes the filters of the paths that commits with numbers changed. What was done
// before an error stays. What is stored and damaged is removed, and made anew.
//
// It reads each commit that is not stored once or twice, and the trees of each that has no filter as far as they differ
// from those of its first parent. It holds about 50 bytes in memory for each commit that is not stored, and 32 MiB.
func (k *Keeper) Advance(ctx context.Context, pool storage.ID, tips []git.Hash) error {
	if err := k.begin(ctx, pool); err != nil {
		return err
	}
	defer k.end(pool)
	err := k.advance(ctx, pool, tips)
	if isDamage(err) {
		if err = k.remove(ctx, pool); err == nil {
			err = k.advance(ctx, pool, tips)
		}
	}
	if errors.Is(err, errMoved) {
		k.forget(pool)
		err = nil // somebody does the rest, or it comes next time
	}
	return err
}

// begin waits until nobody else adds to the graph of a pool.
func (k *Keeper) begin(ctx context.Context, pool storage.ID) error {
	for {
		k.mu.Lock()
		busy := k.keeping[pool]
		if busy == nil {
			break
		}
		k.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer k.mu.Unlock()
	if k.keeping == nil {
		k.keeping = map[storage.ID]chan struct{}{}
	}
	k.keeping[pool] = make(chan struct{})
	return nil
}

func (k *Keeper) end(pool storage.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.keeping[pool])
	delete(k.keeping, pool)
}

func (k *Keeper) advance(ctx context.Context, pool storage.ID, tips []git.Hash) error {
	for {
		a := adding{Keeper: k, pool: pool, place: map[git.Hash]uint32{}, entries: map[git.Hash]*Entry{},
			authors: map[Author]Author{}}
		if err := a.open(ctx); err != nil {
			return err
		}
		a.before = a.head.chunks
		var err error
		if a.tail, err = k.tail(ctx, pool, tailAtOnce); err != nil {
			return err
		}
		if err := a.addAll(ctx, tips); err != nil {
			return err
		}
		if err := k.compact(ctx, pool); err != nil {
			return err
		}
		h, err := k.Store.head(ctx, pool)
		if err != nil {
			return err
		}
		if len(a.tail) < tailAtOnce || h.chunks == a.before {
			return k.filter(ctx, pool)
		}
	}
}

// remove removes all that is stored of a graph.
func (k *Keeper) remove(ctx context.Context, pool storage.ID) error {
	k.epoch.Add(1)
	for more := true; more; {
		err := k.Update(ctx, func(tx storage.Tx) (err error) {
			more, err = Dropped.Drop(tx, pool)
			return err
		})
		if err != nil {
			return err
		}
	}
	k.forget(pool)
	k.cache.drop(pool)
	return nil
}

// An adding gives numbers to commits.
type adding struct {
	*Keeper
	pool    storage.ID
	head    *head
	graph   *Graph // of what is stored
	tail    map[git.Hash]*Entry
	pending []numbered          // commits from head.commits on
	place   map[git.Hash]uint32 // the numbers of all that were added
	before  uint32              // chunks that were stored before
	blocked map[git.Hash]bool   // commits that can't have a number
	entries map[git.Hash]*Entry // of those that were read last
	authors map[Author]Author   // the same, so that they share their bytes
}

// A numbered is a commit with all that is stored of it.
type numbered struct {
	hash  git.Hash
	entry *Entry
	position
}

// A position is where a commit is in the graph.
type position struct {
	parents     []uint32
	generation  int64
	depth, skip uint32
}

func (a *adding) open(ctx context.Context) (err error) {
	if a.head, err = a.Store.head(ctx, a.pool); err == nil {
		a.graph = a.at(a.pool, a.head)
	}
	return err
}

func (a *adding) addAll(ctx context.Context, tips []git.Hash) error {
	for _, h := range tips {
		h, ok, err := a.peel(ctx, h)
		if err == nil && ok {
			err = a.add(ctx, h)
		}
		if err != nil {
			return err
		}
	}
	for _, h := range slices.SortedFunc(maps.Keys(a.tail), func(x, y git.Hash) int { return bytes.Compare(x[:], y[:]) }) {
		if err := a.add(ctx, h); err != nil {
			return err
		}
	}
	if err := a.write(ctx, len(a.pending)/chunkSize); err != nil {
		return err
	}
	if err := a.keepTail(ctx); err != nil {
		return err
	}
	if len(a.blocked) > 0 {
		a.ignore(a.pool)
	}
	return a.dropStale(ctx)
}

// has reports whether a commit has a number.
func (a *adding) has(ctx context.Context, h git.Hash) (uint32, bool, error) {
	if n, ok := a.place[h]; ok {
		return n, true, nil
	}
	if a.before == 0 {
		return 0, false, nil
	}
	return a.findBelow(ctx, a.pool, h, a.before)
}

// peel returns the commit that a tip names, and whether there is one that may have no number yet.
func (a *adding) peel(ctx context.Context, h git.Hash) (git.Hash, bool, error) {
	for range maxTagsDepth {
		if a.tail[h] != nil {
			return h, false, nil // its turn comes
		}
		if _, ok, err := a.has(ctx, h); ok || err != nil {
			return h, false, err
		}
		t, _, err := a.objects.Stat(ctx, a.pool, h)
		if err != nil {
			return h, false, unlessLost(err)
		}
		switch t {
		case storage.Commit:
			return h, true, nil
		case storage.Tag:
			_, data, err := a.objects.Pass(ctx, a.pool, h)
			if err != nil {
				return h, false, unlessLost(err)
			}
			tag, err := git.ParseTag(data)
			if err != nil {
				return h, false, nil
			}
			h = tag.Object
		default:
			return h, false, nil
		}
	}
	return h, false, nil
}

// unlessLost returns nil for an error that is about one object alone.
func unlessLost(err error) error {
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCorrupt) {
		return nil
	}
	return err
}

// entry returns what is to be stored of a commit, or nil if it can't be stored.
func (a *adding) entry(ctx context.Context, h git.Hash) (*Entry, error) {
	if e := a.tail[h]; e != nil {
		return e, nil
	}
	if e := a.entries[h]; e != nil {
		return e, nil
	}
	t, data, err := a.objects.Pass(ctx, a.pool, h)
	if err != nil || t != storage.Commit {
		return nil, unlessLost(err)
	}
	c, err := git.ParseCommit(data)
	if err != nil || len(c.Parents) > maxParents {
		return nil, nil
	}
	if len(a.entries) >= keptEntries {
		clear(a.entries)
		clear(a.authors)
	}
	e := EntryOf(c)
	if same, ok := a.authors[e.Author]; ok {
		e.Author = same
	} else {
		a.authors[e.Author] = e.Author
	}
	a.entries[h] = e
	return e, nil
}

// add gives a number to a commit, after all its ancestors. It keeps its own stack, of those that wait for an ancestor.
func (a *adding) add(ctx context.Context, tip git.Hash) error {
	for stack := []git.Hash{tip}; len(stack) > 0; {
		h := stack[len(stack)-1]
		if _, ok, err := a.has(ctx, h); err != nil {
			return err
		} else if ok || a.blocked[h] {
			stack = stack[:len(stack)-1]
			continue
		}
		if len(stack)%256 == 0 {
			if err := a.step(ctx); err != nil {
				return err
			}
		}
		e, err := a.entry(ctx, h)
		if err != nil {
			return err
		}
		depth, isBlocked := len(stack), e == nil
		var parents []uint32
		if e != nil {
			for _, p := range e.Parents {
				n, ok, err := a.has(ctx, p)
				switch {
				case err != nil:
					return err
				case a.blocked[p]:
					isBlocked = true
				case !ok:
					stack = append(stack, p)
				default:
					parents = append(parents, n)
				}
			}
		}
		switch {
		case isBlocked:
			a.block(h)
			stack = stack[:depth-1]
		case len(stack) == depth:
			stack = stack[:depth-1]
			if err := a.append(ctx, h, e, parents); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *adding) block(h git.Hash) {
	if a.blocked == nil {
		a.blocked = map[git.Hash]bool{}
	}
	a.blocked[h] = true
}

func (a *adding) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil || a.Step == nil {
		return err
	}
	return a.Step(ctx)
}

// append gives a number to a commit whose parents have theirs.
func (a *adding) append(ctx context.Context, h git.Hash, e *Entry, parents []uint32) error {
	n := numbered{hash: h, entry: e}
	number := a.head.commits() + uint32(len(a.pending))
	p, err := positionOf(number, e.Date, parents, func(n uint32) (position, error) { return a.position(ctx, n) })
	if err != nil {
		return err
	}
	n.position = p
	a.place[h] = number
	if a.pending = append(a.pending, n); len(a.pending) == batchChunks*chunkSize {
		return a.write(ctx, batchChunks)
	}
	return nil
}

// positionOf returns where a commit is whose parents are somewhere already.
func positionOf(number uint32, date int64, parents []uint32, of func(uint32) (position, error)) (position, error) {
	p := position{parents: parents, generation: date, skip: number}
	for i, parent := range parents {
		is, err := of(parent)
		if err != nil {
			return p, err
		}
		p.generation = max(p.generation, is.generation+1)
		if i > 0 {
			continue
		}
		// The distances of skips grow as the digits of a skew-binary number (Myers, "An applicative random-access
		// stack").
		p.depth, p.skip = is.depth+1, parent
		far, err := of(is.skip)
		if err != nil {
			return p, err
		}
		farther, err := of(far.skip)
		if err != nil {
			return p, err
		}
		if is.depth-far.depth == far.depth-farther.depth {
			p.skip = far.skip
		}
	}
	return p, nil
}

// position returns where a commit is, without its parents.
func (a *adding) position(ctx context.Context, n uint32) (position, error) {
	if first := a.head.commits(); n >= first {
		return a.pending[n-first].position, nil
	}
	l, i, err := a.graph.linksOf(ctx, n)
	if err != nil {
		return position{}, err
	}
	return position{generation: l.generation[i], depth: l.depth[i], skip: l.skip[i]}, nil
}
