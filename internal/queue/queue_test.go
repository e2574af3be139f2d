package queue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// TestBatches lines jobs up behind one that hangs: they are done together, in order, by one goroutine at a time.
func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue[string, int]
		var group sync.WaitGroup
		var batches [][]int
		release := make(chan struct{})
		working := 0
		work := func(jobs []int) {
			if working++; working > 1 {
				t.Error("two goroutines work at once")
			}
			batches = append(batches, slices.Clone(jobs))
			if jobs[0] == 0 {
				<-release
			}
			working--
		}
		const n = 600
		for i := range n {
			group.Go(func() {
				if err := q.Do(t.Context(), "key", i, work); err != nil {
					t.Errorf("Do(%d) = %v", i, err)
				}
			})
			synctest.Wait() // until it stands in line
		}
		close(release)
		group.Wait()
		var sizes []int
		next := 0
		for _, b := range batches {
			sizes = append(sizes, len(b))
			for _, job := range b {
				if job != next {
					t.Fatalf("job %d is done when it is %d's turn", job, next)
				}
				next++
			}
		}
		if want := []int{1, maxBatch, maxBatch, n - 1 - 2*maxBatch}; !slices.Equal(sizes, want) {
			t.Errorf("batches of %v, want %v", sizes, want)
		}
		if len(q.lines) != 0 {
			t.Errorf("%d lines are left", len(q.lines))
		}
	})
}

// TestKeys has lines of other keys go on while one hangs.
func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue[string, int]
		release := make(chan struct{})
		done := make(chan error)
		go func() { done <- q.Do(t.Context(), "stuck", 1, func([]int) { <-release }) }()
		synctest.Wait()
		if err := q.Do(t.Context(), "free", 2, func([]int) {}); err != nil {
			t.Errorf("Do() = %v", err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Errorf("Do() = %v", err)
		}
	})
}

// TestWithdraw ends the context of jobs that wait, and of one that is being worked on.
func TestWithdraw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue[string, int]
		release := make(chan struct{})
		var did []int
		work := func(jobs []int) {
			did = append(did, jobs...)
			if jobs[0] == 0 {
				<-release
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		results := make([]chan error, 4)
		for i := range results {
			results[i] = make(chan error, 1)
			c := t.Context()
			if i < 2 { // the one at work, and the first who waits
				c = ctx
			}
			go func() { results[i] <- q.Do(c, "key", i, work) }()
			synctest.Wait()
		}
		cancel()
		if err := <-results[1]; !errors.Is(err, context.Canceled) {
			t.Errorf("Do() of a job that waits = %v, want %v", err, context.Canceled)
		}
		synctest.Wait()
		select {
		case err := <-results[0]:
			t.Errorf("Do() of a job at work returned %v before it was done", err)
		default:
		}
		close(release)
		for _, i := range []int{0, 2, 3} {
			if err := <-results[i]; err != nil {
				t.Errorf("Do(%d) = %v", i, err)
			}
		}
		if want := []int{0, 2, 3}; !slices.Equal(did, want) {
			t.Errorf("did %v, want %v", did, want)
		}
	})
}

// TestCancelledRace cancels jobs at any time. Each is done once, or not at all.
func TestCancelledRace(t *testing.T) {
	var q Queue[int, int]
	var group sync.WaitGroup
	var mu sync.Mutex
	did := map[int]int{}
	work := func(jobs []int) {
		mu.Lock()
		defer mu.Unlock()
		for _, j := range jobs {
			did[j]++
		}
	}
	for i := range 2000 {
		group.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			if i%2 == 0 {
				go cancel()
			}
			err := q.Do(ctx, i%3, i, work)
			cancel()
			mu.Lock()
			defer mu.Unlock()
			if (err == nil) != (did[i] == 1) || did[i] > 1 {
				t.Errorf("Do(%d) = %v, and it was done %d times", i, err, did[i])
			}
		})
	}
	group.Wait()
	if len(q.lines) != 0 {
		t.Errorf("%d lines are left", len(q.lines))
	}
}
