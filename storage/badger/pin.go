package badger

import (
	"reflect"
	"sync"
	"time"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// A pin holds all tables of one moment, so that their files stay.
type pin struct{ tables []*table.Table }

// takePin pins the tables that db has now, level by level from the first: what is flushed or compacted meanwhile is
// pinned at least once. It returns nil if there is no db, or Badger names or types its levels differently than known.
func takePin(db *engine.DB) *pin {
	levels, ok := levelsOf(db)
	if !ok {
		return nil
	}
	p := new(pin)
	for _, l := range levels {
		l.lock.RLock()
		for _, t := range *l.tables {
			t.IncrRef()
			p.tables = append(p.tables, t)
		}
		l.lock.RUnlock()
	}
	return p
}

// A level is what is to be known of one of Badger's.
type level struct {
	lock   *sync.RWMutex
	tables *[]*table.Table
}

func levelsOf(db *engine.DB) (all []level, ok bool) {
	if db == nil {
		return nil, false
	}
	controller, ok := fieldOf(reflect.ValueOf(db).Elem(), "lc")
	if !ok || controller.Kind() != reflect.Pointer || controller.IsNil() {
		return nil, false
	}
	levels, ok := fieldOf(controller.Elem(), "levels")
	if !ok || levels.Kind() != reflect.Slice || levels.Type().Elem().Kind() != reflect.Pointer {
		return nil, false
	}
	for i := range levels.Len() {
		var l level
		lock, ok := fieldOf(levels.Index(i).Elem(), "RWMutex")
		if ok {
			l.lock, ok = lock.Addr().Interface().(*sync.RWMutex)
		}
		if !ok {
			return nil, false
		}
		tables, ok := fieldOf(levels.Index(i).Elem(), "tables")
		if ok {
			l.tables, ok = tables.Addr().Interface().(*[]*table.Table)
		}
		if !ok {
			return nil, false
		}
		all = append(all, l)
	}
	return all, len(all) > 0
}

// renew makes the tables of the first level look new, so that Badger does not compact them into one that stays there. It
// would take a buffer of 256 MiB for that, however small they are.
func renew(db *engine.DB) {
	levels, ok := levelsOf(db)
	if !ok {
		return
	}
	first := levels[0]
	first.lock.Lock()
	defer first.lock.Unlock()
	for _, t := range *first.tables {
		t.CreatedAt = never
	}
}

// never is far in the future: Badger leaves alone what is not yet ten seconds old.
var never = time.Unix(1<<33, 0)

// release gives p up. The files that nothing else holds are deleted.
func (p *pin) release() {
	if p == nil {
		return
	}
	for _, t := range p.tables {
		_ = t.DecrRef() // What cannot be deleted is deleted by the next Open.
	}
}

func (p *pin) names() (tables []uint64) {
	if p == nil {
		return nil
	}
	for _, t := range p.tables {
		tables = append(tables, t.ID())
	}
	return tables
}
