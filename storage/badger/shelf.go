package badger

import (
	"os"
	"runtime"
	"sync"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// A shelf keeps the tables of one engine without their descriptors: they are mapped, and Badger needs the descriptor of
// one only to delete it. Otherwise a store would take one for each 2 MiB. What is on the shelf has one more holder, who
// opens the file again when the table is no longer part of the store.
type shelf struct {
	mu     sync.Mutex
	tables map[*table.Table]*os.File // with the file that was closed
}

// canShelve says that a file stays mapped without its descriptor, and can be deleted meanwhile.
const canShelve = runtime.GOOS != "windows"

// arrange puts new tables of db on the shelf and takes those off that it no longer has. What there is no descriptor for
// stays until the next time, or until the next Open deletes it.
func (s *shelf) arrange(db *engine.DB) {
	levels, ok := levelsOf(db)
	if !ok || !canShelve {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tables == nil {
		s.tables = make(map[*table.Table]*os.File)
	}
	alive := make(map[*table.Table]bool, len(s.tables))
	for _, l := range levels {
		l.lock.RLock()
		for _, t := range *l.tables {
			alive[t] = true
			if _, ok := s.tables[t]; !ok && t.Fd != nil {
				t.IncrRef()
				s.tables[t], t.Fd = t.Fd, nil
				_ = s.tables[t].Close() // It was synced when it was made.
				unload(t.Data)
			}
		}
		l.lock.RUnlock()
	}
	for t, closed := range s.tables {
		if alive[t] {
			continue
		}
		f, err := os.OpenFile(closed.Name(), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		t.Fd = f
		delete(s.tables, t)
		_ = t.DecrRef() // Whoever is the last to hold it deletes it.
	}
}

// clear unmaps what is on the shelf of an engine that is closed.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, closed := range s.tables {
		t.Fd = closed // Without one, Badger takes it for a table in memory.
		_ = t.Close(-1)
	}
	s.tables = nil
}

// unload takes what is mapped of the tables out of the process.
func (s *shelf) unload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.tables {
		unload(t.Data)
	}
}
