package badger

import (
	"context"
	"errors"
	"fmt"

	"github.com/reposit/reposit/storage"
)

// A tx is one run of an Update's function.
type tx struct {
	reader
	err     error        // dooms the Update
	wrote   bool         // fn did, in all
	froze   []storage.ID // repositories whose own space was frozen
	created storage.ID   // the last repository that was created
}

// Update implements storage.Backend.
func (b *backend) Update(ctx context.Context, fn func(storage.Tx) error) error {
	if err := b.enterWrite(); err != nil {
		return err
	}
	defer b.leave()
	return b.work(ctx, func(t *tx) error { return fn(t) })
}

// work runs fn in turn, commits what it has written, and does what is to follow.
func (b *backend) work(ctx context.Context, fn func(*tx) error) error {
	var drops dropSet
	var froze []storage.ID
	err := b.update(ctx, func(t *tx) error {
		defer func() { drops, froze = t.own.drops, t.froze }()
		return fn(t)
	})
	if err != nil {
		return err
	}
	for s := range drops {
		// The drop itself is done. What its sweep does not finish, the next Open does.
		if b.sweep(s) != nil {
			return nil
		}
	}
	if len(drops) > 0 {
		_ = b.reclaim()
	}
	for _, repo := range froze {
		// Likewise, the fork is done, and reads right without a merge.
		if b.merge(repo) != nil {
			return nil
		}
	}
	return nil
}

// update runs fn in turn, and commits what it has written.
func (b *backend) update(ctx context.Context, fn func(*tx) error) error {
	for {
		t, g, err := b.run(ctx, fn)
		if err == errRetry {
			continue
		}
		if g == nil {
			return err
		}
		// Also an error, or what an Update that wrote nothing has read, can come from what is not yet permanent: it
		// counts only if that becomes so.
		failed := b.await(g, true)
		if failed != nil && (err != nil || !t.wrote) {
			continue
		}
		if err == nil {
			err = failed
		}
		return err
	}
}

// run runs fn once. It returns the group whose outcome is to be waited for, or nil if there is none.
func (b *backend) run(ctx context.Context, fn func(*tx) error) (*tx, *group, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if err := b.takeTurn(ctx); err != nil {
		return nil, nil, err
	}
	defer func() { <-b.turn }()
	t := b.begin()
	defer t.end()
	err := b.confirm(fn(t))
	if err == nil {
		err = t.err
	}
	if err != nil {
		return t, t.newest(), err
	}
	if err := ctx.Err(); err != nil {
		return t, nil, err
	}
	t.wrote = !t.own.empty()
	g, err := b.join(t)
	return t, g, err
}

func (b *backend) takeTurn(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
		return nil
	default:
	}
	b.queued.Add(1)
	defer b.queued.Add(-1)
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin returns a tx on the state that all Updates before it leave. The caller has the turn.
func (b *backend) begin() *tx {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := &tx{reader: reader{b: b, snap: b.timeline.acquire(), own: b.spare}}
	if b.spare = nil; t.own == nil {
		t.own = newWriteSet()
	}
	t.key = t.short[:0]
	if b.pending != nil {
		t.below = append(t.below, b.pending)
	}
	if b.inflight != nil {
		t.below = append(t.below, b.inflight)
	}
	return t
}

// newest returns the last group that t reads from, or nil.
func (t *tx) newest() *group {
	if len(t.below) == 0 {
		return nil
	}
	return t.below[0]
}

// check dooms t if it has written more than can be atomic.
func (t *tx) check() error {
	if !t.own.atomic.fits(t.b.atomic) {
		t.err = fmt.Errorf("badger: %d refs and records of %d bytes: %w",
			t.own.atomic.count, t.own.atomic.bytes, storage.ErrTooLarge)
	}
	return t.err
}

// doom remembers an error that must not be lost when fn does not return it.
func (t *tx) doom(err error) error {
	if err != nil && t.err == nil {
		t.err = err
	}
	return err
}

// HasObject implements storage.Tx.
func (t *tx) HasObject(pool storage.ID, h storage.Hash) (bool, error) {
	t.key = appendObjectKey(t.key[:0], pool, h)
	found, err := t.has(t.key)
	if err == nil && !found && t.b.packed.Load() {
		var o *packedObject
		o, err = t.inPacks(pool, h)
		found = o != nil
	}
	return found, t.doom(err)
}

// PutObject implements storage.Tx.
func (t *tx) PutObject(pool storage.ID, o storage.Object) (added bool, err error) {
	if t.err != nil {
		return false, t.err
	}
	if found, err := t.HasObject(pool, o.Hash); err != nil || found {
		return false, err
	}
	e, err := encodeObject(pool, o)
	if err != nil {
		return false, t.doom(err)
	}
	for _, p := range e.puts {
		t.own.set(p.key, p.value)
	}
	return true, nil
}

// putEncoded is PutObject for an object that is encoded already. Chunks of an object that the pool has are deleted.
func (t *tx) putEncoded(e *encodedObject) error {
	found, err := t.HasObject(e.pool, storage.Hash([]byte(e.object().key[headSize:])))
	if err != nil {
		return err
	}
	if !found {
		for _, p := range e.puts {
			t.own.set(p.key, p.value)
		}
		return nil
	}
	for seq := range e.chunks - len(e.puts) + 1 {
		t.own.set(string(appendChunkKey(nil, e.pool, e.id, uint32(seq))), nil)
	}
	return nil
}

// PutRecord implements storage.Tx.
func (t *tx) PutRecord(key, value []byte) error {
	if t.err != nil {
		return t.err
	}
	if len(key) > storage.MaxKey || len(value) > storage.MaxValue {
		return t.doom(fmt.Errorf("badger: record with a key of %d bytes and a value of %d: %w",
			len(key), len(value), storage.ErrTooLarge))
	}
	if err := t.dropTail(key); err != nil {
		return err
	}
	form := []byte{recordWhole}
	if len(value) > maxHead {
		form[0] = recordSplit
		t.b.split.Store(true)
		tail := appendTailKey(nil, key)
		t.own.set(string(tail), seal(tail, value[maxHead:]))
		value = value[:maxHead]
	}
	t.key = appendRecordKey(t.key[:0], key)
	t.own.set(string(t.key), seal(t.key, form, value))
	return t.check()
}

// DeleteRecord implements storage.Tx.
func (t *tx) DeleteRecord(key []byte) error {
	if t.err != nil {
		return t.err
	}
	if len(key) > storage.MaxKey {
		return nil
	}
	if err := t.dropTail(key); err != nil {
		return err
	}
	t.key = appendRecordKey(t.key[:0], key)
	t.own.set(string(t.key), nil)
	return t.check()
}

// dropTail deletes the second part of a record, if it has one.
func (t *tx) dropTail(key []byte) error {
	if !t.b.split.Load() {
		return nil
	}
	t.key = appendRecordKey(t.key[:0], key)
	payload, err := t.get(t.key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err == nil && len(payload) > 0 && payload[0] == recordSplit {
		t.own.set(string(appendTailKey(nil, key)), nil)
	}
	return t.doom(err)
}
