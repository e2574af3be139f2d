// Package graph answers questions about the graph of commits: whether one is an ancestor of another, where two lines of
// history meet, what one has that another lacks. It walks no further than it must.
//
// # What is stored
//
// Of each pool the graph is stored in records, which all repositories of a fork network share. Whoever puts a commit
// adds it to the tail, in the same transaction (Put). Keeper.Advance, which works in the background and in short
// transactions, gives commits numbers: from then on they are in chunks of 512, which never change, and a commit costs
// about 60 bytes. Parents have smaller numbers than their children, so what has a number has all its ancestors with it.
// Numbers are found by hash in runs; runs of like size are made one, so that there are few.
//
// Nothing depends on how much of a graph is stored: what is not is read as objects. Keeper.Advance gives numbers to
// commits that came by a door that adds nothing to the tail, too, as those in packs and those of older programs do.
//
// # Generation numbers
//
// They are corrected commit dates (gitformat-commit-graph): the date of a commit, or more than that of all its parents,
// whichever is later. A walk that looks for a commit ends where they are smaller than that of the commit. Dates that
// lie can't have it end too early.
package graph

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// A Reader returns a commit.
type Reader func(context.Context, git.Hash) (*git.Commit, error)

// A Graph is the commits of one pool. It is for one goroutine and for few questions, since it holds in memory what it
// had to read.
//
// Commits have numbers. Those from stored on are of this Graph alone: it gives them to commits that have none in the
// store, in the order in which it comes across them.
type Graph struct {
	store  *Store
	pool   storage.ID
	stored uint32
	epoch  uint64 // of the store, when it was opened
	read   Reader

	// Pace, unless it is nil, is called once for some hundred commits that are read as objects. An error ends the walk.
	Pace func(context.Context) error

	// MaxRead, unless it is 0, is how many commits without numbers are read before a walk ends with ErrUnstored.
	MaxRead int

	extra  []extra
	index  map[git.Hash]uint32
	tail   map[git.Hash]*Entry
	tried  bool // tail was read
	looked int  // extras that were looked up in the tail
	reads  int  // extras that were read as objects
	known  int

	buffer []uint32
	links  [recent]*links // by their chunk modulo recent, with chunks
	names  [recent]*names
	at     [2][recent]uint32
}

const recent = 16

// ErrUnstored says that a walk had to read too many commits that are not stored.
var ErrUnstored = errors.New("too many commits are not stored")

// An extra is a commit that has no number in the store.
type extra struct {
	hash    git.Hash
	known   bool // all that follows
	tree    git.Hash
	date    int64
	parents []uint32
	author  Author
}

// From returns a Graph of which nothing is stored.
func From(read Reader) *Graph { return &Graph{read: read, index: map[git.Hash]uint32{}} }

// Open returns the graph of a pool as it is now. read returns a commit of the pool; nil stands for what the Store reads
// with. Without a Store, or if what is stored is damaged, all is read as objects.
func (s *Store) Open(ctx context.Context, pool storage.ID, read Reader) (*Graph, error) {
	if s == nil {
		return From(read), nil
	}
	if read == nil {
		read = func(ctx context.Context, h git.Hash) (*git.Commit, error) { return s.objects.Commit(ctx, pool, h) }
	}
	g, epoch := From(read), s.epoch.Load()
	h, err := s.head(ctx, pool)
	if isDamage(err) {
		return g, nil
	}
	if err != nil {
		return nil, err
	}
	g.store, g.pool, g.stored, g.epoch = s, pool, h.commits(), epoch
	return g, nil
}

// at returns the graph of a pool as a head says, for who holds that no other one takes its place.
func (s *Store) at(pool storage.ID, h *head) *Graph {
	g := From(nil)
	g.store, g.pool, g.stored, g.epoch = s, pool, h.commits(), s.epoch.Load()
	return g
}

// current returns errDamaged if a graph was removed since this one was opened: numbers may be of other commits then.
func (g *Graph) current() error {
	if g.store.epoch.Load() != g.epoch {
		return errDamaged
	}
	return nil
}

