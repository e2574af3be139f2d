package badger

import (
	"reflect"
	"testing"

	"github.com/reposit/reposit/storage"
)

// TestEngineFields finds in Badger what the protection of tables reaches for by name. With another version of Badger
// that has none of it, a lost table would be waited for, and no longer be restored: this test is to be red first.
func TestEngineFields(t *testing.T) {
	opened := mustOpen(t, t.TempDir(), &Options{Durability: storage.NoSync})
	defer opened.Close()
	db := opened.(*backend).db
	if _, ok := levelsOf(db); !ok {
		t.Error("the levels are not found")
	}
	if _, ok := nextTable(db); !ok {
		t.Error("the number of the next table is not found")
	}
	if !buffersOf(db).IsValid() {
		t.Error("the pool of buffers is not found")
	}
	if memtablesOf(db) == nil {
		t.Error("the memtables are not found")
	}
	found := false
	replaceMemtable(db, func(old reflect.Value) bool {
		if found = !old.IsNil(); found {
			_, found = fieldOf(old.Elem(), "wal")
		}
		return false
	})
	if !found {
		t.Error("the memtable and its log are not found")
	}
}
