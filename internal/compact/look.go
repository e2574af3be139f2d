package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// look finds out types, sizes, names and the order of the objects, and which deltas of packs stay.
func (p *plan) look(ctx context.Context) error {
	p.found = make([]found, p.set.Len())
	type dated struct {
		place int32
		when  int64
		tree  storage.Hash // zero: the commit is malformed, and packed all the same
	}
	var commits []dated
	for i := range p.found {
		if i%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.c.Tell.Set(int64(i), 0)
		}
		h := p.set.At(i)
		f := &p.found[i]
		f.base, f.turn = none, int32(len(p.found))
		var err error
		if f.typ, f.size, err = p.src.Stat(ctx, h); err != nil {
			return err
		}
		if f.typ == storage.Commit {
			_, data, err := p.src.Whole(ctx, h)
			if err != nil {
				return err
			}
			c := dated{place: int32(i), when: git.CommitTime(data)}
			if tree, _, err := git.CommitLinks(data); err == nil {
				c.tree = tree
			}
			commits = append(commits, c)
		}
	}
	slices.SortStableFunc(commits, func(a, b dated) int { return cmp.Compare(b.when, a.when) })
	w := &walk{p: p}
	for _, c := range commits {
		p.found[c.place].turn = w.next()
	}
	for _, c := range commits {
		if err := w.below(ctx, c.tree); err != nil {
			return err
		}
	}
	if err := p.takeDeltas(ctx); err != nil {
		return err
	}
	p.order = make([]uint32, len(p.found))
	for i := range p.order {
		p.order[i] = uint32(i)
	}
	rank := [...]int{storage.Commit: 0, storage.Tag: 1, storage.Tree: 2, storage.Blob: 3}
	slices.SortStableFunc(p.order, func(a, b uint32) int {
		x, y := &p.found[a], &p.found[b]
		return cmp.Or(cmp.Compare(rank[x.typ], rank[y.typ]), cmp.Compare(x.turn, y.turn))
	})
	return nil
}

// A walk meets the trees and blobs of commits, each once.
type walk struct {
	p     *plan
	turns int32
	stack []storage.Hash
}

func (w *walk) next() int32 {
	w.turns++
	return w.turns - 1
}

// below meets a tree, and all that is below it.
func (w *walk) below(ctx context.Context, tree storage.Hash) error {
	w.meet(tree, 0, 0)
	for len(w.stack) > 0 {
		var h storage.Hash
		h, w.stack = w.stack[len(w.stack)-1], w.stack[:len(w.stack)-1]
		if err := w.tree(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// meet notes an object that was not met before, and has trees be looked into.
func (w *walk) meet(h storage.Hash, name, path uint32) {
	place, ok := w.p.set.Find(h)
	if !ok {
		return // it is in another pack, with all that was stored with it
	}
	f := &w.p.found[place]
	if int(f.turn) < len(w.p.found) {
		return
	}
	f.turn, f.name, f.path = w.next(), name, path
	if f.typ == storage.Tree {
		w.stack = append(w.stack, h)
	}
}

func (w *walk) tree(ctx context.Context, h storage.Hash) error {
	item, err := w.p.c.Objects.TreeAlong(ctx, w.p.src.Pool, h)
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, git.ErrMalformed) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tree %s: %w", h, err)
	}
	place, _ := w.p.set.Find(h)
	above := w.p.found[place].path
	for i := range item.Tree.Len() {
		mode, name, h := item.Tree.At(i)
		if mode != git.ModeSubmodule {
			w.meet(h, nameHash(name), pathHash(above, name))
		}
	}
	return nil
}

// pathHash returns a hash of a path by that of its directory's (FNV-1a).
func pathHash(dir uint32, name []byte) uint32 {
	n := dir ^ 0x811c9dc5
	for _, c := range name {
		n = (n ^ uint32(c)) * 0x01000193
	}
	return n
}

// nameHash returns a number that is near for names that end alike, as git's packs are sorted by. The last bytes count
// most.
func nameHash(name []byte) (n uint32) {
	for _, c := range name {
		if c > ' ' {
			n = n>>2 + uint32(c)<<24
		}
	}
	return n
}

// maxTaken is how many deltas may be in a chain that is taken from packs.
const maxTaken = 50

// takeDeltas has deltas of packs stay whose bases are in the new pack, too, but for those that would go round in a
// circle, or be too many in a chain.
func (p *plan) takeDeltas(ctx context.Context) error {
	for i := range p.found {
		e, err := p.src.Packed(ctx, p.set.At(i))
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if place, ok := p.set.Find(e.Base); ok && !e.Base.IsZero() {
			f := &p.found[i]
			f.base, f.from, f.taken = int32(place), e.Base, true
		}
	}
	const open = -1
	var path []int32
	for i := range p.found {
		path = path[:0]
		at := int32(i)
		for p.found[at].base != none && p.found[at].depth == 0 {
			p.found[at].depth = open
			path = append(path, at)
			at = p.found[at].base
		}
		for _, at := range slices.Backward(path) {
			f := &p.found[at]
			if f.depth = p.found[f.base].depth + 1; p.found[f.base].depth == open || f.depth > maxTaken {
				f.base, f.from, f.taken, f.depth = none, storage.Hash{}, false, 0
			}
		}
	}
	return nil
}
