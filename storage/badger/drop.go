package badger

import (
	"bytes"
	"context"
	"iter"
	"sync"
	"sync/atomic"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/refstack"
)

// dropped is the timestamps at which repositories and pools were dropped, as long as keys of them may be left. A key
// of such a scope is visible only if it is not older than the drop.
type dropped struct {
	count atomic.Int64 // of entries in at; most of the time it is 0, and nobody takes the lock
	mu    sync.RWMutex
	at    map[scope][]uint64
	gone  map[scope]uint64 // the timestamp from which no key of the scope is left
}

func (d *dropped) add(s scope, ts uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at == nil {
		d.at, d.gone = make(map[scope][]uint64), make(map[scope]uint64)
	}
	d.at[s] = append(d.at[s], ts)
	delete(d.gone, s)
	d.count.Store(int64(len(d.at)))
}

// reset forgets all drops.
func (d *dropped) reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at, d.gone = nil, nil
	d.count.Store(0)
}

// finish says that no key that the drop of s at timestamp drop hides is left for readers at ts or later.
func (d *dropped) finish(s scope, drop, ts uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := d.at[s]; len(at) > 0 && at[len(at)-1] == drop {
		d.gone[s] = ts
	}
}

// forget lets go of the drops that no reader needs, now that the oldest reads at ts.
func (d *dropped) forget(ts uint64) {
	if d.count.Load() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for s, gone := range d.gone {
		if gone <= ts {
			delete(d.gone, s)
			delete(d.at, s)
		}
	}
	d.count.Store(int64(len(d.at)))
}

// hides reports whether a reader at ts does not see what was written to key at version.
func (d *dropped) hides(key []byte, version, ts uint64) bool {
	if d.count.Load() == 0 {
		return false
	}
	whole, part, ok := scopesOf(key)
	if !ok {
		return false
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return version < max(d.last(whole, ts), d.last(part, ts))
}

// last returns the timestamp of the last drop of s that a reader at ts sees, or 0. The caller has locked d.
func (d *dropped) last(s scope, ts uint64) uint64 {
	at := d.at[s]
	for i := len(at) - 1; i >= 0; i-- {
		if at[i] <= ts {
			return at[i]
		}
	}
	return 0
}

// A remainder is what was not finished when the store was closed, or when a crash ended it.
type remainder struct {
	drops  []scope
	merges []storage.ID // what was being merged into
	packs  []storage.ID // that were being written
}

func (r remainder) none() bool { return len(r.drops)+len(r.merges)+len(r.packs) == 0 }

// load reads what the backend must know from the start: what is left to do, and whether there are records in two parts.
func (b *backend) load() (left remainder, err error) {
	r := reader{b: b, snap: b.timeline.acquire()}
	defer r.end()
	defer rescue(&err)
	keys := func(prefix ...byte) iter.Seq[*engine.Item] {
		return func(yield func(*engine.Item) bool) {
			it := r.badger().NewIterator(engine.IteratorOptions{Prefix: prefix})
			defer it.Close()
			for it.Rewind(); it.Valid() && yield(it.Item()); it.Next() {
			}
		}
	}
	for item := range keys(droppedType) {
		if s, ok := parseMarker(item.Key()); ok {
			b.drops.add(s, item.Version())
			left.drops = append(left.drops, s)
		} else if key := item.Key(); len(key) == 2+idSize && key[1] == writingKind {
			left.packs = append(left.packs, storage.ID(key[2:]))
		}
	}
	for item := range keys(stackType, 0) {
		if len(item.Key()) == headSize {
			left.merges = append(left.merges, storage.ID(item.Key()[1:]))
		}
	}
	for range keys(tailType) {
		b.split.Store(true)
		break
	}
	return left, nil
}

// tidy finishes drops and undoes merges.
func (b *backend) tidy(left remainder) error {
	for _, into := range left.merges {
		err := b.work(context.Background(), func(t *tx) error { return refstack.Drop(medium{t}, into) })
		if err != nil {
			return err
		}
	}
	for _, key := range left.packs {
		if err := b.abandonPack(context.Background(), key); err != nil {
			return err
		}
	}
	for _, s := range left.drops {
		if err := b.sweep(s); err != nil {
			return err
		}
	}
	return b.reclaim()
}

// sweepBatch is how many keys of a drop are deleted in one Update.
const sweepBatch = 2000

// sweep deletes the keys that the last drop of s hides, and then its marker. It stops early when the store is being
// closed: the next Open goes on.
func (b *backend) sweep(s scope) error {
	snap := b.timeline.acquire()
	b.drops.mu.RLock()
	drop := b.drops.last(s, snap.ts)
	b.drops.mu.RUnlock()
	snap.release()
	for _, kind := range s.types() {
		prefix := appendHead(nil, kind, s.id)
		for next := prefix; next != nil; {
			if b.closing.Load() {
				return nil
			}
			from := next
			var n int64
			err := b.update(context.Background(), func(t *tx) (err error) {
				next, n, err = t.sweepKeys(prefix, from, drop)
				return err
			})
			if err != nil {
				return err
			}
			b.garbage.Add(n)
		}
	}
	return b.unmark(s, drop)
}

// sweepKeys deletes some of the keys from lo that begin with prefix and are older than drop. It returns where to go
// on, or nil at the end, and how many bytes it has deleted.
func (t *tx) sweepKeys(prefix, lo []byte, drop uint64) (next []byte, size int64, err error) {
	defer rescue(&err)
	it := t.badger().NewIterator(engine.IteratorOptions{Prefix: prefix})
	defer it.Close()
	n := 0
	for it.Seek(lo); it.Valid(); it.Next() {
		key := it.Item().Key()
		if n == sweepBatch {
			return bytes.Clone(key), size, nil
		}
		n++
		if it.Item().Version() >= drop {
			continue
		}
		if _, ok := t.unpublished(key); !ok {
			t.own.set(string(key), nil)
			size += it.Item().EstimatedSize()
		}
	}
	return nil, size, nil
}

// unmark deletes the marker of a drop, unless there was another drop of s since, whose marker it then is.
func (b *backend) unmark(s scope, drop uint64) error {
	last := false
	err := b.update(context.Background(), func(t *tx) error {
		b.drops.mu.RLock()
		last = b.drops.last(s, t.snap.ts) == drop
		b.drops.mu.RUnlock()
		for _, g := range t.below {
			if _, again := g.drops[s]; again {
				last = false
			}
		}
		if last {
			t.own.set(s.marker(), nil)
		}
		return nil
	})
	if err == nil && last {
		snap := b.timeline.acquire()
		b.drops.finish(s, drop, snap.ts)
		snap.release()
	}
	return err
}

// DropPool implements storage.Tx.
func (t *tx) DropPool(pool storage.ID) error {
	if t.err != nil {
		return t.err
	}
	all, err := t.packsOf(pool)
	if err != nil {
		return t.doom(err)
	}
	for _, p := range all {
		if err := t.dropScope(packScope(p.key)); err != nil {
			return err
		}
	}
	return t.dropScope(poolScope(pool))
}

func (t *tx) dropScope(s scope) error {
	if t.err != nil {
		return t.err
	}
	t.own.drop(s)
	t.own.set(s.marker(), seal([]byte(s.marker())))
	return t.check()
}
