// Package memory keeps a store in memory: for tests, and for work that may be thrown away.
//
// Opening it costs microseconds and starts no goroutine. Writers take turns; readers take no lock at all, and see
// whole Updates only. Nothing outlives Close.
package memory

import (
	"context"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// New returns an empty store.
func New() storage.Backend {
	return &backend{values: mvcc.New[value](), writer: make(chan struct{}, 1)}
}

type backend struct {
	values *mvcc.Map[value]
	pools  table[pool]

	writer chan struct{} // holds a token while an Update runs, and for changes of tables
	calls  storage.Gate
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
	v := snapshot{b.values.Snapshot()}
	defer v.at.Close()
	return fn(&v)
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
