// Package compact makes packs of the objects of a pool: of recent ones, and of packs that are small beside what there
// is. A pack takes in those that are less than twice as large as all that it takes in besides, so an object is written
// again as often as the logarithm of the pool's size tells.
package compact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/object"
	"github.com/reposit/reposit/internal/pack"
	"github.com/reposit/reposit/internal/progress"
	"github.com/reposit/reposit/internal/transfer"
	"github.com/reposit/reposit/storage"
)

// minRecent is from how many recent objects on a pool gets a pack of them.
const minRecent = 32

// Stages of progress.
const (
	stageList   = "list objects"
	stageWrite  = "write packs"
	stageVerify = "verify packs"
)

// Stats are what was done.
type Stats struct {
	Objects int   // that were written to a new pack
	Bytes   int64 // of that pack
	Dropped int   // packs that it took the place of
}

// A Compactor compacts pools of one backend.
type Compactor struct {
	Backend storage.Packer
	Objects *object.Store
	Tell    *progress.Reporter
}

// Pool compacts a pool, beside readers and writers. What it is about to drop is dropped only after all of the new pack
// was read, and hashed. It does nothing in a pool of few recent objects, or none. After an error, or a crash, the pool
// has what it had, perhaps twice, and the next call begins anew.
func (c *Compactor) Pool(ctx context.Context, pool storage.ID) (Stats, error) {
	c.Tell.Begin(stageList, 0)
	p := &plan{c: c, src: &transfer.Objects{Backend: c.Backend, Store: c.Objects, Pool: pool}}
	drop, err := p.choose(ctx, pool)
	if err != nil || p.set.Len() == 0 {
		return Stats{}, err
	}
	if err := p.look(ctx); err != nil {
		return Stats{}, err
	}
	if err := p.search(ctx); err != nil {
		return Stats{}, err
	}
	size, err := p.write(ctx, pool)
	if err != nil {
		return Stats{}, err
	}
	if err := c.Backend.Repack(ctx, pool, drop); err != nil {
		return Stats{}, err
	}
	return Stats{Objects: p.set.Len(), Bytes: size, Dropped: len(drop)}, nil
}

// A plan is the pack that is to be made.
type plan struct {
	c     *Compactor
	src   *transfer.Objects
	set   pack.Set
	found []found // by place in set
	order []uint32
}

// found is what is known of an object.
type found struct {
	typ   storage.Type
	size  int64
	name  uint32       // alike for names that end alike; 0: unknown
	path  uint32       // a hash of the path at which it was met
	turn  int32        // when it was met, going from the newest commit to the oldest
	base  int32        // the place of its base, or none
	depth int32        // of its chain in the new pack
	taken bool         // it stays the delta that a pack has
	delta []byte       // of one that was found; nil: it is made again when it is written
	from  storage.Hash // of one that is taken, its base
}

const none = -1

// choose adds the objects of the new pack, and returns the packs that it takes the place of.
func (p *plan) choose(ctx context.Context, pool storage.ID) ([]storage.PackID, error) {
	for h, err := range p.c.Backend.Recent(ctx, pool, storage.Hash{}, git.LastHash()) {
		if err != nil {
			return nil, err
		}
		p.set.Add(h)
	}
	packs, err := p.c.Backend.Packs(ctx, pool)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(packs, func(a, b storage.Pack) int { return cmp.Compare(a.Objects, b.Objects) })
	take := 0
	for sum := p.set.Len(); take < len(packs) && packs[take].Objects < 2*sum; take++ {
		sum += packs[take].Objects
	}
	if take == 0 && len(packs) > 1 && packs[1].Objects < 2*packs[0].Objects { // as imports and pushes leave them
		take = 2
	}
	if p.set.Len() < minRecent && take == 0 || p.set.Len() == 0 && take < 2 {
		p.set = pack.Set{}
		return nil, nil
	}
	var drop []storage.PackID
	for _, k := range packs[:take] {
		for e, err := range p.c.Backend.PackEntries(ctx, pool, k.ID) {
			if errors.Is(err, storage.ErrNotFound) {
				break // a program outside has packed anew
			}
			if err != nil {
				return nil, err
			}
			p.set.Add(e.Hash)
		}
		drop = append(drop, k.ID)
	}
	return drop, nil
}

// write writes the pack, and makes it one of the pool once all of it was read again.
func (p *plan) write(ctx context.Context, pool storage.ID) (size int64, err error) {
	w, err := p.c.Backend.Pack(ctx, pool)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.Discard()) }()
	p.c.Tell.Begin(stageWrite, int64(p.set.Len()))
	list := pack.List{Set: &p.set, Order: p.order, Blobs: p.blobs()}
	written, err := pack.Write(ctx, w, source{p}, list, func(done int, bytes int64) error {
		p.c.Tell.Set(int64(done), bytes)
		return nil
	})
	if err != nil {
		return 0, err
	}
	p.c.Tell.Begin(stageVerify, int64(p.set.Len()))
	read, err := pack.Read(ctx, w, written.Size, pack.Options{
		Blob: math.MaxInt64, Total: math.MaxInt64, Objects: p.set.Len(), Own: true,
		Base:  func(context.Context, storage.Hash) (storage.Type, []byte, error) { return 0, nil, storage.ErrNotFound },
		Check: p.check,
	})
	if err != nil {
		return 0, fmt.Errorf("a pack that was just written: %w", err)
	}
	entries, ok := read.Entries()
	if !ok || len(entries) != p.set.Len() {
		return 0, fmt.Errorf("a pack that was just written: %w", storage.ErrCorrupt)
	}
	return written.Size, w.Commit(ctx, entries)
}

// check returns an error unless an object is one of those that the pack is to hold.
func (p *plan) check(o *pack.Object) error {
	if _, ok := p.set.Find(o.Hash); !ok {
		return fmt.Errorf("object %s: %w: it is in the place of another one", o.Hash, storage.ErrCorrupt)
	}
	return nil
}

func (p *plan) blobs() int {
	i := slices.IndexFunc(p.order, func(place uint32) bool { return p.found[place].typ == storage.Blob })
	if i < 0 {
		i = len(p.order)
	}
	return i
}

// A source hands out the objects as they are to be in the pack.
type source struct{ p *plan }

// packed is a source of what packs have. The objects with a planned delta, and those to be whole, are not among them.
func (s source) Packed(ctx context.Context, h storage.Hash) (storage.Packed, error) {
	place, _ := s.p.set.Find(h)
	o := &s.p.found[place]
	if o.base != none && !o.taken {
		return storage.Packed{}, storage.ErrNotFound
	}
	e, err := s.p.src.Packed(ctx, h)
	if err == nil && e.Base != o.from { // it is whole in the plan, or another pack has it as another delta
		err = storage.ErrNotFound
	}
	return e, err
}
