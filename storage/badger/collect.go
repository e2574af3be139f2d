package badger

import (
	"runtime"
	"runtime/metrics"
	"sync"
)

// A collector has garbage collected in time. What a memtable and the buffers of tables take is let go of in pieces of
// many megabytes; Go's collector would let as much garbage add up as there is in use.
type collector struct {
	limit int64 // bytes of the heap, garbage included, beyond which it collects

	mu      sync.Mutex
	running chan struct{} // closed when the collection ends that goes on; nil: none does
	stopped bool
}

const (
	// minGarbage is how much garbage there must be for a collection: it costs in proportion to what is in use.
	minGarbage = 16 * mib
	// maxExcess is by how much a write lets the heap be over the limit while a collection goes on.
	maxExcess = 16 * mib
	// collectBytes is how much is written between two checks.
	collectBytes = mib
)

// check begins a collection if the heap, with what it is about to take, is over the limit for its garbage, unless one
// goes on. Where much more than the limit is in use, it belongs to others, and Go's own collector decides.
func (c *collector) check(soon int64) { c.collect(soon) }

// await is check, and returns after the collection if the heap is over the limit by more than excess: a collection ends
// late on a busy machine, and what it takes until then is not bounded.
func (c *collector) await(excess int64) {
	if running, over := c.collect(0); running != nil && over > excess {
		<-running
	}
}

// collect returns what is closed when the collection ends that goes on, nil if none does, and by how much the heap is
// over the limit.
func (c *collector) collect(soon int64) (running chan struct{}, over int64) {
	samples := [...]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples[:])
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return nil, 0
		}
	}
	all, used := int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
	over = all + soon - max(c.limit, used+minGarbage)
	if used >= 2*c.limit || over < 0 {
		return nil, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil || c.stopped {
		return c.running, over
	}
	done := make(chan struct{})
	c.running = done
	go func() {
		runtime.GC()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = nil
		close(done)
	}()
	return done, over
}

// start lets collections begin.
func (c *collector) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = false
}

// stop returns when none goes on, and none begins any more.
func (c *collector) stop() {
	c.mu.Lock()
	c.stopped = true
	running := c.running
	c.mu.Unlock()
	if running != nil {
		<-running
	}
}
