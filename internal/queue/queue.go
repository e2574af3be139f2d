// Package queue lines up work on the same thing, so that none of it is done in vain: whoever comes first works for
// all who wait.
package queue

import (
	"context"
	"slices"
	"sync"
)

// A Queue has a line of jobs for each key. The zero Queue is ready.
type Queue[K comparable, J any] struct {
	mu    sync.Mutex
	lines map[K]*line[J]
}

type line[J any] struct {
	users   int // goroutines in Do
	waiting []*ticket[J]
	turn    chan struct{} // holds one token while somebody works
}

type ticket[J any] struct {
	job  J
	done chan struct{}
}

// maxBatch bounds how many jobs are worked on at once.
const maxBatch = 256

// Do puts job into the line of key and returns when it is done, by whomever. Jobs of one line are done in the order
// in which they came, in batches: work is called by one goroutine at a time, with the jobs that wait. If ctx ends
// while the job still waits, Do takes it back and returns the context's error; a job that is being worked on is
// waited for.
func (q *Queue[K, J]) Do(ctx context.Context, key K, job J, work func([]J)) error {
	t := &ticket[J]{job: job, done: make(chan struct{})}
	l := q.join(key, t)
	defer q.leave(key, l)
	select {
	case <-t.done:
		return nil
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		if q.withdraw(l, t) {
			return ctx.Err()
		}
		<-t.done
		return nil
	}
	defer func() { <-l.turn }()
	for {
		select {
		case <-t.done:
			return nil
		default:
		}
		q.workOff(l, work)
	}
}

func (q *Queue[K, J]) workOff(l *line[J], work func([]J)) {
	q.mu.Lock()
	n := min(len(l.waiting), maxBatch)
	batch := l.waiting[:n:n]
	l.waiting = slices.Clone(l.waiting[n:])
	q.mu.Unlock()
	jobs := make([]J, n)
	for i, t := range batch {
		jobs[i] = t.job
	}
	work(jobs)
	for _, t := range batch {
		close(t.done)
	}
}

func (q *Queue[K, J]) join(key K, t *ticket[J]) *line[J] {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lines[key]
	if l == nil {
		if q.lines == nil {
			q.lines = map[K]*line[J]{}
		}
		l = &line[J]{turn: make(chan struct{}, 1)}
		q.lines[key] = l
	}
	l.users++
	l.waiting = append(l.waiting, t)
	return l
}

func (q *Queue[K, J]) leave(key K, l *line[J]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(q.lines, key)
	}
}

// withdraw takes t out of the line, unless somebody works on it or is done.
func (q *Queue[K, J]) withdraw(l *line[J], t *ticket[J]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(l.waiting, t)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}
