package language

import (
	"maps"
	"slices"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/storage"
)

// maxUnfinished bounds of how many counts what was done is held in memory.
const maxUnfinished = 16

// unfinished is what was done of counts that ended early, so that a count is done in the end, however short the time is
// that each of those who ask for it has.
type unfinished struct {
	mu     sync.Mutex
	counts []progress // the latest last
}

// A progress is how far a count got.
type progress struct {
	pool     storage.ID
	from, to git.Hash
	done     []bool // of the jobs
	sum      map[string]int64
}

// take returns how far a count of n jobs got before, and forgets it.
func (u *unfinished) take(pool storage.ID, from, to git.Hash, n int) progress {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, p := range u.counts {
		if p.pool == pool && p.from == from && p.to == to && len(p.done) == n {
			u.counts = slices.Delete(u.counts, i, i+1)
			return p
		}
	}
	return progress{pool: pool, from: from, to: to, done: make([]bool, n), sum: map[string]int64{}}
}

// put keeps how far a count got.
func (u *unfinished) put(p progress) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.counts) == maxUnfinished {
		u.counts = slices.Delete(u.counts, 0, 1)
	}
	u.counts = append(u.counts, p)
}

// add adds what one worker found of some jobs.
func (p *progress) add(jobs []int, sum map[string]int64) {
	for _, i := range jobs {
		p.done[i] = true
	}
	for name, n := range sum {
		p.sum[name] += n
	}
}

// result returns the sum, which the caller may change.
func (p *progress) result() map[string]int64 { return maps.Clone(p.sum) }
