package language

import (
	"context"
	"runtime"
	"sync"

	"github.com/reposit/reposit/internal/git"
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
	mu      sync.Mutex // of all below
	left    []job
	sum     map[string]int64
	err     error // the first
}

const batchSize = 16 // jobs that a worker takes at once

// sum returns how many more bytes of each language there are on the right.
func (c *Counter) sum(ctx context.Context, pool storage.ID, jobs []job) (map[string]int64, error) {
	t := &tally{counter: c, pool: pool, left: jobs, sum: map[string]int64{}}
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
	return t.sum, t.err
}

func (t *tally) work() {
	sum := map[string]int64{}
	var err error
	for batch := t.take(); len(batch) > 0 && err == nil; batch = t.take() {
		if err = t.count(batch, sum); err == nil && t.counter.pace != nil {
			err = t.counter.pace(t.ctx)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, n := range sum {
		t.sum[name] += n
	}
	if err != nil && t.err == nil {
		t.err = err
		t.cancel()
	}
}

func (t *tally) take() []job {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(batchSize, len(t.left))
	batch := t.left[:n]
	t.left = t.left[n:]
	return batch
}

func (t *tally) count(batch []job, sum map[string]int64) error {
	for i := range batch {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		j := &batch[i]
		name, size, err := t.counter.look(t.ctx, t.pool, j)
		if err != nil {
			return sided(j.side, err)
		}
		if name != "" {
			sum[name] += size * int64(2*j.side-1)
		}
	}
	return nil
}

// look returns the language that a file counts towards, or "", and its size.
func (c *Counter) look(ctx context.Context, pool storage.ID, j *job) (string, int64, error) {
	if j.rules.excludes(j.path) {
		return "", 0, nil
	}
	size, head, err := c.objects.Head(ctx, pool, j.hash, MaxContent)
	if err != nil {
		return "", 0, err
	}
	return j.rules.judge(j.path, head), size, nil
}
