package pack

import (
	"bytes"
	"context"
	"io"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// maxKeptChain is how many deltas a chain may have in a pack that is stored as it came: what git packs aggressively has
// as many, and what makes reading slow is taken apart.
const maxKeptChain = 250

// Entries returns what an index has to say of the pack, in the order of the hashes. It reports false for a pack that
// can't be stored as it came: it is thin, has an object twice, or chains of more than maxKeptChain deltas.
func (p *Pack) Entries() ([]storage.PackEntry, bool) {
	if len(p.outside) > 0 {
		return nil, false
	}
	if p.sorted != nil {
		return p.sorted, true
	}
	order := make([]int32, len(p.entries)) // indexes, by hash
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return bytes.Compare(p.entries[a].hash[:], p.entries[b].hash[:]) })
	place := make([]int32, len(order))
	for at, i := range order {
		if at > 0 && p.entries[order[at-1]].hash == p.entries[i].hash {
			return nil, false
		}
		place[i] = int32(at)
	}
	sorted := make([]storage.PackEntry, len(order))
	for at, i := range order {
		e := &p.entries[i]
		sorted[at] = storage.PackEntry{
			Hash: e.hash, Type: e.typ, Size: e.made, Offset: e.offset, CRC: e.crc, Base: storage.NoBase,
		}
	}
	var next []int32 // what deltas may be based on
	for i := range p.entries {
		if !p.entries[i].isDelta() {
			next = append(next, int32(i))
		}
		for len(next) > 0 {
			base := next[len(next)-1]
			next = next[:len(next)-1]
			depth := sorted[place[base]].Depth + 1
			for c := p.entries[base].child; c != none; c = p.entries[c].sibling {
				if depth > maxKeptChain {
					return nil, false
				}
				e := &sorted[place[c]]
				e.Base, e.Depth = place[base], depth
				next = append(next, c)
			}
		}
	}
	p.sorted, p.order = sorted, order
	return sorted, true
}

// Find returns an object of a pack whose Entries can be had, or false.
func (p *Pack) Find(ctx context.Context, h git.Hash) (*Object, bool, error) {
	at, ok := slices.BinarySearchFunc(p.sorted, h, func(e storage.PackEntry, h git.Hash) int {
		return bytes.Compare(e.Hash[:], h[:])
	})
	if !ok {
		return nil, false, nil
	}
	e := &p.sorted[at]
	o := &Object{Object: storage.Object{Hash: h, Type: e.Type, Size: e.Size}}
	if of := &p.entries[p.order[at]]; of.isLarge() && !of.isDelta() {
		o.open = func() (io.ReadCloser, error) { return p.open(of) }
		return o, true, nil
	}
	var deltas [][]byte
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		data, err := p.content(&p.random, &p.entries[p.order[at]])
		if err != nil {
			return nil, false, err
		}
		if p.sorted[at].Base == storage.NoBase {
			o.Data = data
			break
		}
		deltas = append(deltas, data)
		at = int(p.sorted[at].Base)
	}
	for _, delta := range slices.Backward(deltas) {
		data, err := packfile.ApplyDelta(o.Data, delta, p.limit(o.Type))
		if err != nil {
			return nil, false, malformed("%v", err)
		}
		o.Data = data
	}
	return o, true, nil
}
