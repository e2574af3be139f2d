package memory

import "github.com/reposit/reposit/storage"

// tx is one transaction. Its keys and values are cut from one buffer, since they are many and small.
type tx struct {
	reader
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
	_, _, err := t.b.locate(pool, h)
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
