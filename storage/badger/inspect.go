package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/internal/folder"
)

// openFiles is how many descriptors opening takes besides those of tables, and what is to be written then.
const openFiles = 24 + reserveFiles

// makeDir makes dir and its parents, as far as they are missing, so that a power cut does not take them.
func makeDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// inspect looks at the files in dir before Badger does, and adapts settings to them. Badger ends the process when it
// meets some kinds of damage, deletes all tables when its manifest is gone or cut short, and cannot open a log file
// that was created but not yet extended (dgraph-io/badger#2207).
func inspect(dir string, settings *engine.Options) (err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	manifest, err := readManifest(dir, entries, *settings)
	if err != nil {
		return err
	}
	if err := probeFiles(len(manifest.Tables) + openFiles); err != nil {
		return err
	}
	keys, err := openKeys(dir, *settings)
	if err != nil {
		return err
	}
	if err := inspectLogs(dir, entries, settings); err != nil {
		return err
	}
	if err := setAside(dir, manifest); err != nil {
		return err
	}
	return verifyTables(dir, manifest, keys)
}

// openKeys returns the keys that tables are encrypted with.
func openKeys(dir string, settings engine.Options) (*engine.KeyRegistry, error) {
	keys, err := engine.OpenKeyRegistry(engine.KeyRegistryOptions{
		Dir: dir, ReadOnly: true, EncryptionKey: settings.EncryptionKey,
	})
	if errors.Is(err, engine.ErrEncryptionKeyMismatch) {
		return nil, fmt.Errorf("badger: %q: %w", dir, err)
	}
	if err != nil {
		return nil, damaged(engine.KeyRegistryFileName, err)
	}
	return keys, nil
}

// damaged returns err, about a file, as ErrCorrupt, unless it tells of the process or the system instead of the bytes.
func damaged(name string, err error) error {
	err = noFiles(err)
	if errors.Is(err, storage.ErrNoFiles) || errors.Is(err, fs.ErrPermission) || errors.Is(err, errEngine) {
		return fmt.Errorf("badger: file %q: %w", name, err)
	}
	return fmt.Errorf("badger: file %q: %w: %w", name, err, storage.ErrCorrupt)
}

// readManifest returns the manifest, which is empty for a store that is yet to be created.
func readManifest(dir string, entries []fs.DirEntry, settings engine.Options) (none engine.Manifest, err error) {
	f, err := os.Open(filepath.Join(dir, engine.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		if err := foreign(dir, entries); err != nil {
			return none, err
		}
		for _, e := range entries {
			if ext := filepath.Ext(e.Name()); ext == ".sst" || ext == ".mem" {
				return none, damaged(engine.ManifestFilename, fmt.Errorf("missing, but there is %q", e.Name()))
			}
		}
		return none, nil
	}
	if err != nil {
		return none, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return none, err
	}
	if len(data) < 8 || string(data[:4]) != "Bdgr" || binary.BigEndian.Uint16(data[4:]) != magic {
		return none, fmt.Errorf("badger: %q is not a store of this kind: %w", dir, storage.ErrFormat)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return none, err
	}
	m, end, err := engine.ReplayManifestFile(f, magic, settings)
	if err != nil {
		return none, damaged(engine.ManifestFilename, err)
	}
	if !torn(data[min(end, int64(len(data))):]) {
		return none, damaged(engine.ManifestFilename, errors.New("damaged length"))
	}
	return m, nil
}

// foreign returns storage.ErrFormat, naming what it found, unless a directory without a manifest holds nothing but what
// Badger makes before that, or what is left of a store, and strays.
func foreign(dir string, entries []fs.DirEntry) error {
	var names []string
	for _, e := range entries {
		name := e.Name()
		switch ext := filepath.Ext(name); {
		case ext == ".sst" || ext == ".mem" || ext == ".vlog":
		case name == "LOCK" || name == "DISCARD" || name == "MANIFEST-REWRITE" ||
			name == pinsName || name == ballastName || ext == keptSuffix ||
			strings.Contains(name, engine.KeyRegistryFileName):
		default:
			names = append(names, name)
		}
	}
	if found := folder.Describe(names); found != "" {
		return fmt.Errorf("badger: %q is no store, it holds %s: %w", dir, found, storage.ErrFormat)
	}
	return nil
}

// torn reports whether tail, which Badger is going to cut off its manifest, is what a crash leaves of one change.
// A change is length(4) CRC-32C(4) body; if the length is damaged, Badger takes all that follows for a torn change.
func torn(tail []byte) bool {
	for i := range tail {
		rest := tail[i:]
		if len(rest) <= 8 {
			return true
		}
		n := uint64(binary.BigEndian.Uint32(rest))
		sum, body := binary.BigEndian.Uint32(rest[4:]), rest[8:]
		if n > 0 && n <= uint64(len(body)) && crc32.Checksum(body[:n], castagnoli) == sum {
			return false
		}
		if i == 0 && crc32.Checksum(body, castagnoli) == sum {
			return false
		}
	}
	return true
}

// inspectLogs removes log files that hold nothing, and makes room for those that are to be replayed. The value log,
// and what Badger counts of it, never holds anything; damage there would be in the way nevertheless.
func inspectLogs(dir string, entries []fs.DirEntry, settings *engine.Options) error {
	need := int64(4 * mib)
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		unused := ext == ".vlog" || e.Name() == "DISCARD"
		if ext != ".mem" && !unused {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() == 0 || unused {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
			continue
		}
		// It may be of a run with larger memtables, which must fit into those of this one.
		settings.MemTableSize = maxMemtable
		need += min(info.Size(), maxMemtable)
	}
	left, err := freeSpace(dir)
	if err != nil {
		return err
	}
	if left < need {
		return fmt.Errorf("badger: %d bytes left in %q, opening takes %d: %w", left, dir, need, storage.ErrNoSpace)
	}
	return nil
}
