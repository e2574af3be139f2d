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
	// collectBytes is how much is written between two checks.
	collectBytes = mib
)

// check begins a collection if the heap, with what it is about to take, is over the limit for its garbage. Where much
// more than the limit is in use, it belongs to others, and Go's own collector decides.
func (c *collector) check(soon int64) {
	samples := [...]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples[:])
	for _, s := range samples {
		if s.Value.Kind() != metrics.KindUint64 {
			return
		}
	}
	all, used := int64(samples[0].Value.Uint64()), int64(samples[1].Value.Uint64())
	if used >= 2*c.limit || all+soon < max(c.limit, used+minGarbage) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running != nil || c.stopped {
		return
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
