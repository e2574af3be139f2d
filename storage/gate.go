package storage

import (
	"context"
	"math"
	"sync/atomic"
)

// A Gate counts the calls in flight and lets none in once it is closed: what Backend.Close needs. The zero Gate is
// open. It costs two atomic additions a call.
type Gate struct {
	state atomic.Int64 // calls in flight; far below zero once closed
	idle  atomic.Pointer[chan struct{}]
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
	if g.state.Add(-1) != shut {
		return
	}
	if idle := g.idle.Swap(nil); idle != nil {
		close(*idle)
	}
}

// Closed reports whether Close was called.
func (g *Gate) Closed() bool { return g.state.Load() < 0 }

// Close lets no more calls in and waits for those in flight. It reports false if the gate was closed before.
func (g *Gate) Close() bool {
	idle := make(chan struct{})
	for {
		n := g.state.Load()
		if n < 0 {
			return false
		}
		if n == 0 {
			if g.state.CompareAndSwap(0, shut) {
				return true
			}
			continue
		}
		g.idle.Store(&idle)
		if g.state.CompareAndSwap(n, n+shut) {
			<-idle
			return true
		}
	}
}
