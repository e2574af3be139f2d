package storagetest

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
)

func contextClauses() []clause {
	return []clause{
		{"CancelledBefore", contextsCancelledBefore},
		{"CancelledWithin", contextsCancelledWithin},
		{"CancelledLoop", contextsCancelledLoop},
		{"CancelledWhileWaiting", contextsCancelledWhileWaiting},
		{"CancelledStage", contextsCancelledStage},
	}
}

func closeClauses() []clause {
	return []clause{
		{"EveryMethod", closeEveryMethod},
		{"Twice", closeTwice},
		{"AtOnce", closeAtOnce},
		{"WaitsForUpdate", closeWaitsForUpdate},
		{"WaitsForView", closeWaitsForView},
		{"WithOpenStage", closeWithOpenStage},
		{"Fresh", closeFresh},
	}
}

// calls are all methods of a backend that take a context, with the least to make them work.
func (f *fixture) calls(o storage.Object) map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Object": func(ctx context.Context) error {
			_, err := f.b.Object(ctx, poolID(1), o.Hash)
			return err
		},
		"StatObject": func(ctx context.Context) error {
			_, _, err := f.b.StatObject(ctx, poolID(1), o.Hash)
			return err
		},
		"OpenObject": func(ctx context.Context) error {
			_, _, r, err := f.b.OpenObject(ctx, poolID(1), o.Hash)
			if err == nil {
				r.Close()
			}
			return err
		},
		"Objects": func(ctx context.Context) error {
			_, err := collect(f.b.Objects(ctx, poolID(1), storage.Hash{}, lastHash))
			return err
		},
		"Stage": func(ctx context.Context) error {
			s, err := f.b.Stage(ctx, poolID(1))
			if err == nil {
				err = s.Discard()
			}
			return err
		},
		"View":   func(ctx context.Context) error { return f.b.View(ctx, func(storage.View) error { return nil }) },
		"Update": func(ctx context.Context) error { return f.b.Update(ctx, func(storage.Tx) error { return nil }) },
	}
}

func contextsCancelledBefore(f *fixture) {
	o := blobs(1)[0]
	f.put(poolID(1), o)
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	for name, call := range f.calls(o) {
		f.wantErr(name+" with a cancelled context", call(ctx), context.Canceled)
		if err := call(f.ctx); err != nil {
			f.Errorf("%s after that = %v, want nil", name, err)
		}
	}
	err := f.b.Update(ctx, func(tx storage.Tx) error { return putRecords(tx, record("a", "x")) })
	f.wantErr("Update with a cancelled context", err, context.Canceled)
	f.wantRecords()
}

