package reposit

import (
	"context"
	"math"
	"sync/atomic"
)

// A gate counts the calls in flight and lets none in after it was closed. Make one with newGate.
type gate struct {
	state atomic.Int64 // calls in flight; far below zero once closed
	idle  chan struct{}
	once  atomic.Bool
}

func newGate() *gate { return &gate{idle: make(chan struct{})} }

// shut is added to the state by close, so that every count after it is negative.
const shut = math.MinInt64 / 2

// enter begins a call. Each enter that returns nil is paired with a leave.
func (g *gate) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if g.state.Add(1) < 0 {
		g.leave()
		return ErrClosed
	}
	return nil
}

func (g *gate) leave() {
	if g.state.Add(-1) == shut {
		g.signal()
	}
}

func (g *gate) signal() {
	if g.once.CompareAndSwap(false, true) {
		close(g.idle)
	}
}

// close waits for the calls in flight. It reports false if the gate was closed before.
func (g *gate) close() bool {
	for {
		n := g.state.Load()
		if n < 0 {
			return false
		}
		if g.state.CompareAndSwap(n, n+shut) {
			if n == 0 {
				g.signal()
			}
			<-g.idle
			return true
		}
	}
}