// Do calls fn with the graph of a pool, and again with one of which nothing is stored if what is stored is damaged.
func (s *Store) Do(ctx context.Context, pool storage.ID, read Reader, fn func(*Graph) error) error {
	g, err := s.Open(ctx, pool, read)
	if err != nil {
		return err
	}
	if err = fn(g); err != nil && g.store != nil && isDamage(err) {
		err = fn(From(g.read))
	}
	return err
}

func isDamage(err error) bool {
	return errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrFormat)
}

// number returns the number of a commit, which need not be there.
func (g *Graph) number(ctx context.Context, h git.Hash) (uint32, error) {
	if n, ok := g.index[h]; ok {
		return n, nil
	}
	if g.stored > 0 {
		n, ok, err := g.store.find(ctx, g.pool, h)
		if err == nil {
			err = g.current()
		}
		if err != nil {
			return 0, err
		}
		if ok && n < g.stored {
			return n, nil
		}
	}
	n := g.stored + uint32(len(g.extra))
	g.extra = append(g.extra, extra{hash: h})
	g.index[h] = n
	return n, nil
}

const (
	singly    = 512  // extras that are looked up in the tail one by one, before that is read at once
	tailLimit = 4096 // commits of the tail that are held in memory
	wantAfter = 64   // commits that are read as objects before they are worth being stored
)