// contextsCancelledWithin cancels while an Update's function runs: all of it is done, or none.
func contextsCancelledWithin(f *fixture) {
	for n := range 5 {
		ctx, cancel := context.WithCancel(f.ctx)
		err := f.b.Update(ctx, func(tx storage.Tx) error {
			err := everything(tx, n)
			cancel()
			return err
		})
		cancel()
		switch {
		case err == nil:
			f.wantRefs(repoID(n), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", n))
			f.has(poolID(n), blobs(n+1)...)
		case errors.Is(err, context.Canceled):
			f.wantRefs(repoID(n))
			f.lacks(poolID(n), blobs(1)[0].Hash)
			f.update(func(tx storage.Tx) error { return everything(tx, n) })
		default:
			f.Errorf("Update(cancelled) = %v, want nil or %v", err, context.Canceled)
		}
	}
	f.wantEverything(0, 1, 2, 3, 4)
}

func contextsCancelledLoop(f *fixture) {
	all := blobs(500)
	f.put(poolID(1), all...)
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	n := 0
	for _, err := range f.b.Objects(ctx, poolID(1), storage.Hash{}, lastHash) {
		if err != nil {
			f.wantErr("Objects() with a cancelled context", err, context.Canceled)
			return
		}
		if n++; n == 3 {
			cancel()
		}
	}
	if n != len(all) {
		f.Errorf("Objects() with a cancelled context ends after %d of %d without an error", n, len(all))
	}
}

// contextsCancelledWhileWaiting cancels an Update that another one holds up.
func contextsCancelledWhileWaiting(f *fixture) {
	release := f.block(func(tx storage.Tx) error { return everything(tx, 1) })
	ctx, cancel := context.WithCancel(f.ctx)
	done := make(chan error, 1)
	go func() {
		done <- f.b.Update(ctx, func(tx storage.Tx) error { return everything(tx, 2) })
	}()
	for range 100 {
		runtime.Gosched()
	}
	cancel()
	release()
	f.finishes("a cancelled Update", func() error {
		switch err := <-done; {
		case err == nil:
			return f.b.View(f.ctx, func(v storage.View) error {
				return checkRefs(v, repoID(2), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", 2))
			})
		case errors.Is(err, context.Canceled):
			return f.b.View(f.ctx, func(v storage.View) error {
				return errors.Join(checkRefs(v, repoID(2)), checkRecords(v, record("record 001", "value 1")))
			})
		default:
			return err
		}
	})
	f.update(func(tx storage.Tx) error { return everything(tx, 2) })
	f.wantRefs(repoID(2), symbolic("HEAD", "refs/heads/main"), refTo("refs/heads/main", 2))
}

// contextsCancelledStage cancels the calls of a stage: each says so or does its work, and nothing is left that hinders
// the next stage.
func contextsCancelledStage(f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	all := blobs(3)
	s := f.newStage(poolID(1))
	calls := map[string]func() error{
		"Put": func() error { return s.Put(ctx, all[0]) },
		"Create": func() error {
			w, err := s.Create(ctx)
			if err == nil {
				err = w.Discard()
			}
			return err
		},
		"Commit": func() error {
			w, err := s.Create(f.ctx)
			if err != nil {
				return err
			}
			f.write(w, all[1].Data)
			return errors.Join(w.Commit(ctx, all[1].Hash, all[1].Type), w.Discard())
		},
	}
	for name, call := range calls {
		if err := call(); err != nil && !errors.Is(err, context.Canceled) {
			f.Errorf("%s with a cancelled context = %v, want nil or %v", name, err, context.Canceled)
		}
	}
	if err := s.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		f.Errorf("Close with a cancelled context = %v, want nil or %v", err, context.Canceled)
	}
	if err := s.Discard(); err != nil {
		f.Errorf("Discard() after that = %v, want nil", err)
	}
	f.stage(poolID(1), all...)
	f.has(poolID(1), all...)
}

func closeEveryMethod(f *fixture) {
	o := blobs(1)[0]
	f.put(poolID(1), o)
	durability := f.b.Durability()
	if err := f.b.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	for name, call := range f.calls(o) {
		f.wantErr(name+" after Close", call(f.ctx), storage.ErrClosed)
		f.wantErr(name+" after Close", call(f.ctx), fs.ErrClosed)
	}
	if got := f.b.Durability(); got != durability {
		f.Errorf("Durability() after Close = %v, want %v", got, durability)
	}
}

func closeTwice(f *fixture) {
	if err := f.b.Close(); err != nil {
		f.Fatalf("Close() = %v, want nil", err)
	}
	f.wantErr("second Close()", f.b.Close(), storage.ErrClosed)
	f.wantErr("third Close()", f.b.Close(), storage.ErrClosed)
}

func closeAtOnce(f *fixture) {
	var succeeded atomic.Int32
	f.together(4, func(int) error {
		err := f.b.Close()
		if err == nil {
			succeeded.Add(1)
		} else if errors.Is(err, storage.ErrClosed) {
			err = nil
		}
		return err
	})
	if got := succeeded.Load(); got != 1 {
		f.Errorf("of four Close() at once %d returned nil, want 1", got)
	}
}

// closeWhile calls Close while another call waits, and checks that it returns only after release was called.
func (f *fixture) closeWhile(release func()) {
	f.Helper()
	var released atomic.Bool
	done := make(chan error, 1)
	go func() {
		err := f.b.Close()
		if !released.Load() {
			err = errors.Join(errors.New("Close returned while another call was in flight"), err)
		}
		done <- err
	}()
	for range 100 {
		runtime.Gosched()
	}
	released.Store(true)
	release()
	f.await("Close()", done)
}

func closeWaitsForUpdate(f *fixture) {
	f.closeWhile(f.block(func(tx storage.Tx) error { return everything(tx, 1) }))
}

func closeWaitsForView(f *fixture) {
	f.putRecords(record("a", "x"))
	entered, leave, done := make(chan error, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- f.b.View(f.ctx, func(v storage.View) error {
			entered <- nil
			<-leave
			return checkRecords(v, record("a", "x"))
		})
	}()
	f.await("a View's function", entered)
	f.closeWhile(func() { close(leave) })
	f.await("View()", done)
}

// closeWithOpenStage leaves a stage and a writer open: they must not hinder Close, and cannot end well after it.
func closeWithOpenStage(f *fixture) {
	s := f.newStage(poolID(1))
	if err := s.Put(f.ctx, blobs(1)[0]); err != nil {
		f.Fatal(err)
	}
	w := f.create(s)
	f.write(w, randomBytes(1, 100_000))
	f.finishes("Close() with an open stage", f.b.Close)
	f.wantErr("Stage.Close() after Close", s.Close(f.ctx), storage.ErrClosed)
	w.Discard()
	s.Discard()
}

// closeFresh closes at once what was never used.
func closeFresh(f *fixture) { f.finishes("Close()", f.b.Close) }
