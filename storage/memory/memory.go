// Package memory keeps a store in memory: for tests, and for work that may be thrown away.
//
// Opening it costs microseconds and starts no goroutine. Writers take turns; readers take no lock at all, and see
// whole Updates only. Nothing outlives Close.
package memory

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// New returns an empty store.
func New() storage.Backend {
	return &backend{values: mvcc.New[value]()}
}

type backend struct {
	values *mvcc.Map[value]
	pools  table[pool]

	writer sync.Mutex     // held while an Update runs, and for changes of tables
	closed atomic.Bool    // no new calls
	calls  sync.WaitGroup // in flight
	gate   sync.RWMutex   // orders calls.Add before the Wait of Close
}

// A value is a record, or a ref with its log, by the first byte of its key.
type value struct {
	record []byte
	ref    *refState
}

type refState struct {
	ref  storage.Ref
	live bool
	log  *logLine
}

type logLine struct {
	entry storage.LogEntry
	older *logLine
}

const (
	refKind    = "f" // repository, name
	recordKind = "r" // key
)

// enter begins a call. Each enter that returns nil is paired with a leave.
func (b *backend) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.closed.Load() {
		return storage.ErrClosed
	}
	b.gate.RLock()
	defer b.gate.RUnlock()
	if b.closed.Load() {
		return storage.ErrClosed
	}
	b.calls.Add(1)
	return nil
}

func (b *backend) leave() { b.calls.Done() }

func (b *backend) Durability() storage.Durability { return storage.Volatile }

func (b *backend) Close() error {
	b.gate.Lock()
	was := b.closed.Swap(true)
	b.gate.Unlock()
	if was {
		return storage.ErrClosed
	}
	b.calls.Wait()
	b.values = mvcc.New[value]()
	b.pools = table[pool]{}
	return nil
}

func (b *backend) View(ctx context.Context, fn func(storage.View) error) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.leave()
	v := snapshot{b.values.Snapshot()}
	defer v.at.Close()
	return fn(&v)
}

func (b *backend) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := b.enter(ctx); err != nil {
		return err
	}
	defer b.leave()
	b.writer.Lock()
	defer b.writer.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	t := &tx{b: b, values: b.values.Begin()}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.commit()
	return nil
}
