package storage

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
)

// A Gate counts the calls in flight and lets none in once it is closed: what Backend.Close needs. The zero Gate is
// open. It costs two atomic additions a call.
type Gate struct {
	state   atomic.Int64 // calls in flight; far below zero once closed
	idle    atomic.Pointer[chan struct{}]
	closing sync.Mutex // one Close at a time sets idle
}

// shut is added to the state by Close, so that every count after it is negative.
const shut = math.MinInt64 / 2

// Enter begins a call. It returns the context's error, or ErrClosed. Each Enter that returns nil is paired with a
// Leave.
func (g *Gate) Enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.state.Add(1) < 0 {
		g.Leave()
		return ErrClosed
	}
	return nil
}

// Leave ends a call.
func (g *Gate) Leave() {
	if g.state.Add(-1) == shut {
		g.wake()
	}
}

// wake tells Close that nobody is in.
func (g *Gate) wake() {
	if idle := g.idle.Swap(nil); idle != nil {
		close(*idle)
	}
}

// Closed reports whether Close was called.
func (g *Gate) Closed() bool { return g.state.Load() < 0 }

// Close lets no more calls in and waits for those in flight. It reports false, and does not wait, if the gate was
// closed before.
func (g *Gate) Close() bool {
	idle := make(chan struct{})
	if !g.begin(&idle) {
		return false
	}
	<-idle
	return true
}

// begin shuts the gate, and sees to it that idle is closed when the last call has left.
func (g *Gate) begin(idle *chan struct{}) bool {
	g.closing.Lock()
	defer g.closing.Unlock()
	if g.Closed() {
		return false
	}
	g.idle.Store(idle)
	for {
		n := g.state.Load()
		if !g.state.CompareAndSwap(n, n+shut) {
			continue
		}
		if n == 0 {
			g.wake()
		}
		return true
	}
}
