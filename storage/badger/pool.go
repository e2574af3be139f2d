package badger

import (
	"reflect"
	"unsafe"

	engine "github.com/dgraph-io/badger/v4"
)

// A bufferPool is what Badger keeps the buffers in that it makes tables with.
type bufferPool interface{ Release() }

// unpool takes the pool of buffers away from db, and returns it to be released after db, or nil. The pool keeps up to
// eight buffers, each of which grows to several times a memtable, for as long as the store is written to: hundreds of
// megabytes. Without it, the garbage collector frees a buffer when its table is made. Badger has no option for this,
// but takes nil for no pool. Builders that began with the pool go on with it, so it may be taken at any time. Where
// Badger names the field differently, the pool stays.
func unpool(db *engine.DB) bufferPool {
	f, ok := reflect.TypeFor[engine.DB]().FieldByName("allocPool")
	if !ok || f.Type.Kind() != reflect.Pointer || raceDetector {
		return nil
	}
	field := reflect.NewAt(f.Type, unsafe.Add(unsafe.Pointer(db), f.Offset)).Elem()
	pool, ok := field.Interface().(bufferPool)
	if !ok {
		return nil
	}
	field.SetZero()
	return pool
}
