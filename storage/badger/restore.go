package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	engine "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// keptSuffix is what the names of tables end in that are to be restored: Badger deletes those of its own names that its
// manifest does not know.
const keptSuffix = ".kept"

// setAside renames the tables that a compaction may have lost, so that Badger does not delete them.
func setAside(dir string, manifest engine.Manifest) error {
	pinned, err := readPins(dir)
	if err != nil {
		return err
	}
	for _, id := range pinned {
		if _, ok := manifest.Tables[id]; ok {
			continue
		}
		name := table.NewFilename(id, dir)
		if err := os.Rename(name, name+keptSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if len(pinned) > 0 {
		return syncDir(dir)
	}
	// What has this suffix and is in no log was restored before.
	names, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+keptSuffix))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// escapeGlob returns dir as a pattern that matches dir alone.
func escapeGlob(dir string) string {
	return strings.NewReplacer(`*`, `[*]`, `?`, `[?]`, `[`, `[[]`).Replace(dir)
}

// restore writes again what a compaction may have lost: the newest version of each key in the tables that were set
// aside, if the store has none that is as new. A key's newest version is there with the older ones, since all tables of
// the compaction were pinned together; so what was deleted stays so. Nothing is compacted meanwhile.
//
// Many memtables become tables here, too: Badger waits for those before it has opened, and a compaction that began by
// then could not pin anything.
func restore(dir string, settings engine.Options) (err error) {
	kept, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+keptSuffix))
	if err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*.mem"))
	if err != nil {
		return err
	}
	if len(kept) > 0 || len(logs) > settings.NumMemtables+1 {
		if err := restoreTables(dir, kept, settings); err != nil {
			return err
		}
	}
	if err := os.Remove(filepath.Join(dir, pinsName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(kept) > 0 {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	for _, name := range kept {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

func restoreTables(dir string, names []string, settings engine.Options) (err error) {
	keys, err := dataKeys(dir, settings.EncryptionKey)
	if err != nil {
		return err
	}
	settings.Logger = nil
	settings.NumCompactors = 0
	settings.NumLevelZeroTablesStall = math.MaxInt32
	db, err := openEngine(settings)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	slices.Sort(names)
	for _, name := range names {
		if err := restoreTable(db, name, keys); err != nil {
			return fmt.Errorf("badger: restoring %q: %w", name, noSpace(noFiles(err)))
		}
	}
	return nil
}

// dataKeys returns the keys that tables may be encrypted with, nil alone if none are.
func dataKeys(dir string, key []byte) ([][]byte, error) {
	if len(key) == 0 {
		return [][]byte{nil}, nil
	}
	registry, err := engine.OpenKeyRegistry(engine.KeyRegistryOptions{Dir: dir, ReadOnly: true, EncryptionKey: key})
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	for id := uint64(1); ; id++ {
		k, err := registry.DataKey(id)
		if err != nil {
			return keys, nil
		}
		keys = append(keys, k.GetData())
	}
}

func restoreTable(db *engine.DB, name string, keys [][]byte) (err error) {
	defer rescue(&err)
	var key []byte
	for _, key = range keys {
		if err = contain(func() error { return verifyTable(name, key, true) }); err == nil {
			break
		}
		if len(keys) == 1 || !errors.Is(err, errChecksum) && !errors.Is(err, errLayout) {
			break
		}
	}
	if err != nil {
		return damaged(name, err)
	}
	wb := db.NewManagedWriteBatch()
	defer wb.Cancel()
	txn := db.NewTransactionAt(math.MaxUint64, false)
	defer txn.Discard()
	err = tableEntries(name, key, func(e tableEntry) error {
		switch has, err := newest(txn, e.key); {
		case err != nil:
			return err
		case has >= e.version:
			return nil
		case e.deleted:
			return wb.DeleteAt(e.key, e.version)
		}
		return wb.SetEntryAt(&engine.Entry{Key: e.key, Value: e.value}, e.version)
	})
	if err != nil {
		return err
	}
	return wb.Flush()
}

// newest returns the newest version that txn sees of key, which may be a deletion, or 0.
func newest(txn *engine.Txn, key []byte) (uint64, error) {
	it := txn.NewKeyIterator(key, engine.IteratorOptions{AllVersions: true})
	defer it.Close()
	if it.Rewind(); it.Valid() {
		return it.Item().Version(), nil
	}
	return 0, nil
}
