package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/reposit/reposit/storage"
)

// TestDamaged holds that a file is called damaged for its bytes alone.
func TestDamaged(t *testing.T) {
	panicked := contain(func() error {
		var missing *tableFile
		missing.off++
		return nil
	})
	for _, test := range []struct {
		name string
		err  error
		want error
		not  error
	}{
		{"wrong sum", errChecksum, storage.ErrCorrupt, errEngine},
		{"malformed", errLayout, storage.ErrCorrupt, errEngine},
		{"missing", &fs.PathError{Op: "open", Err: syscall.ENOENT}, storage.ErrCorrupt, errEngine},
		{"no descriptors", &fs.PathError{Op: "open", Err: syscall.EMFILE}, storage.ErrNoFiles, storage.ErrCorrupt},
		{"no permission", &fs.PathError{Op: "open", Err: syscall.EACCES}, os.ErrPermission, storage.ErrCorrupt},
		{"a panic", panicked, errEngine, storage.ErrCorrupt},
	} {
		err := damaged("file", test.err)
		if !errors.Is(err, test.want) || errors.Is(err, test.not) {
			t.Errorf("%s: %v, want %v, not %v", test.name, err, test.want, test.not)
		}
	}
}

// TestBlockExtents cuts and changes an index, as no checksum would let through: it is malformed, or yields extents.
func TestBlockExtents(t *testing.T) {
	index := []byte{
		16, 0, 0, 0, // where the table is
		0, 0, 6, 0, 8, 0, 4, 0, // its vtable, from 6: 6 bytes, a table of 8, the offsets at 4
		0, 0, 0, 0,
		10, 0, 0, 0, // where the vtable is, before this
		4, 0, 0, 0, // where the list is
		0, 0, 0, 0, // no offsets
	}
	if _, err := blockExtents(index, true); !errors.Is(err, errLayout) {
		t.Errorf("blockExtents() of no blocks = %v, want %v", err, errLayout)
	}
	for n := range index {
		if extents, err := blockExtents(index[:n], true); !errors.Is(err, errLayout) || extents != nil {
			t.Errorf("blockExtents() of %d bytes = %v, %v, want %v", n, extents, err, errLayout)
		}
	}
	for at := range index {
		for _, b := range []byte{1, 127, 255} {
			changed := append([]byte(nil), index...)
			changed[at] = b
			name := fmt.Sprintf("byte %d is %d", at, b)
			extents, err := blockExtents(changed, false)
			if err == nil && len(extents) != 1 || err != nil && !errors.Is(err, errLayout) {
				t.Errorf("%s: blockExtents() = %v, %v", name, extents, err)
			}
		}
	}
}
