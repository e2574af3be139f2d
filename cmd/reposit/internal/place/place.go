// Package place opens the store in a folder, on whichever backend it is.
package place

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-billy/v5/osfs"

	"github.com/reposit/reposit"
	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/badger"
	"github.com/reposit/reposit/storage/billyfs"
)

// The backends that there are.
const (
	Badger  = "badger"
	Billyfs = "billyfs"
)

// backends opens each kind of backend in a folder.
var backends = map[string]func(dir string) (storage.Backend, error){
	Badger:  func(dir string) (storage.Backend, error) { return badger.Open(dir, nil) },
	Billyfs: func(dir string) (storage.Backend, error) { return billyfs.Open(osfs.New(dir), nil) },
}

// Known reports whether there is such a backend.
func Known(kind string) bool { return backends[kind] != nil }

// Detect returns which kind of store is in a folder, or storage.ErrFormat if there is none.
func Detect(dir string) (kind string, err error) {
	for _, mark := range []struct{ file, kind string }{{"MANIFEST", Badger}, {"reposit", Billyfs}} {
		_, err := os.Lstat(filepath.Join(dir, mark.file))
		if err == nil {
			return mark.kind, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s: there is no store here: %w", dir, storage.ErrFormat)
}

// Open opens the store in a folder. If another process has it, the error says which, where the system tells.
func Open(ctx context.Context, dir string) (*reposit.Store, error) {
	kind, err := Detect(dir)
	if err != nil {
		return nil, err
	}
	return OpenKind(ctx, dir, kind)
}

// OpenKind opens a store on a backend, and makes it in an empty folder.
func OpenKind(ctx context.Context, dir, kind string) (*reposit.Store, error) {
	b, err := Backend(dir, kind)
	if err != nil {
		return nil, err
	}
	s, err := reposit.Open(ctx, b, nil)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return s, nil
}

// Backend opens a backend in a folder.
func Backend(dir, kind string) (storage.Backend, error) {
	b, err := backends[kind](dir)
	if errors.Is(err, storage.ErrLocked) {
		if who := Holder(dir); who != "" {
			err = fmt.Errorf("%w by %s", err, who)
		}
	}
	return b, err
}
