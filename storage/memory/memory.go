// Package memory keeps a store in memory: for tests, and for work that may be thrown away.
//
// Opening it costs microseconds and starts no goroutine. Writers take turns; readers take no lock at all, and see
// whole Updates only. Nothing outlives Close.
package memory

import (
	"context"
	"sync"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// New returns an empty store.
func New() storage.Backend {
	return &backend{values: mvcc.New[value](), writer: make(chan struct{}, 1)}
}

type backend struct {
	values *mvcc.Map[value]
	pools  table[pool]
	forked filter

	writer chan struct{} // holds a token while an Update runs, and for changes of tables
	calls  storage.Gate
	views  sync.Pool // of *reader, to be used again
}

// A value is what the first byte of its key says.
type value struct {
	record []byte
	ref    *refState
}

type refState struct {
	ref   storage.Ref
	live  bool
	log   *logLine
	stack *refstack.Stack // of a repository; then there is nothing else
}

type logLine struct {
	entry storage.LogEntry
	older *logLine
}

const (
	refKind    = "f" // segment, name: a ref, with its log
	recordKind = "r" // key: a record
	stackKind  = "s" // repository: its stack
	usersKind  = "u" // segment: how many stacks have it, as a record
)

func (b *backend) Durability() storage.Durability { return storage.Volatile }

// Exclusive is asked by storage.Exclusive.
func (b *backend) Exclusive() bool { return true }

func (b *backend) Close() error {
	if !b.calls.Close() {
		return storage.ErrClosed
	}
	b.values, b.pools = nil, table[pool]{}
	return nil
}

// lock waits for the writer's turn.
func (b *backend) lock(ctx context.Context) error {
	select {
	case b.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *backend) unlock() { <-b.writer }

func (b *backend) View(ctx context.Context, fn func(storage.View) error) error {
	if err := b.calls.Enter(ctx); err != nil {
		return err
	}
	defer b.calls.Leave()
	r, ok := b.views.Get().(*reader)
	if !ok {
		r = &reader{b: b}
	}
	r.at = b.values.Snapshot()
	defer b.views.Put(r)
	defer r.at.Close()
	return fn(r)
}

func (b *backend) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := b.calls.Enter(ctx); err != nil {
		return err
	}
	defer b.calls.Leave()
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	t := &tx{reader: reader{b: b, values: b.values.Begin()}}
	if err := fn(t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	t.commit()
	return nil
}
