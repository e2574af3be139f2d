package badger

import (
	"sync"

	engine "github.com/dgraph-io/badger/v4"
)

// A trimmer takes the pages of tables and logs out of the process when it has come to have many more of files. The
// system counts them as the process's, though it can take them back by itself.
type trimmer struct {
	shelf *shelf
	limit int64 // bytes of files that may come to be in memory

	mu        sync.Mutex
	base      int64      // what others have of files, at most
	db        *engine.DB // nil before it is open
	memtables *memtables // of db; nil: they are not known
}

func newTrimmer(s *shelf, limit int64) *trimmer {
	return &trimmer{shelf: s, limit: limit, base: residentFiles()}
}

// open says what is to be trimmed.
func (t *trimmer) open(db *engine.DB, m *memtables) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.db, t.memtables = db, m
}

// trim does it if there is reason. A nil trimmer, that of a store without files, does nothing.
func (t *trimmer) trim() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := residentFiles()
	t.base = min(t.base, now)
	if t.db == nil || now-t.base < t.limit {
		return
	}
	t.shelf.arrange(t.db)
	t.shelf.unload()
	if t.memtables != nil {
		t.memtables.unload()
	}
	t.base = residentFiles()
}

// trimReads is after how many look-ups in Badger trim is called.
const trimReads = 1024
