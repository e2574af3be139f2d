package badger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

// rescue turns a panic of the engine, which damaged files cause, into an error.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("badger: reading: %v: %w", p, storage.ErrCorrupt)
	}
}

// fetch returns the payload under key and the timestamp at which it was written, or ErrNotFound. The payload is the
// caller's.
func fetch(txn *engine.Txn, key []byte) (payload []byte, version uint64, err error) {
	defer rescue(&err)
	item, err := txn.Get(key)
	if err != nil {
		if errors.Is(err, engine.ErrKeyNotFound) {
			return nil, 0, storage.ErrNotFound
		}
		return nil, 0, fmt.Errorf("badger: %s: %w", describe(key), err)
	}
	version = item.Version()
	err = item.Value(func(v []byte) (err error) {
		// Get makes a new item, and the item its own copy of the value: no need for one more.
		payload, err = unseal(key, v)
		return err
	})
	return payload, version, err
}

// A reader reads at one timestamp, through the layers of the groups that are not yet published at it.
type reader struct {
	b     *backend
	snap  *snapshot
	own   *layer   // what the Update itself has written; nil in a View
	below []*group // the newest first
	txn   *engine.Txn
	key   []byte   // scratch
	short [64]byte // what key begins with, so that most keys need no more
}

// badger returns the transaction to read from the engine with.
func (r *reader) badger() *engine.Txn {
	if r.txn == nil {
		r.txn = r.b.db.NewTransactionAt(r.snap.ts, false)
	}
	return r.txn
}

func (r *reader) end() {
	if r.txn != nil {
		r.txn.Discard()
	}
	r.snap.release()
}

// layered looks key up in the layers. Not ok means that they say nothing about it.
func (r *reader) layered(key []byte) (w write, ok bool) {
	if r.own == nil {
		return write{}, false
	}
	if w, ok := r.own.look(key); ok {
		return w, true
	}
	for _, g := range r.below {
		if w, ok := g.look(key); ok {
			return w, true
		}
	}
	return write{}, false
}

// look returns what the layer says about key: for a key of a scope that was dropped, that it has no value.
func (l *layer) look(key []byte) (w write, ok bool) {
	if w, ok := l.writes[string(key)]; ok {
		return w, true
	}
	return write{}, l.hides(key)
}

// get returns the payload under key, or ErrNotFound. It must not be changed.
func (r *reader) get(key []byte) ([]byte, error) {
	if w, ok := r.layered(key); ok {
		if w.value == nil {
			return nil, storage.ErrNotFound
		}
		return payloadOf(w.value), nil
	}
	if !isCached(key) {
		payload, version, err := fetch(r.badger(), key)
		if err == nil && r.b.drops.hides(key, version, r.snap.ts) {
			return nil, storage.ErrNotFound
		}
		return payload, err
	}
	e, ok := r.b.cache.lookup(key, r.snap.ts)
	if !ok {
		payload, version, err := fetch(r.badger(), key)
		if err != nil && err != storage.ErrNotFound {
			return nil, err
		}
		e = cached{payload, version}
		if err != nil {
			e.ts = r.snap.ts
		}
		r.b.cache.fill(key, e, r.snap.ts)
	}
	if e.payload == nil || r.b.drops.hides(key, e.ts, r.snap.ts) {
		return nil, storage.ErrNotFound
	}
	return e.payload, nil
}

// has reports whether there is a value under key, without reading it.
func (r *reader) has(key []byte) (found bool, err error) {
	defer rescue(&err)
	if w, ok := r.layered(key); ok {
		return w.value != nil, nil
	}
	item, err := r.badger().Get(key)
	if errors.Is(err, engine.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("badger: %s: %w", describe(key), err)
	}
	return !r.b.drops.hides(key, item.Version(), r.snap.ts), nil
}

// An entry is a key with its payload.
type entry struct{ key, payload []byte }

// Numbers of entries that are read at once, so that neither locks nor iterators are held while a caller's loop body
// runs. The first is small because most loops are short.
const (
	firstPage = 64
	laterPage = 512
)

// A span is the keys lo <= key < hi, all of which begin with prefix, which keeps the engine from looking further.
type span struct {
	prefix, lo, hi []byte
	descending     bool
}

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.lo) >= 0 && bytes.Compare(key, s.hi) < 0
}

// scan calls yield with the entries in s, page by page, until it returns false. The layers may change between pages.
// After an error there is nothing more.
func (r *reader) scan(s span, yield func(entry, error) bool) {
	for n := firstPage; ; n = laterPage {
		page, more, err := r.page(s, n)
		if err != nil {
			yield(entry{}, err)
			return
		}
		for _, e := range page {
			if !yield(e, nil) {
				return
			}
		}
		if !more {
			return
		}
		if last := page[len(page)-1].key; s.descending {
			s.hi = last
		} else {
			s.lo = append(bytes.Clone(last), 0)
		}
	}
}

// page returns the first n entries in s, and whether there may be more.
func (r *reader) page(s span, n int) (page []entry, more bool, err error) {
	defer rescue(&err)
	if bytes.Compare(s.lo, s.hi) >= 0 {
		return nil, false, nil
	}
	over := r.overlay(s)
	it := r.badger().NewIterator(engine.IteratorOptions{Prefix: s.prefix, Reverse: s.descending})
	defer it.Close()
	if s.descending {
		if it.Seek(s.hi); it.Valid() && bytes.Equal(it.Item().Key(), s.hi) {
			it.Next()
		}
	} else {
		it.Seek(s.lo)
	}
	for len(page) < n {
		base := it.Valid() && s.holds(it.Item().Key())
		if !base && len(over) == 0 {
			return page, false, nil
		}
		if len(over) > 0 && (!base || before([]byte(over[0]), it.Item().Key(), s.descending)) {
			key := []byte(over[0])
			over = over[1:]
			if base && bytes.Equal(key, it.Item().Key()) {
				it.Next()
			}
			if w, _ := r.layered(key); w.value != nil {
				page = append(page, entry{key, payloadOf(w.value)})
			}
			continue
		}
		if !r.hidden(it.Item()) {
			e, err := entryOf(it.Item())
			if err != nil {
				return nil, false, err
			}
			page = append(page, e)
		}
		it.Next()
	}
	return page, true, nil
}

func entryOf(item *engine.Item) (entry, error) {
	key := item.KeyCopy(nil)
	value, err := item.ValueCopy(nil)
	if err != nil {
		return entry{}, fmt.Errorf("badger: %s: %w", describe(key), err)
	}
	payload, err := unseal(key, value)
	return entry{key, payload}, err
}

// before reports whether a comes before b or is b.
func before(a, b []byte, descending bool) bool {
	if descending {
		return bytes.Compare(a, b) >= 0
	}
	return bytes.Compare(a, b) <= 0
}

// hidden reports whether a drop hides what the engine has.
func (r *reader) hidden(item *engine.Item) bool {
	key := item.Key()
	if r.own != nil {
		if r.own.hides(key) {
			return true
		}
		for _, g := range r.below {
			if g.hides(key) {
				return true
			}
		}
	}
	return r.b.drops.hides(key, item.Version(), r.snap.ts)
}

// overlay returns the keys in s that any layer has written, in the order of the scan.
func (r *reader) overlay(s span) []string {
	if r.own == nil {
		return nil
	}
	over := slices.Clone(r.own.between(s.lo, s.hi))
	for _, g := range r.below {
		over = append(over, g.between(s.lo, s.hi)...)
	}
	slices.Sort(over)
	over = slices.Compact(over)
	if s.descending {
		slices.Reverse(over)
	}
	return over
}

func commonPrefix(a, b []byte) []byte {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}
