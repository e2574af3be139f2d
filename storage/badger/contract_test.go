package badger

import (
	"testing"

	"github.com/reposit/reposit/storage"
	"github.com/reposit/reposit/storage/storagetest"
)

var durable = map[string]*Options{
	"sync":      nil,
	"nosync":    {Durability: storage.NoSync, MemoryBudget: 1},
	"encrypted": {Durability: storage.NoSync, MemoryBudget: 1, EncryptionKey: []byte("0123456789abcdef")},
}

func TestContract(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "sync" {
				t.Skip("long: what it does otherwise, TestContractReopened shows")
			}
			storagetest.Run(t, func(t *testing.T) storage.Backend { return mustOpen(t, t.TempDir(), opts) })
		})
	}
	t.Run("memory", func(t *testing.T) {
		opts := &Options{InMemory: true, MemoryBudget: 1}
		storagetest.Run(t, func(t *testing.T) storage.Backend { return mustOpen(t, "", opts) })
	})
}

func TestContractReopened(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			storagetest.RunReopen(t, func(t *testing.T) func() storage.Backend {
				dir := t.TempDir()
				return func() storage.Backend { return mustOpen(t, dir, opts) }
			})
		})
	}
}

func TestContractKilled(t *testing.T) {
	for name, opts := range durable {
		t.Run(name, func(t *testing.T) {
			storagetest.RunKill(t, rounds(*kills/2), func(dir string) (storage.Backend, error) { return Open(dir, opts) })
		})
	}
}

func mustOpen(t *testing.T, dir string, opts *Options) storage.Backend {
	t.Helper()
	b, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
