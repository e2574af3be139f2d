package history

import (
	"cmp"
	"context"
	"slices"
)

// sides tell which of some commits have another one among their ancestors, or are it.
type sides uint8

const (
	ofOne sides = 1 << iota
	ofOthers
	ofBase // it is behind one that both have
	ofBoth = ofOne | ofOthers
)

// bases finds where lines of history meet. It shares the nodes of a walk.
type bases struct {
	w     *Walk
	sides map[uint32]sides
	in    map[uint32]int // how often each is in the queue
	queue queue
	open  int // places in the queue of those that are not behind a base
}

// bases returns the merge bases of two commits, the latest first: what both have among their ancestors, or are, and no
// other such commit has.
func (w *Walk) bases(ctx context.Context, one, other uint32) ([]uint32, error) {
	if one == other {
		return []uint32{one}, nil
	}
	b := bases{w: w}
	found, err := b.paint(ctx, one, other)
	if err != nil || len(found) < 2 {
		return found, err
	}
	// With times that are wrong, ancestors of others are among them.
	redundant := map[uint32]bool{}
	for _, n := range found {
		var others []uint32
		for _, o := range found {
			if o != n && !redundant[o] {
				others = append(others, o)
			}
		}
		if redundant[n] || len(others) == 0 {
			continue
		}
		if _, err := b.paint(ctx, n, others...); err != nil {
			return nil, err
		}
		redundant[n] = b.sides[n]&ofOthers != 0
		for _, o := range others {
			redundant[o] = b.sides[o]&ofOne != 0
		}
	}
	return slices.DeleteFunc(found, func(n uint32) bool { return redundant[n] }), nil
}

// paint tells commits which sides they are of, until nothing but what is behind bases is left, and returns the bases.
func (b *bases) paint(ctx context.Context, one uint32, others ...uint32) ([]uint32, error) {
	b.sides, b.in, b.queue, b.open = map[uint32]sides{}, map[uint32]int{}, queue{}, 0
	if err := b.mark(ctx, one, ofOne); err != nil {
		return nil, err
	}
	for _, n := range others {
		if err := b.mark(ctx, n, ofOthers); err != nil {
			return nil, err
		}
	}
	var met, parents []uint32
	for b.open > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := b.queue.pop()
		s := b.sides[n]
		if b.in[n]--; s&ofBase == 0 {
			b.open--
		}
		if s == ofBoth {
			if !slices.Contains(met, n) {
				met = append(met, n)
			}
			s |= ofBase
		}
		parents = b.w.nodes.parents(parents[:0], n)
		for _, p := range parents {
			if err := b.mark(ctx, p, s); err != nil {
				return nil, err
			}
		}
	}
	met = slices.DeleteFunc(met, func(n uint32) bool { return b.sides[n]&ofBase != 0 })
	slices.SortStableFunc(met, func(a, o uint32) int { return cmp.Compare(b.w.nodes.at(o).when, b.w.nodes.at(a).when) })
	return met, nil
}

func (b *bases) mark(ctx context.Context, n uint32, s sides) error {
	was := b.sides[n]
	if was&s == s {
		return nil
	}
	if err := b.w.parse(ctx, n); err != nil {
		return err
	}
	is := was | s
	b.sides[n] = is
	if is&ofBase == 0 {
		b.open++
	} else if was&ofBase == 0 {
		b.open -= b.in[n]
	}
	b.in[n]++
	b.queue.push(b.w.nodes.at(n).when, n)
	return nil
}
