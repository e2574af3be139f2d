// Package storagetest is the contract of package storage as tests.
//
// Run is all of it that one open backend can show. RunReopen adds what must be there after Close and opening again,
// and RunKill what must be there after the process is killed. A backend that passes all three is a backend; its own
// tests are left with its format and its engine:
//
//	func TestContract(t *testing.T) {
//		storagetest.Run(t, func(t *testing.T) storage.Backend { return open(t, t.TempDir()) })
//	}
//
//	func TestReopen(t *testing.T) {
//		storagetest.RunReopen(t, func(t *testing.T) func() storage.Backend {
//			dir := t.TempDir()
//			return func() storage.Backend { return open(t, dir) }
//		})
//	}
//
//	func TestKill(t *testing.T) { storagetest.RunKill(t, 50, Open) }
//
// Random histories are those of a few fixed seeds, or of the one in the environment variable STORAGETEST_SEED. What is
// checked of a damaged medium, of locks and of formats is the backend's own.
//
// Model is the contract as a program: a backend of maps that is right because it is slow. The kit compares backends
// with it after random transactions, which a Workload makes, always the same ones of the same seed.
//
// Inject is a backend whose calls fail as a Plan says, for tests of what stands above.
package storagetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/reposit/reposit/storage"
)

// Run tests a backend. open returns a new, empty one at each call, and may skip or end the test; the kit closes it,
// and does not mind if a cleanup of open closes it again. Run starts no parallel tests. Goroutines that outlive a
// backend's Close are an error.
func Run(t *testing.T, open func(t *testing.T) storage.Backend) {
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.clauses {
				t.Run(c.name, func(t *testing.T) { c.check(newFixture(t, open)) })
			}
		})
	}
}

// A group is a part of the contract, in clauses that each are checked with a backend of their own.
type group struct {
	name    string
	clauses []clause
}

type clause struct {
	name  string
	check func(f *fixture)
}

func groups() []group {
	return []group{
		{"Objects", objectClauses()},
		{"Deltas", deltaClauses()},
		{"Stages", stageClauses()},
		{"Writers", writerClauses()},
		{"Packs", packClauses()},
		{"Refs", refClauses()},
		{"Logs", logClauses()},
		{"Forks", forkClauses()},
		{"Records", recordClauses()},
		{"Updates", updateClauses()},
		{"Isolation", isolationClauses()},
		{"Views", viewClauses()},
		{"Drops", dropClauses()},
		{"Contexts", contextClauses()},
		{"Close", closeClauses()},
		{"Histories", historyClauses()},
	}
}

// A fixture is what one clause works with.
type fixture struct {
	*testing.T
	b     storage.Backend
	ctx   context.Context
	stuck bool // a call does not return, so Close would not either
}

func newFixture(t *testing.T, open func(t *testing.T) storage.Backend) *fixture {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	f := &fixture{T: t, ctx: t.Context()}
	// Registered before open's own cleanups, so that it runs after them.
	t.Cleanup(func() {
		if !f.stuck && !t.Skipped() {
			goleak.VerifyNone(t, leaks)
		}
	})
	f.b = open(t)
	t.Cleanup(func() {
		if f.stuck {
			return
		}
		if err := f.b.Close(); err != nil && !errors.Is(err, storage.ErrClosed) {
			t.Errorf("Close() = %v, want nil", err)
		}
	})
	return f
}

// update runs fn as an Update that must succeed.
func (f *fixture) update(fn func(tx storage.Tx) error) {
	f.Helper()
	if err := f.b.Update(f.ctx, fn); err != nil {
		f.Fatalf("Update() = %v, want nil", err)
	}
}

// view runs fn as a View that must succeed.
func (f *fixture) view(fn func(v storage.View) error) {
	f.Helper()
	if err := f.b.View(f.ctx, fn); err != nil {
		f.Fatalf("View() = %v, want nil", err)
	}
}

// wantErr checks that what, a call, returned an error that matches want.
func (f *fixture) wantErr(what string, err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Errorf("%s = %v, want %v", what, err, want)
	}
}

// patience is how long a call may take that must not wait for another one. It is no measure of speed: a call that
// waits for ever is to fail with its name, rather than with the whole test's timeout.
const patience = 2 * time.Minute

// finishes runs fn in another goroutine and ends the test if it does not return.
func (f *fixture) finishes(what string, fn func() error) {
	f.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	f.await(what, done)
}

// await receives from done the outcome of a call that must succeed.
func (f *fixture) await(what string, done <-chan error) {
	f.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			f.Errorf("%s = %v, want nil", what, err)
		}
	case <-timer.C:
		f.stuck = true
		f.Fatalf("%s does not return", what)
	}
}

// together runs n functions at once and waits for all of them. Each must succeed.
func (f *fixture) together(n int, fn func(i int) error) {
	f.Helper()
	start := make(chan struct{})
	done := make([]chan error, n)
	for i := range done {
		done[i] = make(chan error, 1)
		go func() {
			<-start
			done[i] <- fn(i)
		}()
	}
	close(start)
	for i := range done {
		f.await("a call among others", done[i])
	}
}

// newID returns the n-th ID of a series that kind names.
func newID(kind byte, n int) storage.ID {
	id := storage.ID([]byte("00000000000000000000"))
	id[0] = kind
	for i := len(id) - 1; n > 0; i, n = i-1, n/36 {
		id[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[n%36]
	}
	return id
}

func poolID(n int) storage.ID { return newID('p', n) }
func repoID(n int) storage.ID { return newID('r', n) }

// createRepo makes the n-th repository, with objects in the pool of the same number.
func (f *fixture) createRepo(n int) storage.ID {
	f.Helper()
	f.update(func(tx storage.Tx) error { return tx.CreateRepo(repoID(n), poolID(n)) })
	return repoID(n)
}
