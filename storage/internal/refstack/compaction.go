package refstack

import (
	"math"
	"slices"

	"github.com/reposit/reposit/storage"
)

// growth is how many times as large as a layer the one below it is at least. Merging sees to that.
const growth = 4

// A Compaction puts layers that follow each other in a stack together. While it is under way it has a stack of its own,
// which keeps the layers; dropping Into, as if that were a repository, undoes the Compaction.
type Compaction struct {
	Into   storage.ID // the segment to copy the entries of Layers to
	Layers []Layer
	Bottom bool // no layer is below these: what says that a ref is deleted, and nothing of its log, is not needed

	repo storage.ID
}

// Alike returns the first layers of a stack that are too much alike in size and should be put together, or nil. count
// returns the number of entries in a frozen segment, or limit if there are more: it is asked for no more than growth
// times those of the layers above.
func (s Stack) Alike(count func(segment storage.ID, limit int) (int, error)) ([]Layer, error) {
	if len(s.Below) < 2 {
		return nil, nil
	}
	sum, err := count(s.Below[0].Segment, maxCount)
	if err != nil {
		return nil, err
	}
	n := 1
	for ; n < len(s.Below); n++ {
		limit := growth*sum + 1
		size, err := count(s.Below[n].Segment, limit)
		if err != nil {
			return nil, err
		}
		if size >= limit {
			break
		}
		sum += size
	}
	if n == 1 {
		return nil, nil
	}
	return s.Below[:n], nil
}

// maxCount is more entries than any segment has, and leaves room for sums.
const maxCount = math.MaxInt / (growth + 1)

// Start begins to compact layers of a repository, or returns nil if it no longer has them in this order. The caller
// copies what Entries yields for the layers, without inherited logs, in this transaction and later ones, and then calls
// Finish.
func Start(m Medium, repo storage.ID, layers []Layer) (*Compaction, error) {
	s, ok, err := m.Stack(repo)
	if err != nil || !ok {
		return nil, err
	}
	at := indexRun(s.Below, layers)
	if at < 0 {
		return nil, nil
	}
	g := &Compaction{Into: newSegment(), Layers: layers, Bottom: at+len(layers) == len(s.Below), repo: repo}
	for _, l := range layers {
		if err := use(m, l.Segment); err != nil {
			return nil, err
		}
	}
	return g, m.PutStack(g.Into, Stack{Own: g.Into, Below: layers})
}

// Finish puts the segment that everything was copied to into the place of the layers, unless the repository no longer
// has them.
func (g *Compaction) Finish(m Medium) error {
	s, ok, err := m.Stack(g.repo)
	if err != nil {
		return err
	}
	at := -1
	if ok {
		at = indexRun(s.Below, g.Layers)
	}
	if at < 0 {
		return Drop(m, g.Into)
	}
	// It has nothing that the repository inherited and that does not show, so it is as good as the repository's own.
	s.Below = slices.Replace(slices.Clone(s.Below), at, at+len(g.Layers), Layer{Segment: g.Into})
	if err := m.PutStack(g.repo, s); err != nil {
		return err
	}
	if err := m.PutRefcount(g.Into, 1); err != nil {
		return err
	}
	for _, l := range g.Layers {
		for range 2 { // the repository's and the compaction's
			if err := release(m, l.Segment); err != nil {
				return err
			}
		}
	}
	return m.DeleteStack(g.Into)
}

// indexRun returns where run begins in layers, or -1.
func indexRun(layers, run []Layer) int {
	for i := range len(layers) - len(run) + 1 {
		if slices.Equal(layers[i:i+len(run)], run) {
			return i
		}
	}
	return -1
}
