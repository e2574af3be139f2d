package compact

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/internal/packfile"
	"github.com/reposit/reposit/storage"
)

// Bounds of the search for deltas. Window and depth are git's own.
const (
	window     = 10
	maxDepth   = 50
	minDelta   = 50       // bytes of an object that may become a delta
	maxDelta   = 16 << 20 // the same
	maxHeld    = 64 << 20 // bytes of deltas that are held until they are written
	searchStep = 4096     // objects that one goroutine looks at, one after the other
)

// search finds deltas for the objects that are none: objects of one type are sorted by name, path and age, and each is
// compared with those before it. The newest versions are met first, and are whole. Unlike git, which does not know the
// paths of what it packs, only names, it need not sort by size: what comes next in time differs least.
func (p *plan) search(ctx context.Context) error {
	var todo []int32
	for i := range p.found {
		f := &p.found[i]
		if f.size >= minDelta && f.size <= maxDelta && f.typ != storage.Tag {
			todo = append(todo, int32(i))
		}
	}
	slices.SortStableFunc(todo, func(a, b int32) int {
		x, y := &p.found[a], &p.found[b]
		return cmp.Or(cmp.Compare(x.typ, y.typ), cmp.Compare(x.name, y.name), cmp.Compare(x.path, y.path),
			cmp.Compare(x.turn, y.turn))
	})
	var next atomic.Int64
	var group sync.WaitGroup
	steps := (len(todo) + searchStep - 1) / searchStep
	errs := make([]error, steps)
	var held atomic.Int64
	for range min(runtime.GOMAXPROCS(0), steps) {
		group.Go(func() {
			for {
				step := int(next.Add(1) - 1)
				if step >= steps {
					return
				}
				s := &searcher{p: p, held: &held}
				errs[step] = s.run(ctx, todo[step*searchStep:min((step+1)*searchStep, len(todo))])
				if errs[step] != nil {
					return
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A searcher looks at objects in their order. Deltas lead to those before, so there are no circles: those that are
// taken from packs are in no chain but with each other, and get no base here.
type searcher struct {
	p      *plan
	held   *atomic.Int64
	recent []*candidate // the last ones, the newest last
}

type candidate struct {
	place int32
	data  []byte
	index *packfile.DeltaIndex // nil: not yet made
}

func (s *searcher) run(ctx context.Context, todo []int32) error {
	for _, place := range todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		f := &s.p.found[place]
		if f.taken {
			continue
		}
		_, data, err := s.p.src.Whole(ctx, s.p.set.At(int(place)))
		if err != nil {
			return err
		}
		c := &candidate{place: place, data: data}
		best := s.best(c)
		if best >= 0 { // what serves well is kept longer
			b := s.recent[best]
			s.recent = append(slices.Delete(s.recent, best, best+1), b)
		}
		if s.recent = append(s.recent, c); len(s.recent) > window {
			s.recent = slices.Delete(s.recent, 0, 1)
		}
	}
	return nil
}

// best makes an object a delta of one of the recent ones, if one pays, and returns which.
func (s *searcher) best(c *candidate) int {
	f := &s.p.found[c.place]
	best := -1
	for i := len(s.recent) - 1; i >= 0; i-- {
		r := s.recent[i]
		base := &s.p.found[r.place]
		if base.typ != f.typ || base.depth >= maxDepth || base.size < f.size/32 {
			continue
		}
		limit := int(f.size)/2 - 20
		if f.delta != nil {
			limit = len(f.delta) - 1
		}
		limit = limit * int(maxDepth-base.depth) / int(maxDepth-max(f.depth-1, 0))
		if limit < 8 {
			continue
		}
		if r.index == nil {
			r.index = packfile.NewDeltaIndex(r.data)
		}
		if delta := r.index.Delta(c.data, limit); delta != nil {
			f.delta, f.base, f.depth = delta, r.place, base.depth+1
			best = i
		}
	}
	if best >= 0 && s.held.Add(int64(len(f.delta))) > maxHeld {
		s.held.Add(-int64(len(f.delta)))
		f.delta = nil
	}
	return best
}
