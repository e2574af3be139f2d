package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	engine "github.com/dgraph-io/badger/v4"

	"github.com/reposit/reposit/storage"
)

// inspectRead looks at the files in dir before Badger opens them to read alone, which it can if the store was closed:
// otherwise there are logs, which it would have to make tables of.
func inspectRead(dir string, settings engine.Options) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		return fmt.Errorf("badger: opening %q to read alone: %w", dir, errors.ErrUnsupported)
	}
	if _, err := os.Stat(filepath.Join(dir, engine.ManifestFilename)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("badger: %q holds no store: %w", dir, storage.ErrNotFound)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	unlock, err := lockShared(dir)
	if err != nil {
		return err
	}
	defer unlock()
	manifest, err := readManifest(dir, entries, settings)
	if err != nil {
		return err
	}
	if err := probeFiles(len(manifest.Tables) + openFiles); err != nil {
		return err
	}
	if err := checkClosed(dir, entries); err != nil {
		return err
	}
	keys, err := openKeys(dir, settings)
	if err != nil {
		return err
	}
	return verifyTables(dir, manifest, keys)
}

// checkClosed returns ErrReadOnly if the next Open has something to write that a crash left.
func checkClosed(dir string, entries []fs.DirEntry) error {
	left := ""
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if ext := filepath.Ext(e.Name()); ext == keptSuffix || ext == ".mem" && info.Size() > 0 {
			left = e.Name()
		}
	}
	pinned, err := readPins(dir)
	if err != nil {
		return err
	}
	if len(pinned) > 0 {
		left = pinsName
	}
	if left != "" {
		return fmt.Errorf("badger: %q was not closed, %q must be worked off first by opening it to write: %w",
			dir, left, storage.ErrReadOnly)
	}
	return nil
}

// enterWrite is enter for calls that write.
func (b *backend) enterWrite() error {
	if err := b.enter(); err != nil {
		return err
	}
	if b.options.ReadOnly {
		b.leave()
		return fmt.Errorf("badger: %w", storage.ErrReadOnly)
	}
	return nil
}
