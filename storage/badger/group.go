package badger

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

// A group is the writes of some Updates that are committed together.
type group struct {
	*writeSet
	grows  bool          // one of its Updates does more than to delete
	closed bool          // nothing more may join; guarded by backend.mu
	full   chan struct{} // closed with it
	failed bool          // guarded by backend.mu; set before done is closed
	done   chan struct{} // closed when the outcome is known
	err    error         // the outcome; to be read after done is closed
}

func newGroup(l *writeSet) *group {
	return &group{
		writeSet: l,
		grows:    l.grows && len(l.drops) == 0,
		full:     make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// maxGroup is the number of bytes from which a group is committed before anything else joins it.
const maxGroup = 4 * mib

// join adds what tx has written to the pending group, and returns the group whose outcome is that of tx. It returns
// errRetry if what tx has read from has failed.
func (b *backend) join(t *tx) (*group, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for _, g := range t.below {
			if g.failed && b.broken == nil {
				return nil, errRetry
			}
		}
		g := b.pending
		switch {
		case b.broken != nil:
			return nil, b.broken
		case t.own.empty():
			return t.newest(), nil
		case g == nil:
			b.pending = newGroup(t.own)
			return b.pending, nil
		case g.bytes < maxGroup && g.atomic.plus(t.own.atomic).fits(b.atomic):
			g.grows = g.grows || t.own.grows && len(t.own.drops) == 0
			g.merge(t.own)
			if t.own.reset() {
				b.spare = t.own
			}
			t.own = nil
			return g, nil
		}
		if !g.closed {
			g.closed = true
			close(g.full)
		}
		b.mu.Unlock()
		_ = b.await(g, false) // Its members get the error; here only t.below counts.
		b.mu.Lock()
	}
}

// errRetry says that an Update's function must run again. It does not leave the package.
var errRetry = errors.New("badger: run again")

func (s size) plus(t size) size     { return size{s.count + t.count, s.bytes + t.bytes} }
func (s size) fits(limit size) bool { return s.count <= limit.count && s.bytes <= limit.bytes }

// await returns the outcome of g. Of all who wait, one commits the group that is pending; this costs no goroutine
// and, for a lone caller, no switch to another. With gather, it first lets those join who wait for their turn, which
// the caller must not have.
func (b *backend) await(g *group, gather bool) error {
	select {
	case <-g.done:
		return g.err
	case b.lead <- struct{}{}:
	}
	defer func() { <-b.lead }()
	select {
	case <-g.done:
	default:
		// Whoever leads finds no group in flight, so g is the one that is pending.
		if gather && b.queued.Load() > 0 {
			b.gather(g)
		}
		b.commitPending()
	}
	return g.err
}

// gatherTime bounds how long a commit waits for the functions of others.
const gatherTime = 2 * time.Millisecond

// gather lets those join g who wait for their turn.
func (b *backend) gather(g *group) {
	late := time.NewTimer(gatherTime)
	defer late.Stop()
	select {
	case b.turn <- struct{}{}: // It is given in the order in which it was asked for.
		<-b.turn
	case <-g.full:
	case <-late.C:
	}
}

// commitPending commits the pending group. The caller leads.
func (b *backend) commitPending() {
	b.mu.Lock()
	g := b.pending
	b.pending, b.inflight = nil, g
	err := b.broken
	b.mu.Unlock()

	ts := b.ts + 1
	var fatal bool
	if err == nil {
		fatal, err = b.write(g, ts)
	}
	if err == nil {
		b.ts = ts
		b.remember(g, ts)
	}

	if fatal {
		heal(b.db)
	}

	b.mu.Lock()
	b.inflight = nil
	if err == nil {
		b.hot.apply(g.writes, ts)
		oldest := b.timeline.publish(ts)
		b.db.SetDiscardTs(oldest)
		b.drops.forget(oldest)
	} else {
		if fatal && b.broken == nil {
			b.broken = fmt.Errorf("badger: a write has failed, the store must be opened again: %w", err)
		}
		g.fail(err)
		// What joined meanwhile has read from what failed.
		if next := b.pending; next != nil {
			b.pending = nil
			next.fail(err)
		}
	}
	b.mu.Unlock()
	if err == nil {
		close(g.done)
	} else if fatal && isLack(err) {
		b.fail(err)
	}
}

// checkFiles returns an error if a write could come to wait for descriptors, or space.
func (b *backend) checkFiles() error {
	if why := b.files.failing.Load(); why != nil {
		// The flusher tries again each second, and does not tell when it has succeeded.
		if b.isFlushed(b.files.rotated.Load()) {
			b.files.failing.Store(nil)
		} else if !isLack(*why) || b.lack() == storage.ErrNoSpace || probeFiles(reserveFiles+rotationFiles) != nil {
			return *why
		}
	}
	return b.files.check()
}

func (g *group) fail(err error) {
	g.failed, g.err = true, err
	close(g.done)
}

// remember makes the cache and the set of drops tell what g has written. It comes before ts is published.
func (b *backend) remember(g *group, ts uint64) {
	for s := range g.drops {
		b.drops.add(s, ts)
	}
	for key, w := range g.writes {
		if key[0] == stackType {
			b.stacks.touch(storage.ID([]byte(key[1:headSize])), ts)
		}
		if !isCached(key) {
			continue
		}
		if w.value == nil {
			b.cache.touch(key, nil, ts)
		} else {
			b.cache.touch(key, payloadOf(w.value), ts)
		}
	}
}

// write writes g at ts, in one transaction if it fits. It reports whether an error leaves it unknown what was written.
func (b *backend) write(g *group, ts uint64) (fatal bool, err error) {
	if err := b.space.check(g.bytes, g.grows); err != nil {
		return false, err
	}
	puts := make([]put, 0, len(g.writes))
	limit := b.atomic
	if all := (size{int64(len(g.writes)), g.bytes}); all.fits(limit) {
		for key, w := range g.writes {
			puts = append(puts, put{key, w.value})
		}
		return b.tryCommit(puts, ts, g.grows)
	}
	// The objects go ahead. They have the timestamp of the rest, so nobody sees them before it.
	var sum size
	for _, key := range g.objects {
		p := put{key, g.writes[key].value}
		n := size{1, entrySize(p.key, p.value)}
		if !sum.plus(n).fits(limit) {
			if fatal, err := b.tryCommit(puts, ts, g.grows); err != nil {
				return fatal, err
			}
			puts, sum = puts[:0], size{}
		}
		puts, sum = append(puts, p), sum.plus(n)
	}
	if fatal, err := b.tryCommit(puts, ts, g.grows); err != nil {
		return fatal, err
	}
	puts = puts[:0]
	for key, w := range g.writes {
		if !isObject(key) {
			puts = append(puts, put{key, w.value})
		}
	}
	return b.tryCommit(puts, ts, g.grows)
}

func (b *backend) tryCommit(puts []put, ts uint64, grows bool) (fatal bool, err error) {
	if len(puts) == 0 {
		return false, nil
	}
	n := int64(0)
	for _, p := range puts {
		n += int64(len(p.key) + len(p.value))
	}
	if err := b.awaitFlush(grows); err != nil {
		return false, err
	}
	if b.files != nil {
		if err := b.files.room.Load().write(n, int64(len(puts))); err != nil {
			return false, err
		}
	}
	if b.unchecked += n; b.unchecked >= collectBytes {
		b.unchecked = 0
		b.collector.await(maxExcess)
		b.trimmer.trim()
	}
	err = b.commit(puts, ts)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, engine.ErrTxnTooBig):
		return false, fmt.Errorf("badger: %w", storage.ErrTooLarge)
	}
	return true, noSpace(noFiles(fmt.Errorf("badger: committing: %w", err)))
}

// keyBytes returns a key as the engine takes it, which copies it before it adds the timestamp.
func keyBytes(key string) []byte { return unsafe.Slice(unsafe.StringData(key), len(key)) }

// commitPuts writes one Badger transaction. A put without a value is a deletion.
func (b *backend) commitPuts(puts []put, ts uint64) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errEngine, p)
		}
	}()
	if b.files != nil {
		b.files.writing.Store(ts)
	}
	txn := b.db.NewTransactionAt(ts, true)
	defer txn.Discard()
	for _, p := range puts {
		if p.value == nil {
			err = txn.Delete(keyBytes(p.key))
		} else {
			err = txn.SetEntry(&engine.Entry{Key: keyBytes(p.key), Value: p.value})
		}
		if err != nil {
			return err
		}
	}
	return txn.CommitAt(ts, nil)
}
