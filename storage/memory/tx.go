package memory

import (
	"iter"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/mvcc"
)

// tx is one unit of work. Its keys and values are cut from one buffer, since they are many and small.
type tx struct {
	b       *backend
	values  *mvcc.Tx[value]
	objects []newObject
	known   map[newName]struct{} // names of objects, once they are many
	dropped []storage.ID
	buffer  []byte
}

type newObject struct {
	newName
	object *object
}

type newName struct {
	pool storage.ID
	hash storage.Hash
}

func (t *tx) Ref(repo storage.ID, name string) (storage.Ref, error) {
	var buffer [refKeySize]byte
	v, ok := t.values.Get(text(appendRefKey(buffer[:0], repo, name)))
	return v.asRef(ok)
}

func (t *tx) Refs(repo storage.ID, prefix, after string) iter.Seq2[storage.Ref, error] {
	return readRefs(t.values, repo, prefix, after)
}

func (t *tx) Log(repo storage.ID, name string) iter.Seq2[storage.LogEntry, error] {
	return readLog(t.values, repo, name)
}

func (t *tx) Record(key []byte) ([]byte, error) {
	var buffer [recordKeySize]byte
	v, ok := t.values.Get(text(appendRecordKey(buffer[:0], key)))
	return v.asRecord(ok)
}

func (t *tx) Records(lo, hi []byte, order storage.Order) iter.Seq2[storage.Record, error] {
	return readRecords(t.values, lo, hi, order)
}

const bufferSize = 1 << 10

// room returns the empty end of a buffer that has room for n bytes.
func (t *tx) room(n int) []byte {
	if cap(t.buffer)-len(t.buffer) < n {
		t.buffer = make([]byte, 0, max(n, bufferSize))
	}
	return t.buffer[len(t.buffer):]
}

func (t *tx) take(b []byte) []byte {
	t.buffer = t.buffer[:len(t.buffer)+len(b)]
	return b[:len(b):len(b)]
}

func (t *tx) refKey(repo storage.ID, name string) string {
	return text(t.take(appendRefKey(t.room(1+len(repo)+len(name)), repo, name)))
}

func (t *tx) recordKey(key []byte) string {
	return text(t.take(appendRecordKey(t.room(1+len(key)), key)))
}

func (t *tx) PutRef(repo storage.ID, r storage.Ref, entry *storage.LogEntry) error {
	t.setRef(repo, r, true, entry)
	return nil
}

func (t *tx) DeleteRef(repo storage.ID, name string, entry *storage.LogEntry) error {
	if _, err := t.Ref(repo, name); err != nil {
		return nil
	}
	t.setRef(repo, storage.Ref{Name: name}, false, entry)
	return nil
}

func (t *tx) setRef(repo storage.ID, r storage.Ref, live bool, entry *storage.LogEntry) {
	key := t.refKey(repo, r.Name)
	state := &refState{ref: r, live: live}
	if old, ok := t.values.Get(key); ok {
		state.log = old.ref.log
	}
	if entry != nil {
		state.log = &logLine{entry: *entry, older: state.log}
	}
	t.values.Put(key, value{ref: state})
}

func (t *tx) PutRecord(key, val []byte) error {
	if len(key) > storage.MaxKey || len(val) > storage.MaxValue {
		return storage.ErrTooLarge
	}
	k := t.recordKey(key)
	v := t.take(append(t.room(len(val)), val...))
	t.values.Put(k, value{record: v})
	return nil
}

func (t *tx) DeleteRecord(key []byte) error {
	t.values.Delete(t.recordKey(key))
	return nil
}

func (t *tx) CreateRepo(repo, pool storage.ID) error { return nil }

// ForkRepo implements storage.Tx.
func (t *tx) ForkRepo(repo, from storage.ID) error {
	for r, err := range t.Refs(from, "", "") {
		if err != nil {
			return err
		}
		if storage.Inherited(r.Name) {
			if err := t.PutRef(repo, r, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) DropRepo(repo storage.ID) error {
	lo := string(appendRefKey(nil, repo, ""))
	for key := range t.values.Scan(lo, above(lo), false) {
		t.values.Delete(key)
	}
	return nil
}

func (t *tx) DropPool(pool storage.ID) error {
	t.dropped = append(t.dropped, pool)
	return nil
}

func (t *tx) HasObject(pool storage.ID, h storage.Hash) (bool, error) {
	name := newName{pool, h}
	if t.known != nil {
		if _, ok := t.known[name]; ok {
			return true, nil
		}
	} else {
		for i := range t.objects {
			if t.objects[i].newName == name {
				return true, nil
			}
		}
	}
	_, err := t.b.find(pool, h)
	return err == nil, nil
}

const manyObjects = 32

func (t *tx) PutObject(pool storage.ID, o storage.Object) (bool, error) {
	if has, err := t.HasObject(pool, o.Hash); has || err != nil {
		return false, err
	}
	t.objects = append(t.objects, newObject{newName{pool, o.Hash}, newStored(o)})
	switch {
	case t.known != nil:
		t.known[newName{pool, o.Hash}] = struct{}{}
	case len(t.objects) > manyObjects:
		t.known = make(map[newName]struct{}, 4*manyObjects)
		for i := range t.objects {
			t.known[t.objects[i].newName] = struct{}{}
		}
	}
	return true, nil
}

// commit makes the objects readable before the refs that lead to them.
func (t *tx) commit() {
	for _, o := range t.objects {
		t.b.put(o.pool, o.hash, o.object)
	}
	t.values.Commit()
	for _, id := range t.dropped {
		t.b.pools.put(id, nil)
	}
}