// know reads an extra.
func (g *Graph) know(ctx context.Context, n uint32) (*extra, error) {
	i := int(n - g.stored)
	if g.extra[i].known {
		return &g.extra[i], nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h := g.extra[i].hash
	if g.MaxRead > 0 && g.known >= g.MaxRead {
		return nil, ErrUnstored
	}
	g.known++
	e, err := g.fromTail(ctx, h)
	if err != nil {
		return nil, err
	}
	if e == nil {
		c, err := g.read(ctx, h)
		if err != nil {
			return nil, err
		}
		e = EntryOf(c)
		if g.reads%256 == 255 && g.Pace != nil {
			if err := g.Pace(ctx); err != nil {
				return nil, err
			}
		}
		if g.reads++; g.reads == wantAfter && g.store != nil {
			g.store.want(g.pool, g.extra[0].hash)
		}
	}
	parents := make([]uint32, len(e.Parents))
	for j, p := range e.Parents {
		var err error
		if parents[j], err = g.number(ctx, p); err != nil {
			return nil, err
		}
	}
	x := &g.extra[i] // number may have moved it
	x.known, x.tree, x.date, x.parents, x.author = true, e.Tree, e.Date, parents, e.Author
	return x, nil
}

// fromTail returns what the tail has of a commit, or nil. It reads the tail at once where many are asked for: while the
// upkeep is behind, that may be long.
func (g *Graph) fromTail(ctx context.Context, h git.Hash) (e *Entry, err error) {
	switch {
	case g.store == nil:
		return nil, nil
	case g.looked < singly:
		g.looked++
		return g.store.tailEntry(ctx, g.pool, h)
	case !g.tried:
		g.tried = true
		if g.tail, err = g.store.tail(ctx, g.pool, tailLimit); err != nil {
			return nil, err
		}
	}
	return g.tail[h], nil
}

func (g *Graph) linksOf(ctx context.Context, n uint32) (*links, int, error) {
	chunk := n / chunkSize
	at := chunk % recent
	if l := g.links[at]; l != nil && g.at[0][at] == chunk {
		return l, int(n % chunkSize), nil
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	l, err := g.store.links(ctx, g.pool, chunk)
	if err == nil {
		err = g.current()
	}
	if err != nil {
		return nil, 0, err
	}
	g.links[at], g.at[0][at] = l, chunk
	return l, int(n % chunkSize), nil
}

func (g *Graph) namesOf(ctx context.Context, n uint32) (*names, int, error) {
	chunk := n / chunkSize
	at := chunk % recent
	if l := g.names[at]; l != nil && g.at[1][at] == chunk {
		return l, int(n % chunkSize), nil
	}
	l, err := g.store.names(ctx, g.pool, chunk)
	if err == nil {
		err = g.current()
	}
	if err != nil {
		return nil, 0, err
	}
	g.names[at], g.at[1][at] = l, chunk
	return l, int(n % chunkSize), nil
}

// unknown is the generation of a commit that has no number in the store: it may have any other among its ancestors.
const unknown = math.MaxInt64

// rank returns the generation and the date of a commit.
func (g *Graph) rank(ctx context.Context, n uint32) (generation, date int64, err error) {
	if n >= g.stored {
		x, err := g.know(ctx, n)
		if err != nil {
			return 0, 0, err
		}
		return unknown, x.date, nil
	}
	l, i, err := g.linksOf(ctx, n)
	if err != nil {
		return 0, 0, err
	}
	return l.generation[i], l.date[i], nil
}

// parents appends the parents of a commit.
func (g *Graph) parents(ctx context.Context, to []uint32, n uint32) ([]uint32, error) {
	if n >= g.stored {
		x, err := g.know(ctx, n)
		if err != nil {
			return nil, err
		}
		return append(to, x.parents...), nil
	}
	l, i, err := g.linksOf(ctx, n)
	if err != nil {
		return nil, err
	}
	return l.parents(to, i), nil
}

// hash returns the hash of a commit.
func (g *Graph) hash(ctx context.Context, n uint32) (git.Hash, error) {
	if n >= g.stored {
		return g.extra[n-g.stored].hash, nil
	}
	l, i, err := g.namesOf(ctx, n)
	if err != nil {
		return git.Hash{}, err
	}
	return l.hash(i), nil
}

func (g *Graph) hashes(ctx context.Context, numbers []uint32) ([]git.Hash, error) {
	list := make([]git.Hash, len(numbers))
	for i, n := range numbers {
		var err error
		if list[i], err = g.hash(ctx, n); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Links returns the tree, the parents and the date of a commit, which are its Tree, its Parents and the time in
// Committer. It reads the object only if the commit is not stored.
func (g *Graph) Links(ctx context.Context, h git.Hash) (*git.Commit, error) {
	n, err := g.number(ctx, h)
	if err != nil {
		return nil, err
	}
	c := &git.Commit{}
	var parents []uint32
	if n >= g.stored {
		x, err := g.know(ctx, n)
		if err != nil {
			return nil, err
		}
		c.Tree, parents, c.Committer.When = x.tree, x.parents, timeOf(x.date)
	} else {
		l, i, err := g.linksOf(ctx, n)
		if err != nil {
			return nil, err
		}
		c.Committer.When, parents = timeOf(l.date[i]), l.parents(nil, i)
		names, i, err := g.namesOf(ctx, n)
		if err != nil {
			return nil, err
		}
		c.Tree = names.tree(i)
	}
	c.Parents, err = g.hashes(ctx, parents)
	return c, err
}

// ancestorAt returns the first parent of the first parent and so on of a commit that has a number in the store, as far
// back as that is at a depth.
func (g *Graph) ancestorAt(ctx context.Context, n, depth uint32) (uint32, error) {
	for {
		l, i, err := g.linksOf(ctx, n)
		if err != nil || l.depth[i] <= depth {
			return n, err
		}
		next := l.skip[i]
		s, j, err := g.linksOf(ctx, next)
		if err != nil {
			return 0, err
		}
		if s.depth[j] < depth || next >= n {
			if next = l.first[i] - 1; l.first[i] == 0 || next >= n {
				return 0, errDamaged
			}
		}
		n = next
	}
}

// onFirstParents reports whether a commit is head or one of its first parents, as far as that is known by numbers.
func (g *Graph) onFirstParents(ctx context.Context, commit, head uint32) (bool, error) {
	for head >= g.stored && head != commit {
		x, err := g.know(ctx, head)
		if err != nil || len(x.parents) == 0 {
			return false, err
		}
		head = x.parents[0]
	}
	if commit == head || commit > head || commit >= g.stored {
		return commit == head, nil
	}
	l, i, err := g.linksOf(ctx, commit)
	if err != nil {
		return false, err
	}
	at, err := g.ancestorAt(ctx, head, l.depth[i])
	return at == commit, err
}

// numbers returns the numbers of commits, each once.
func (g *Graph) numbers(ctx context.Context, hashes []git.Hash) ([]uint32, error) {
	list := make([]uint32, 0, len(hashes))
	for _, h := range hashes {
		n, err := g.number(ctx, h)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list, nil
}

// Stored returns how many commits have numbers in the store.
func (g *Graph) Stored() int { return int(g.stored) }
