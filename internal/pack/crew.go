package pack

import (
	"io"
	"sync"
	"sync/atomic"
)

// A crew is goroutines that do one work, which ends with the first error. The zero value has none.
type crew struct {
	group sync.WaitGroup
	once  sync.Once
	bad   atomic.Bool
	err   error
}

// add has a goroutine run fn.
func (c *crew) add(fn func() error) {
	c.group.Go(func() {
		if err := fn(); err != nil {
			c.fail(err)
		}
	})
}

func (c *crew) fail(err error) {
	c.once.Do(func() {
		c.err = err
		c.bad.Store(true)
	})
}

// failed reports whether some goroutine returned an error: the others should stop.
func (c *crew) failed() bool { return c.bad.Load() }

// wait waits for all goroutines, and returns the first error.
func (c *crew) wait() error {
	c.group.Wait()
	return c.err
}

// A lockedReader reads for several goroutines from what is for one.
type lockedReader struct {
	mu  sync.Mutex
	src io.ReaderAt
}

func (r *lockedReader) ReadAt(b []byte, at int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.src.ReadAt(b, at)
}
