package graph

import (
	"context"
	"iter"
	"math/bits"

	"github.com/reposit/reposit/internal/git"
)

// A Set is the commits that some heads have among their ancestors, and the heads themselves. It belongs to the Graph
// that made it.
type Set struct {
	stored []uint64        // bits
	extra  []uint32        // numbers, in the order in which they were found
	seen   map[uint32]bool // the same
}

// Len returns how many commits are in the set.
func (s *Set) Len() int {
	n := len(s.extra)
	for _, w := range s.stored {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s *Set) add(n uint32) { s.stored[n/64] |= 1 << (n % 64) }

func (s *Set) has(n uint32) bool {
	if int(n/64) < len(s.stored) {
		return s.stored[n/64]&(1<<(n%64)) != 0
	}
	return s.seen[n]
}

// Has reports whether a commit is in a set.
func (g *Graph) Has(ctx context.Context, s *Set, h git.Hash) (bool, error) {
	n, ok := g.index[h]
	if !ok {
		if g.stored == 0 {
			return false, nil
		}
		var err error
		if n, ok, err = g.store.find(ctx, g.pool, h); err == nil {
			err = g.current()
		}
		if err != nil || !ok {
			return false, err
		}
		if n >= g.stored {
			return false, nil
		}
	}
	return s.has(n), nil
}

// Reach returns what heads reach. Where numbers are stored, it takes some nanoseconds for each commit.
func (g *Graph) Reach(ctx context.Context, heads ...git.Hash) (*Set, error) {
	s := &Set{stored: make([]uint64, (g.stored+63)/64), seen: map[uint32]bool{}}
	top := uint32(0) // one more than the greatest number to look at
	visit := func(n uint32) {
		switch {
		case n < g.stored:
			s.add(n)
			top = max(top, n+1)
		case !s.seen[n]:
			s.seen[n] = true
			s.extra = append(s.extra, n)
		}
	}
	for _, h := range heads {
		n, err := g.number(ctx, h)
		if err != nil {
			return nil, err
		}
		visit(n)
	}
	for next := 0; next < len(s.extra); next++ {
		x, err := g.know(ctx, s.extra[next])
		if err != nil {
			return nil, err
		}
		for _, p := range x.parents {
			visit(p)
		}
	}
	for top > 0 {
		l, last, err := g.linksOf(ctx, top-1)
		if err != nil {
			return nil, err
		}
		base := top - 1 - uint32(last)
		for i := last; i >= 0; i-- {
			n := base + uint32(i)
			if s.stored[n/64]&(1<<(n%64)) == 0 || l.first[i] == 0 {
				continue
			}
			if s.add(l.first[i] - 1); l.second[i] == 0 {
				continue
			}
			s.add(l.second[i] - 1)
			for _, p := range l.more[i] {
				s.add(p)
			}
		}
		top = base
		for top > 0 && s.stored[(top-1)/64] == 0 { // chunks of which nothing is reached are not read
			top = (top - 1) / 64 * 64
		}
	}
	return s, nil
}

// An Item is a commit of a Set.
type Item struct {
	Number  uint32
	Date    int64
	Tree    git.Hash
	Parents []int // how many commits came before each of them; only valid during the call
	Author  Author
}

// Each calls fn with each commit of a set, parents before their children.
func (g *Graph) Each(ctx context.Context, s *Set, fn func(*Item) error) error {
	before := make([]uint32, len(s.stored)) // how many come before each 64 numbers
	count := 0
	for at, word := range s.stored {
		before[at] = uint32(count)
		count += bits.OnesCount64(word)
	}
	place := make(map[uint32]int, len(s.extra))
	placeOf := func(n uint32) int {
		if n >= g.stored {
			return place[n]
		}
		return int(before[n/64]) + bits.OnesCount64(s.stored[n/64]&(1<<(n%64)-1))
	}
	var item Item
	for at, word := range s.stored {
		for ; word != 0; word &= word - 1 {
			n := uint32(at*64 + bits.TrailingZeros64(word))
			if err := g.fill(ctx, &item, n, placeOf); err != nil {
				return err
			}
			if err := fn(&item); err != nil {
				return err
			}
		}
	}
	for _, n := range g.extraOrder(s) {
		x := &g.extra[n-g.stored]
		item = Item{n, x.date, x.tree, item.Parents[:0], x.author}
		for _, p := range x.parents {
			item.Parents = append(item.Parents, placeOf(p))
		}
		place[n] = count
		count++
		if err := fn(&item); err != nil {
			return err
		}
	}
	return nil
}

// fill makes item a commit that has a number in the store.
func (g *Graph) fill(ctx context.Context, item *Item, n uint32, placeOf func(uint32) int) error {
	l, i, err := g.linksOf(ctx, n)
	if err != nil {
		return err
	}
	names, _, err := g.namesOf(ctx, n)
	if err != nil {
		return err
	}
	item.Number, item.Date, item.Tree, item.Parents = n, l.date[i], names.tree(i), item.Parents[:0]
	g.buffer = l.parents(g.buffer[:0], i)
	for _, p := range g.buffer {
		item.Parents = append(item.Parents, placeOf(p))
	}
	item.Author, err = g.authorOf(ctx, names, i)
	return err
}

// extraOrder returns the extras of a set, parents before their children.
func (g *Graph) extraOrder(s *Set) []uint32 {
	order, done := make([]uint32, 0, len(s.extra)), make(map[uint32]bool, len(s.extra))
	for _, first := range s.extra {
		for stack := []uint32{first}; len(stack) > 0; { // each waits until its parents are done
			n := stack[len(stack)-1]
			depth := len(stack)
			if !done[n] {
				for _, p := range g.extra[n-g.stored].parents {
					if p >= g.stored && !done[p] {
						stack = append(stack, p)
					}
				}
			}
			if len(stack) > depth {
				continue
			}
			if stack = stack[:depth-1]; !done[n] {
				done[n] = true
				order = append(order, n)
			}
		}
	}
	return order
}

func (g *Graph) authorOf(ctx context.Context, names *names, i int) (Author, error) {
	if a := names.author[i]; a > 0 {
		return names.authors[a-1], nil
	}
	c, err := g.read(ctx, names.hash(i))
	if err != nil {
		return Author{}, err
	}
	return AuthorOf(c), nil
}

// Numbers yields the commits of a set that have numbers in the store, in ascending order. Those are the same in every
// Graph of the pool.
func (s *Set) Numbers() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for at, word := range s.stored {
			for ; word != 0; word &= word - 1 {
				if !yield(uint32(at*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// Extras returns the hashes of the commits of a set that have no numbers in the store.
func (g *Graph) Extras(s *Set) []git.Hash {
	list := make([]git.Hash, len(s.extra))
	for i, n := range s.extra {
		list[i] = g.extra[n-g.stored].hash
	}
	return list
}

// Grow returns what heads reach, but for what is known, by its number in the store or as an extra: it does not go
// beyond that. It reports which of the known commits it came across.
func (g *Graph) Grow(ctx context.Context, heads []git.Hash, known func(number uint32) bool,
	extras map[git.Hash]struct{}) (added *Set, border []git.Hash, err error) {
	s := &Set{stored: make([]uint64, (g.stored+63)/64), seen: map[uint32]bool{}}
	queue, err := g.numbers(ctx, heads)
	if err != nil {
		return nil, nil, err
	}
	met := map[uint32]bool{}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if s.has(n) || met[n] {
			continue
		}
		is := n < g.stored && known(n)
		if is || len(extras) > 0 {
			h, err := g.hash(ctx, n)
			if err != nil {
				return nil, nil, err
			}
			if _, isExtra := extras[h]; is || isExtra {
				met[n] = true
				border = append(border, h)
				continue
			}
		}
		if n < g.stored {
			s.add(n)
		} else {
			s.seen[n] = true
			s.extra = append(s.extra, n)
		}
		if queue, err = g.parents(ctx, queue, n); err != nil {
			return nil, nil, err
		}
	}
	return s, border, nil
}
