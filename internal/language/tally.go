package language

import (
	"context"
	"runtime"
	"sync"

	"github.com/reposit/reposit/internal/git"
	"github.com/reposit/reposit/internal/linguist"
	"github.com/reposit/reposit/storage"
)

// A job is a file that is to be looked at.
type job struct {
	path  string
	hash  git.Hash
	rules rules
	side  int
}

// A tally sums up files, with several workers if they are many.
type tally struct {
	ctx     context.Context // done when there is an error
	cancel  context.CancelFunc
	counter *Counter
	pool    storage.ID
	again   map[git.Hash]bool // content that several files have
	jobs    []job

	mu       sync.Mutex // of all below
	known    map[question]answer
	next     int // job
	progress progress
	err      error // the first
}

// A question is all that an answer depends on.
type question struct {
	hash  git.Hash
	kind  linguist.Kind
	rules rules
}

// An answer is what a file counts for.
type answer struct {
	language string // "" for nothing
	size     int64
}

const batchSize = 16 // jobs that a worker takes at once

// sum returns how many more bytes of each language there are on the right. It goes on from where the same sum ended
// early.
func (c *Counter) sum(ctx context.Context, pool storage.ID, from, to git.Hash, jobs []job) (map[string]int64, error) {
	t := &tally{
		counter: c, pool: pool, again: repeated(jobs), known: map[question]answer{}, jobs: jobs,
		progress: c.unfinished.take(pool, from, to, len(jobs)),
	}
	t.ctx, t.cancel = context.WithCancel(ctx)
	defer t.cancel()
	var workers sync.WaitGroup
	if c.pace == nil {
		for range min(runtime.GOMAXPROCS(0)-1, len(jobs)/batchSize) {
			workers.Go(t.work)
		}
	}
	t.work()
	workers.Wait()
	if t.err != nil {
		c.unfinished.put(t.progress)
		return nil, t.err
	}
	return t.progress.result(), nil
}

func (t *tally) work() {
	for batch := t.take(); len(batch) > 0; batch = t.take() {
		sum := map[string]int64{}
		n, err := t.count(batch, sum)
		t.end(batch[:n], sum, err)
		if err == nil && t.counter.pace != nil {
			t.end(nil, nil, t.counter.pace(t.ctx))
		}
	}
}

// take returns the next few jobs, none after an error.
func (t *tally) take() (batch []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for ; t.err == nil && t.next < len(t.jobs) && len(batch) < batchSize; t.next++ {
		if !t.progress.done[t.next] {
			batch = append(batch, t.next)
		}
	}
	return batch
}

// end takes what was found of jobs, and the error that kept others from being done.
func (t *tally) end(done []int, sum map[string]int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.progress.add(done, sum)
	if err != nil && t.err == nil {
		t.err = err
		t.cancel()
	}
}

// count does jobs, and returns how many it did before an error.
func (t *tally) count(batch []int, sum map[string]int64) (int, error) {
	for n, i := range batch {
		if err := t.ctx.Err(); err != nil {
			return n, err
		}
		j := &t.jobs[i]
		if j.rules.excludes(j.path) {
			continue
		}
		a, err := t.answer(question{j.hash, linguist.KindOf(j.path), j.rules})
		if err != nil {
			return n, sided(j.side, err)
		}
		if a.language != "" {
			sum[a.language] += a.size * int64(2*j.side-1)
		}
	}
	return len(batch), nil
}

// answer looks at a file, unless its like was looked at before.
func (t *tally) answer(q question) (answer, error) {
	if !t.again[q.hash] {
		return t.counter.look(t.ctx, t.pool, &q)
	}
	t.mu.Lock()
	a, ok := t.known[q]
	t.mu.Unlock()
	if ok {
		return a, nil
	}
	a, err := t.counter.look(t.ctx, t.pool, &q)
	if err == nil {
		t.mu.Lock()
		t.known[q] = a
		t.mu.Unlock()
	}
	return a, err
}

// repeated returns the content that more than one file has.
func repeated(jobs []job) map[git.Hash]bool {
	seen, again := make(map[git.Hash]struct{}, len(jobs)), map[git.Hash]bool{}
	for i := range jobs {
		h := jobs[i].hash
		if _, ok := seen[h]; ok {
			again[h] = true
		}
		seen[h] = struct{}{}
	}
	return again
}

// look reads the beginning of a file that its path does not exclude.
func (c *Counter) look(ctx context.Context, pool storage.ID, q *question) (answer, error) {
	size, head, err := c.objects.Head(ctx, pool, q.hash, MaxContent)
	if err != nil {
		return answer{}, err
	}
	return answer{q.rules.judge(q.kind, head), size}, nil
}
