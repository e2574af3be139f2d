package badger

import (
	"errors"
	"fmt"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

// errEngine says that Badger has panicked. What is stored need not be damaged, and what is damaged has a wrong checksum
// when the store is opened again.
var errEngine = errors.New("badger: the engine has failed, the store must be opened again")

// rescue turns a panic of the engine into an error.
func rescue(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: reading: %v", errEngine, p)
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

// A reader reads at one timestamp, through the writes of the groups that are not yet published at it.
type reader struct {
	b     *backend
	snap  *snapshot
	own   *writeSet // what the Update itself has written; nil in a View
	below []*group  // the newest first
	txn   *engine.Txn
	key   []byte   // scratch
	short [64]byte // what key begins with, so that most keys need no more
}

// badger returns the transaction to read from the engine with.
func (r *reader) badger() *engine.Txn {
	if r.b.lookups.Add(1)%trimReads == 0 {
		r.b.trimmer.trim()
	}
	if r.txn == nil {
		r.txn = r.b.db.NewTransactionAt(r.snap.ts, false)
	}
	return r.txn
}

func (r *reader) end() {
	r.endTxn()
	r.snap.release()
	r.snap = nil
}

// endTxn lets go of the engine, but not of the snapshot.
func (r *reader) endTxn() {
	if r.txn != nil {
		discard(r.txn)
		r.txn = nil
	}
}

// discard discards txn. An iterator that the engine did not make, since it has failed, counts as one that is not
// closed; the transaction panics then, and holds nothing.
func discard(txn *engine.Txn) {
	var err error
	defer rescue(&err)
	txn.Discard()
}

// unpublished looks key up in what is not yet published. Not ok means that it says nothing about it.
func (r *reader) unpublished(key []byte) (w write, ok bool) {
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

// look returns what the writeSet says about key: for a key of a scope that was dropped, that it has no value.
func (l *writeSet) look(key []byte) (w write, ok bool) {
	if w, ok := l.writes[string(key)]; ok {
		return w, true
	}
	return write{}, l.drops.hide(key)
}

// get returns the payload under key, or ErrNotFound. It must not be changed.
func (r *reader) get(key []byte) ([]byte, error) {
	if w, ok := r.unpublished(key); ok {
		if w.value == nil {
			return nil, storage.ErrNotFound
		}
		return payloadOf(w.value), nil
	}
	return r.published(key)
}

// published is get without the layers.
func (r *reader) published(key []byte) ([]byte, error) {
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
	if w, ok := r.unpublished(key); ok {
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
