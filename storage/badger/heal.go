package badger

import (
	"reflect"
	"sync"
	"unsafe"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/skl"
)

// healedArena is enough for the head of a list that stays empty.
const healedArena = 16 << 10

// heal gives db an empty memtable in place of one that it could not make: where one should be, it then has nil, which it
// dereferences when it is read from. Nothing may be written any more. Badger has no way to do this. Where it names or types things differently, reads fail until the store is opened again.
func heal(db *engine.DB) {
	mt, ok := fieldOf(reflect.ValueOf(db).Elem(), "mt")
	if !ok || mt.Kind() != reflect.Pointer || mt.Type().Elem().Kind() != reflect.Struct {
		return
	}
	field, ok := fieldOf(reflect.ValueOf(db).Elem(), "lock")
	if !ok {
		return
	}
	lock, ok := field.Addr().Interface().(*sync.RWMutex)
	if !ok {
		return
	}
	empty := reflect.New(mt.Type().Elem())
	list, ok := fieldOf(empty.Elem(), "sl")
	if !ok || list.Type() != reflect.TypeFor[*skl.Skiplist]() {
		return
	}
	lock.Lock()
	defer lock.Unlock()
	if mt.IsNil() {
		list.Set(reflect.ValueOf(skl.NewSkiplist(healedArena)))
		mt.Set(empty)
	}
}

// fieldOf returns the field of s, an addressable struct, in a form that can be read and set.
func fieldOf(s reflect.Value, name string) (reflect.Value, bool) {
	f := s.FieldByName(name)
	if !f.IsValid() {
		return f, false
	}
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem(), true
}
