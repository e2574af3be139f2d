package badger

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/skl"

	"github.com/reposit/reposit/storage"
)

// memtables sees the memtables of one engine: the one that is written to, and those that are to become tables.
type memtables struct {
	lock *sync.RWMutex
	now  reflect.Value // of a pointer to the one that is written to
	old  reflect.Value // of the others, a slice
	size int64         // bytes from which one is full
	seen uintptr       // the one that was last told its size
}

// memtablesOf returns the memtables of db, or nil where Badger names or types them differently.
func memtablesOf(db *engine.DB) *memtables {
	fields := reflect.ValueOf(db).Elem()
	now, ok := fieldOf(fields, "mt")
	if !ok || now.Kind() != reflect.Pointer || now.Type().Elem().Kind() != reflect.Struct {
		return nil
	}
	if list, ok := now.Type().Elem().FieldByName("sl"); !ok || list.Type != reflect.TypeFor[*skl.Skiplist]() {
		return nil
	}
	if opt, ok := now.Type().Elem().FieldByName("opt"); !ok || opt.Type != reflect.TypeFor[engine.Options]() {
		return nil
	}
	old, ok := fieldOf(fields, "imm")
	if !ok || old.Kind() != reflect.Slice {
		return nil
	}
	lock, ok := fieldOf(fields, "lock")
	if !ok {
		return nil
	}
	m := &memtables{now: now, old: old}
	if m.lock, ok = lock.Addr().Interface().(*sync.RWMutex); !ok {
		return nil
	}
	m.size = memtableFill(db.Opts())
	return m
}

// memtableFill is how full a memtable becomes, of what Badger makes for it. Transactions are limited to a part of its
// size. The buffer in which it is made a table begins with twice BaseTableSize, and what is added to that is twice as
// large each time: of a full one, three quarters would be in a last part of its own size.
func memtableFill(o engine.Options) int64 { return o.MemTableSize / 16 * 10 }

// limit has the memtable that is written to become a table when it is full. It is for one goroutine.
func (m *memtables) limit() {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.now.IsNil() || m.now.Pointer() == m.seen {
		return
	}
	m.seen = m.now.Pointer()
	if field, ok := fieldOf(m.now.Elem(), "opt"); ok {
		opt := field.Addr().Interface().(*engine.Options)
		opt.MemTableSize = min(opt.MemTableSize, m.size)
	}
}

// count returns how many memtables there are, and whether the one that is written to may be full.
func (m *memtables) count() (n int, full bool) {
	m.lock.RLock()
	defer m.lock.RUnlock()
	n = m.old.Len()
	if m.now.IsNil() {
		return n, false
	}
	list, _ := fieldOf(m.now.Elem(), "sl")
	s, ok := list.Interface().(*skl.Skiplist)
	return n + 1, ok && s != nil && s.MemSize() >= m.size-m.size/16 // The log may be fuller.
}

// unload takes what is mapped of the logs out of the process: they are read only by the next Open.
func (m *memtables) unload() {
	m.lock.RLock()
	defer m.lock.RUnlock()
	for i := range m.old.Len() {
		unloadLog(m.old.Index(i))
	}
	unloadLog(m.now)
}

func unloadLog(memtable reflect.Value) {
	for _, name := range [...]string{"wal", "MmapFile", "Data"} {
		if memtable.Kind() != reflect.Pointer || memtable.IsNil() || memtable.Elem().Kind() != reflect.Struct {
			return
		}
		field, ok := fieldOf(memtable.Elem(), name)
		if !ok {
			return
		}
		memtable = field
	}
	if memtable.Type() == reflect.TypeFor[[]byte]() {
		unload(memtable.Bytes())
	}
}

// maxMemtables is how many memtables there are at most: one that is written to, and one that becomes a table. Badger
// would have one more wait in between.
const maxMemtables = 2

// flushWait is how long a write waits before it looks again whether the memtable before has become a table.
const flushWait = time.Millisecond

// awaitFlush returns when a write to the memtable makes no third one, or an error if that could take for ever.
func (b *backend) awaitFlush(grows bool) error {
	for {
		if err := b.checkTables(grows); err != nil {
			return err
		}
		if b.memtables == nil {
			return nil
		}
		if n, full := b.memtables.count(); n < maxMemtables || !full {
			b.memtables.limit()
			return nil
		}
		b.held.Add(1)
		time.Sleep(flushWait)
		b.held.Add(-1)
	}
}

// checkTables returns an error if a write could come to wait for descriptors, or space, that a table needs.
func (b *backend) checkTables(grows bool) error {
	if b.files == nil {
		return nil
	}
	if grows && b.keeper.starving.Load() {
		return fmt.Errorf("badger: a compaction waits for space: %w", storage.ErrNoSpace)
	}
	return b.checkFiles()
}
