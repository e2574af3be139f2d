package badger

import (
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

func TestContract(t *testing.T) {
	for name, opts := range map[string]*Options{
		"sync":      nil,
		"nosync":    {Durability: storage.NoSync},
		"memory":    {InMemory: true},
		"encrypted": {Durability: storage.NoSync, EncryptionKey: make([]byte, 32)},
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storage.Backend {
				dir := t.TempDir()
				if opts != nil && opts.InMemory {
					dir = ""
				}
				b, err := Open(dir, opts)
				if err != nil {
					t.Fatal(err)
				}
				return b
			})
		})
	}
}
