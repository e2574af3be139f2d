package storage_test

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/reposit/reposit/storage"
)

func TestGate(t *testing.T) {
	var g storage.Gate
	if err := g.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.Leave()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Enter(cancelled) = %v, want %v", err, context.Canceled)
	}
	if g.Closed() {
		t.Error("Closed() = true before Close")
	}
	if !g.Close() {
		t.Error("Close() = false, want true")
	}
	if g.Close() {
		t.Error("second Close() = true, want false")
	}
	if !g.Closed() {
		t.Error("Closed() = false after Close")
	}
	if err := g.Enter(t.Context()); !errors.Is(err, storage.ErrClosed) || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Enter() after Close = %v, want %v", err, storage.ErrClosed)
	}
}

func TestGateCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g storage.Gate
		for range 3 {
			if err := g.Enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		closed := make(chan bool)
		go func() { closed <- g.Close() }()
		for range 3 {
			synctest.Wait()
			select {
			case <-closed:
				t.Fatal("Close() returned with a call in flight")
			default:
			}
			if err := g.Enter(t.Context()); !errors.Is(err, storage.ErrClosed) {
				t.Errorf("Enter() while Close waits = %v, want %v", err, storage.ErrClosed)
			}
			if g.Close() {
				t.Error("second Close() while the first waits = true, want false")
			}
			g.Leave()
		}
		if !<-closed {
			t.Error("Close() = false, want true")
		}
	})
}

// TestGateRace closes a gate from many goroutines while many more come and go: one Close reports true, all return,
// and nobody is in when that one does.
func TestGateRace(t *testing.T) {
	for range 2000 {
		var g storage.Gate
		var group sync.WaitGroup
		var in sync.Mutex // locked by who is in; only for the race detector and for the count
		inside, wins := 0, 0
		for range 4 {
			group.Go(func() {
				for range 3 {
					if g.Enter(context.Background()) != nil {
						return
					}
					in.Lock()
					inside++
					in.Unlock()
					in.Lock()
					inside--
					in.Unlock()
					g.Leave()
				}
			})
		}
		for range 3 {
			group.Go(func() {
				if g.Close() {
					if inside != 0 {
						t.Errorf("Close() returned with %d calls in flight", inside)
					}
					in.Lock()
					wins++
					in.Unlock()
				}
			})
		}
		group.Wait()
		if wins != 1 {
			t.Fatalf("%d calls of Close returned true, want 1", wins)
		}
	}
}
