package badger

import (
	"reflect"

	engine "github.com/dgraph-io/badger/v4"
)

// buffersOf returns the channel in which Badger keeps the buffers that it has made tables with, or an invalid value
// where Badger names it differently. The pool would keep up to eight, each of which grows to several times a memtable,
// for as long as the store is written to: hundreds of megabytes. Badger has no option for this.
func buffersOf(db *engine.DB) reflect.Value {
	pool, ok := fieldOf(reflect.ValueOf(db).Elem(), "allocPool")
	if !ok || pool.Kind() != reflect.Pointer || pool.IsNil() {
		return reflect.Value{}
	}
	ch, ok := fieldOf(pool.Elem(), "allocCh")
	if !ok || ch.Kind() != reflect.Chan {
		return reflect.Value{}
	}
	return ch
}

// takeBuffers frees the buffers that come back to the pool, until Badger closes it, and calls took for each. Each is
// of a table that is made, or given up.
func takeBuffers(ch reflect.Value, took func()) {
	for {
		b, ok := ch.Recv()
		if !ok {
			return
		}
		if r, ok := b.Interface().(interface{ Release() }); ok {
			r.Release()
		}
		took()
	}
}
